"""Immutable objects in an S3 store, each named after the hash of its content."""

import hashlib
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from urllib.parse import urlsplit
from xml.etree.ElementTree import ParseError

import polars as pl
from minio import Minio
from minio.error import MinioException, S3Error
from urllib3 import PoolManager, Retry, Timeout
from urllib3.exceptions import HTTPError

from readmit.core.errors import ContractViolated, PrerequisiteMissing, StoreUnavailable

# By default the client waits up to five minutes and retries for half a minute; the callers retry by themselves.
TIMEOUT = Timeout(connect=5, read=60)
RETRIES = Retry(total=2, backoff_factor=0.2, status_forcelist=[500, 502, 503, 504])
NOT_FOUND_CODES = ("NoSuchKey", "NoSuchBucket", "NoSuchObject")
BUCKET_EXISTS_CODES = ("BucketAlreadyOwnedByYou", "BucketAlreadyExists")


class Bucket:
    """One bucket, created when the first object is put into it."""

    def __init__(self, name: str, url: str, access_key: str, secret_key: str) -> None:
        self._name, self._url = name, url
        self._client = _client(url, access_key, secret_key)

    def put_immutable(self, stem: str, suffix: str, content: bytes) -> str:
        """Store content under a name that ends with its SHA-256, unless it is stored already, and return the name."""
        object_name = f"{stem}{_short_sha256(content)}{suffix}"
        if not self._exists(object_name):
            self.put(object_name, content)
        return object_name

    def get_verified(self, object_name: str) -> bytes:
        """Return the content of an immutable object.

        Raises PrerequisiteMissing when it does not exist, ContractViolated when it does not match the hash in its name.
        """
        content = self.get(object_name)
        if not PurePosixPath(object_name).stem.endswith(_short_sha256(content)):
            raise ContractViolated(f"object {object_name} in bucket {self._name} does not match the hash in its name")
        return content

    def address(self, object_name: str) -> str:
        """Return the S3 URI of an object, to be shown elsewhere."""
        return f"s3://{self._name}/{object_name}"

    def put(self, object_name: str, content: bytes) -> None:
        """Store an object; one of the same name is replaced."""
        self.make()
        with self._translated_errors():
            self._client.put_object(self._name, object_name, io.BytesIO(content), len(content))

    def get(self, object_name: str) -> bytes:
        """Return the content of an object. Raises PrerequisiteMissing when it does not exist."""
        with self._translated_errors(object_name):
            response = self._client.get_object(self._name, object_name)
            try:
                return response.read()
            finally:
                response.close()
                response.release_conn()

    def read_parquet(self, object_names: Iterable[str]) -> pl.DataFrame:
        """Return the rows of immutable Parquet objects, concatenated in order."""
        return pl.concat(self.each_parquet(object_names))

    def each_parquet(self, object_names: Iterable[str]) -> Iterator[pl.DataFrame]:
        """Yield the rows of each of some immutable Parquet objects, in order."""
        return (from_parquet(self.get_verified(name)) for name in object_names)

    def names(self, prefix: str = "") -> list[str]:
        """Return the sorted names of the objects in the bucket; none when the bucket does not exist."""
        return sorted(self.sizes(prefix))

    def sizes(self, prefix: str) -> dict[str, int]:
        """Return the bytes of each object with a prefix, by name; none when the bucket does not exist."""
        with self._translated_errors():
            if not self._client.bucket_exists(self._name):
                return {}
            items = self._client.list_objects(self._name, prefix=prefix, recursive=True)
            return {item.object_name: item.size or 0 for item in items if item.object_name}

    def remove(self, object_name: str) -> None:
        """Remove an object, if it exists."""
        with self._translated_errors(object_name):
            self._client.remove_object(self._name, object_name)

    def make(self) -> None:
        """Create the bucket if it does not exist."""
        with self._translated_errors(), _ignore_existing_bucket():
            if not self._client.bucket_exists(self._name):
                self._client.make_bucket(self._name)

    def _exists(self, object_name: str) -> bool:
        try:
            with self._translated_errors(object_name):
                self._client.stat_object(self._name, object_name)
        except PrerequisiteMissing:
            return False
        return True

    @contextmanager
    def _translated_errors(self, object_name: str = "") -> Iterator[None]:
        """Translate the client's errors.

        Raises StoreUnavailable when the server can't be reached or rejects the credentials, PrerequisiteMissing when
        the object does not exist.
        """
        try:
            yield
        except S3Error as error:
            if error.code in NOT_FOUND_CODES:
                raise PrerequisiteMissing(f"no object {object_name} in bucket {self._name}") from error
            raise StoreUnavailable(f"bucket {self._name} at {self._url}: {error.code}: {error.message}") from error
        # ParseError, ValueError: the response is not that of an S3 server.
        except (MinioException, HTTPError, ParseError, ValueError) as error:
            raise StoreUnavailable(f"bucket {self._name} at {self._url}: {error!r}"[:500]) from error


def _client(url: str, access_key: str, secret_key: str) -> Minio:
    """Create the client of an S3 server. Raises StoreUnavailable when the address is malformed."""
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("it must have the form http://HOST:PORT or https://HOST:PORT")
        # With a fixed region the client does not request it from the server.
        return Minio(
            url.removeprefix(f"{parts.scheme}://"),
            access_key=access_key,
            secret_key=secret_key,
            secure=parts.scheme == "https",
            region="us-east-1",
            http_client=PoolManager(timeout=TIMEOUT, retries=RETRIES),
        )
    except ValueError as error:
        raise StoreUnavailable(f"READMIT_S3_URL: {error}") from error


@contextmanager
def _ignore_existing_bucket() -> Iterator[None]:
    """Ignore that another client created the same bucket at the same time."""
    try:
        yield
    except S3Error as error:
        if error.code not in BUCKET_EXISTS_CODES:
            raise


def _short_sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def to_parquet(frame: pl.DataFrame) -> bytes:
    """Encode a frame as Parquet."""
    sink = io.BytesIO()
    frame.write_parquet(sink)
    return sink.getvalue()


def from_parquet(parquet: bytes) -> pl.DataFrame:
    """Decode a frame from Parquet. Raises ContractViolated when the bytes are not Parquet."""
    try:
        return pl.read_parquet(io.BytesIO(parquet))
    except pl.exceptions.PolarsError as error:
        # The reader's own message may quote cell values.
        raise ContractViolated(f"not a readable Parquet file ({type(error).__name__})") from None

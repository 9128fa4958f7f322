"""Immutable objects in an S3 store, each named after what it holds."""

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

# As it comes, the client waits for five minutes and tries for half of one; our callers try again by themselves.
PATIENCE = Timeout(connect=5, read=60)
FEW_TRIES = Retry(total=2, backoff_factor=0.2, status_forcelist=[500, 502, 503, 504])
MISSING = ("NoSuchKey", "NoSuchBucket", "NoSuchObject")
ALREADY_THERE = ("BucketAlreadyOwnedByYou", "BucketAlreadyExists")


class Bucket:
    """One bucket, made when the first object is put into it."""

    def __init__(self, name: str, url: str, access_key: str, secret_key: str) -> None:
        self._name, self._url = name, url
        self._client = _client(url, access_key, secret_key)

    def put_immutable(self, stem: str, suffix: str, content: bytes) -> str:
        """Puts immutable content under a name that ends with its SHA-256; the name. Kept already: nothing happens."""
        object_name = f"{stem}{_fingerprint(content)}{suffix}"
        if not self._has(object_name):
            self.put(object_name, content)
        return object_name

    def get_verified(self, object_name: str) -> bytes:
        """Kept content. NotThereYet: there is none. ContractBroken: not what the name says."""
        content = self.get(object_name)
        if not PurePosixPath(object_name).stem.endswith(_fingerprint(content)):
            raise ContractViolated(f"object {object_name} in bucket {self._name} is not what it was when it was kept")
        return content

    def address(self, object_name: str) -> str:
        """Where an object lies, for whoever reads of it elsewhere."""
        return f"s3://{self._name}/{object_name}"

    def put(self, object_name: str, content: bytes) -> None:
        """Puts an object in the place of the one that stands there."""
        self.make()
        with self._answering():
            self._client.put_object(self._name, object_name, io.BytesIO(content), len(content))

    def get(self, object_name: str) -> bytes:
        """An object's bytes. NotThereYet: there is no such object."""
        with self._answering(object_name):
            answer = self._client.get_object(self._name, object_name)
            try:
                return answer.read()
            finally:
                answer.close()
                answer.release_conn()

    def read_parquet(self, object_names: Iterable[str]) -> pl.DataFrame:
        """Kept Parquet objects, one below the other."""
        return pl.concat([frame_of(self.get_verified(name)) for name in object_names])

    def names(self, prefix: str = "") -> list[str]:
        """The names of the bucket's objects, sorted; none if there is no such bucket."""
        with self._answering():
            if not self._client.bucket_exists(self._name):
                return []
            found = self._client.list_objects(self._name, prefix=prefix, recursive=True)
            return sorted(item.object_name for item in found if item.object_name)

    def make(self) -> None:
        """Makes the bucket if it is not there."""
        with self._answering(), _or_already_there():
            if not self._client.bucket_exists(self._name):
                self._client.make_bucket(self._name)

    def _has(self, object_name: str) -> bool:
        try:
            with self._answering(object_name):
                self._client.stat_object(self._name, object_name)
        except PrerequisiteMissing:
            return False
        return True

    @contextmanager
    def _answering(self, object_name: str = "") -> Iterator[None]:
        """StoreAway: the server does not answer, or refuses us. NotThereYet: it has no such object."""
        try:
            yield
        except S3Error as error:
            if error.code in MISSING:
                raise PrerequisiteMissing(f"no object {object_name} in bucket {self._name}") from error
            raise StoreUnavailable(f"bucket {self._name} at {self._url}: {error.code}: {error.message}") from error
        # ParseError, ValueError: the client was answered, but not by S3.
        except (MinioException, HTTPError, ParseError, ValueError) as error:
            raise StoreUnavailable(f"bucket {self._name} at {self._url}: {error!r}"[:500]) from error


def _client(url: str, access_key: str, secret_key: str) -> Minio:
    """The client of an S3 server. StoreAway: the address can be no server's."""
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("it is not of the form http://HOST:PORT or https://HOST:PORT")
        # The region is named so that the client does not ask each server for it.
        return Minio(
            url.removeprefix(f"{parts.scheme}://"),
            access_key=access_key,
            secret_key=secret_key,
            secure=parts.scheme == "https",
            region="us-east-1",
            http_client=PoolManager(timeout=PATIENCE, retries=FEW_TRIES),
        )
    except ValueError as error:
        raise StoreUnavailable(f"READMIT_S3_URL: {error}") from error


@contextmanager
def _or_already_there() -> Iterator[None]:
    """Two that make the same bucket at once both find it made."""
    try:
        yield
    except S3Error as error:
        if error.code not in ALREADY_THERE:
            raise


def _fingerprint(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def parquet_of(frame: pl.DataFrame) -> bytes:
    """A frame as Parquet."""
    sink = io.BytesIO()
    frame.write_parquet(sink)
    return sink.getvalue()


def frame_of(parquet: bytes) -> pl.DataFrame:
    """A frame from Parquet. ContractBroken: the bytes are none."""
    try:
        return pl.read_parquet(io.BytesIO(parquet))
    except pl.exceptions.PolarsError as error:
        # The reader's own text may repeat cells.
        raise ContractViolated(f"not a readable Parquet file ({type(error).__name__})") from None

"""Immutable objects in an S3 store, each named after what it holds."""

import hashlib
import io
from urllib.parse import urlsplit

import polars as pl
from minio import Minio
from minio.error import S3Error

from readmit.core.refusal import ContractBroken, NotThereYet

MISSING = ("NoSuchKey", "NoSuchBucket", "NoSuchObject")
ALREADY_THERE = ("BucketAlreadyOwnedByYou", "BucketAlreadyExists")


class Bucket:
    """One bucket, made when the first object is put into it."""

    def __init__(self, name: str, url: str, access_key: str, secret_key: str) -> None:
        parts = urlsplit(url)
        self._name = name
        # The region is named so that the client does not ask each server for it.
        self._client = Minio(
            parts.netloc,
            access_key=access_key,
            secret_key=secret_key,
            secure=parts.scheme == "https",
            region="us-east-1",
        )

    def put_once(self, object_name: str, content: bytes) -> None:
        """Puts an object whose name tells its content; one that is there already stays as it is."""
        if self._has(object_name):
            return
        self._make()
        self._client.put_object(self._name, object_name, io.BytesIO(content), len(content))

    def put(self, object_name: str, content: bytes) -> None:
        """Puts an object in the place of the one that stands there."""
        self._make()
        self._client.put_object(self._name, object_name, io.BytesIO(content), len(content))

    def get(self, object_name: str) -> bytes:
        """An object's bytes. NotThereYet: there is no such object."""
        try:
            answer = self._client.get_object(self._name, object_name)
        except S3Error as error:
            if error.code in MISSING:
                raise NotThereYet(f"no object {object_name} in bucket {self._name}") from error
            raise
        try:
            return answer.read()
        finally:
            answer.close()
            answer.release_conn()

    def get_checked(self, object_name: str, sha256: str) -> bytes:
        """As `get`. ContractBroken: the bytes are not those that were put."""
        content = self.get(object_name)
        if hashlib.sha256(content).hexdigest() != sha256:
            raise ContractBroken(f"object {object_name} in bucket {self._name} does not have SHA-256 {sha256}")
        return content

    def names(self, prefix: str = "") -> list[str]:
        """The names of the bucket's objects, sorted; none if there is no such bucket."""
        if not self._client.bucket_exists(self._name):
            return []
        found = self._client.list_objects(self._name, prefix=prefix, recursive=True)
        return sorted(item.object_name for item in found if item.object_name)

    def _has(self, object_name: str) -> bool:
        try:
            self._client.stat_object(self._name, object_name)
        except S3Error as error:
            if error.code in MISSING:
                return False
            raise
        return True

    def _make(self) -> None:
        if self._client.bucket_exists(self._name):
            return
        try:
            self._client.make_bucket(self._name)
        except S3Error as error:
            if error.code not in ALREADY_THERE:
                raise


def parquet_of(frame: pl.DataFrame) -> bytes:
    """A frame as Parquet."""
    sink = io.BytesIO()
    frame.write_parquet(sink)
    return sink.getvalue()


def frame_of(parquet: bytes) -> pl.DataFrame:
    """A frame from Parquet. ContractBroken: the bytes are none."""
    try:
        return pl.read_parquet(io.BytesIO(parquet))
    except pl.exceptions.ComputeError as error:
        raise ContractBroken(f"not a Parquet file: {error}") from error

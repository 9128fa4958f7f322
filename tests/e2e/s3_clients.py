"""The two clients that an S3 server has to understand: the calls that we and MLflow make, on one bucket."""

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from minio import Minio
from minio.deleteobjects import DeleteObject
from minio.error import S3Error
from urllib3 import PoolManager

AT_ONCE = 16
REGION = "us-east-1"
KIND = "application/octet-stream"
Login = tuple[str, str, str]
"""Address, user and secret."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a server says of an object. `notes`: what its maker wanted to be kept with it."""

    size: int
    kind: str
    etag: str
    notes: dict[str, str]


class ByMinio:
    """Our way. `entries`: objects and folders right below a folder; `delete`: what could not be deleted."""

    def __init__(self, bucket: str, login: Login) -> None:
        url, access_key, secret_key = login
        parts = urlsplit(url)
        secure, pool = parts.scheme == "https", PoolManager(maxsize=AT_ONCE)
        self.calls = Minio(parts.netloc, access_key, secret_key, secure=secure, region=REGION, http_client=pool)
        self._bucket = bucket

    def put(self, name: str, content: bytes, kind: str = KIND, notes: dict[str, str] | None = None) -> None:
        self.calls.put_object(self._bucket, name, io.BytesIO(content), len(content), kind, notes)

    def upload(self, name: str, content: bytes) -> None:
        self.put(name, content)

    def get(self, name: str) -> bytes:
        return self._read(name)

    def get_range(self, name: str, first: int, last: int) -> bytes:
        return self._read(name, first, last - first + 1)

    def _read(self, name: str, offset: int = 0, length: int = 0) -> bytes:
        with self.calls.get_object(self._bucket, name, offset, length) as answer:
            return answer.read()

    def told(self, name: str) -> Told:
        said = self.calls.stat_object(self._bucket, name)
        headers = {key.lower(): value for key, value in said.metadata.items()}
        notes = {key[11:]: value for key, value in headers.items() if key.startswith("x-amz-meta-")}
        return Told(said.size, said.content_type, said.etag, notes)

    def names(self, prefix: str = "") -> list[str]:
        return [each.object_name for each in self.calls.list_objects(self._bucket, prefix, recursive=True)]

    def entries(self, folder: str) -> list[str]:
        return [each.object_name for each in self.calls.list_objects(self._bucket, folder)]

    def delete(self, names: Iterable[str]) -> list[str]:
        return [error.name for error in self.calls.remove_objects(self._bucket, map(DeleteObject, names))]

    def link(self, name: str) -> str:
        return self.calls.presigned_get_object(self._bucket, name, timedelta(minutes=1))


class ByBoto3:
    """MLflow's way, with checksums as boto3 sets them by itself."""

    def __init__(self, bucket: str, login: Login) -> None:
        url, access_key, secret_key = login
        self._bucket = bucket
        self.calls: Any = boto3.client(
            "s3",
            endpoint_url=url,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            region_name=REGION,
            config=Config(signature_version="s3v4", max_pool_connections=AT_ONCE),
        )

    def put(self, name: str, content: bytes, kind: str = KIND, notes: dict[str, str] | None = None) -> None:
        self.calls.put_object(Bucket=self._bucket, Key=name, Body=content, ContentType=kind, Metadata=notes or {})

    def upload(self, name: str, content: bytes) -> None:
        self.calls.upload_fileobj(io.BytesIO(content), self._bucket, name)

    def get(self, name: str) -> bytes:
        return self.calls.get_object(Bucket=self._bucket, Key=name)["Body"].read()

    def get_range(self, name: str, first: int, last: int) -> bytes:
        return self.calls.get_object(Bucket=self._bucket, Key=name, Range=f"bytes={first}-{last}")["Body"].read()

    def told(self, name: str) -> Told:
        said = self.calls.head_object(Bucket=self._bucket, Key=name)
        return Told(said["ContentLength"], said["ContentType"], said["ETag"].strip('"'), said["Metadata"])

    def names(self, prefix: str = "") -> list[str]:
        return [each["Key"] for page in self._pages(Prefix=prefix) for each in page.get("Contents", [])]

    def entries(self, folder: str) -> list[str]:
        pages = list(self._pages(Prefix=folder, Delimiter="/"))
        folders = [each["Prefix"] for page in pages for each in page.get("CommonPrefixes", [])]
        return folders + [each["Key"] for page in pages for each in page.get("Contents", [])]

    def _pages(self, **options: str) -> Iterable[dict[str, Any]]:
        return self.calls.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, **options)

    def delete(self, names: Iterable[str]) -> list[str]:
        wanted = {"Objects": [{"Key": name} for name in names]}
        return [each["Key"] for each in self.calls.delete_objects(Bucket=self._bucket, Delete=wanted).get("Errors", [])]

    def link(self, name: str) -> str:
        wanted = {"Bucket": self._bucket, "Key": name}
        return self.calls.generate_presigned_url("get_object", Params=wanted, ExpiresIn=60)


Client = ByMinio | ByBoto3
CLIENTS: dict[str, type[Client]] = {"minio": ByMinio, "boto3": ByBoto3}


def with_trailing_checksums(bucket: str, login: Login) -> ByBoto3:
    """boto3 as it speaks over TLS, whatever the server's address: a checksum comes after the content, not before."""

    def move(params: dict[str, Any], **_: object) -> None:
        params["context"]["checksum"]["request_algorithm"]["in"] = "trailer"

    client = ByBoto3(bucket, login)
    for call in ("PutObject", "UploadPart"):
        client.calls.meta.events.register(f"before-call.s3.{call}", move)
    return client


def refusal(call: Callable[[], object]) -> tuple[int, str]:
    """Status and code by which a server refuses a call of either client."""
    with pytest.raises((S3Error, ClientError)) as caught:
        call()
    error = caught.value
    if isinstance(error, S3Error):
        return error.response.status, error.code
    return error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]

"""The two clients that an S3 server must support: the calls of Readmit (minio) and of MLflow (boto3), on one bucket."""

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

MAX_CONNECTIONS = 16
REGION = "us-east-1"
CONTENT_TYPE = "application/octet-stream"
Login = tuple[str, str, str]
"""Address, access key and secret key."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """The properties of an object on a server. `metadata`: those set by its writer."""

    size: int
    content_type: str
    etag: str
    metadata: dict[str, str]


class MinioClient:
    """Readmit's client. `entries`: objects and folders directly in a folder; `delete`: names that were not deleted."""

    def __init__(self, bucket: str, login: Login) -> None:
        url, access_key, secret_key = login
        parts = urlsplit(url)
        secure, pool = parts.scheme == "https", PoolManager(maxsize=MAX_CONNECTIONS)
        self.calls = Minio(parts.netloc, access_key, secret_key, secure=secure, region=REGION, http_client=pool)
        self._bucket = bucket

    def put(
        self, name: str, content: bytes, content_type: str = CONTENT_TYPE, metadata: dict[str, str] | None = None
    ) -> None:
        self.calls.put_object(self._bucket, name, io.BytesIO(content), len(content), content_type, metadata)

    def upload(self, name: str, content: bytes) -> None:
        self.put(name, content)

    def get(self, name: str) -> bytes:
        return self._read(name)

    def get_range(self, name: str, first: int, last: int) -> bytes:
        return self._read(name, first, last - first + 1)

    def _read(self, name: str, offset: int = 0, length: int = 0) -> bytes:
        with self.calls.get_object(self._bucket, name, offset, length) as response:
            return response.read()

    def stat(self, name: str) -> ObjectInfo:
        item = self.calls.stat_object(self._bucket, name)
        headers = {key.lower(): value for key, value in item.metadata.items()}
        metadata = {key[11:]: value for key, value in headers.items() if key.startswith("x-amz-meta-")}
        return ObjectInfo(item.size, item.content_type, item.etag, metadata)

    def names(self, prefix: str = "") -> list[str]:
        return [item.object_name for item in self.calls.list_objects(self._bucket, prefix, recursive=True)]

    def entries(self, folder: str) -> list[str]:
        return [item.object_name for item in self.calls.list_objects(self._bucket, folder)]

    def delete(self, names: Iterable[str]) -> list[str]:
        return [error.name for error in self.calls.remove_objects(self._bucket, map(DeleteObject, names))]

    def presigned_url(self, name: str) -> str:
        return self.calls.presigned_get_object(self._bucket, name, timedelta(minutes=1))


class Boto3Client:
    """MLflow's client, with the default checksums of boto3."""

    def __init__(self, bucket: str, login: Login) -> None:
        url, access_key, secret_key = login
        self._bucket = bucket
        self.calls: Any = boto3.client(
            "s3",
            endpoint_url=url,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            region_name=REGION,
            config=Config(signature_version="s3v4", max_pool_connections=MAX_CONNECTIONS),
        )

    def put(
        self, name: str, content: bytes, content_type: str = CONTENT_TYPE, metadata: dict[str, str] | None = None
    ) -> None:
        self.calls.put_object(
            Bucket=self._bucket, Key=name, Body=content, ContentType=content_type, Metadata=metadata or {}
        )

    def upload(self, name: str, content: bytes) -> None:
        self.calls.upload_fileobj(io.BytesIO(content), self._bucket, name)

    def get(self, name: str) -> bytes:
        return self.calls.get_object(Bucket=self._bucket, Key=name)["Body"].read()

    def get_range(self, name: str, first: int, last: int) -> bytes:
        return self.calls.get_object(Bucket=self._bucket, Key=name, Range=f"bytes={first}-{last}")["Body"].read()

    def stat(self, name: str) -> ObjectInfo:
        item = self.calls.head_object(Bucket=self._bucket, Key=name)
        return ObjectInfo(item["ContentLength"], item["ContentType"], item["ETag"].strip('"'), item["Metadata"])

    def names(self, prefix: str = "") -> list[str]:
        return [item["Key"] for page in self._pages(Prefix=prefix) for item in page.get("Contents", [])]

    def entries(self, folder: str) -> list[str]:
        pages = list(self._pages(Prefix=folder, Delimiter="/"))
        folders = [item["Prefix"] for page in pages for item in page.get("CommonPrefixes", [])]
        return folders + [item["Key"] for page in pages for item in page.get("Contents", [])]

    def _pages(self, **options: str) -> Iterable[dict[str, Any]]:
        return self.calls.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, **options)

    def delete(self, names: Iterable[str]) -> list[str]:
        batch = {"Objects": [{"Key": name} for name in names]}
        return [item["Key"] for item in self.calls.delete_objects(Bucket=self._bucket, Delete=batch).get("Errors", [])]

    def presigned_url(self, name: str) -> str:
        params = {"Bucket": self._bucket, "Key": name}
        return self.calls.generate_presigned_url("get_object", Params=params, ExpiresIn=60)


Client = MinioClient | Boto3Client
CLIENTS: dict[str, type[Client]] = {"minio": MinioClient, "boto3": Boto3Client}


def with_trailing_checksums(bucket: str, login: Login) -> Boto3Client:
    """Return boto3 as it behaves over TLS, whatever the address: with checksums after the content, not before."""

    def move_to_trailer(params: dict[str, Any], **_: object) -> None:
        params["context"]["checksum"]["request_algorithm"]["in"] = "trailer"

    client = Boto3Client(bucket, login)
    for call in ("PutObject", "UploadPart"):
        client.calls.meta.events.register(f"before-call.s3.{call}", move_to_trailer)
    return client


def s3_error(call: Callable[[], object]) -> tuple[int, str]:
    """Return the status and the code of the error that a call of either client raises."""
    with pytest.raises((S3Error, ClientError)) as caught:
        call()
    error = caught.value
    if isinstance(error, S3Error):
        return error.response.status, error.code
    return error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]

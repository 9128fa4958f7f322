"""The S3 server that the settings name, of which nothing else is known, and a bucket on it that goes at the end."""

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
import pytest

from readmit.core.errors import StoreUnavailable
from readmit.io.object_store import Bucket
from readmit.settings import SettingError, load, reach_directly
from tests.e2e.s3_clients import ByBoto3, ByMinio, Client, Login, refusal

PAGE = 1_000
"""So many names S3 tells or deletes by one call."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server and a bucket that is there for the tests alone; both clients on it, and one that has no key."""

    login: Login
    bucket: str
    minio: ByMinio
    boto3: ByBoto3
    web: httpx.Client

    def client(self, name: str) -> Client:
        return self.minio if name == "minio" else self.boto3

    def sha256_of(self, name: str) -> set[str]:
        """Of an object, as each client reads it: one, if they agree."""
        return {sha256(client.get(name)) for client in (self.minio, self.boto3)}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@contextmanager
def server_of_the_settings() -> Iterator[Server]:
    """Fails the tests by one sentence if the server is not named, does not answer, or refuses us."""
    bucket = f"readmit-s3-test-{secrets.token_hex(4)}"
    try:
        login = load().s3_login
        # As our own client does, which knows of no proxy.
        reach_directly((str(urlsplit(login[0]).hostname),))
        Bucket(bucket, *login).make()
    except (SettingError, StoreUnavailable) as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None
    with removed_at_the_end(bucket, login), httpx.Client() as web:
        yield Server(login, bucket, ByMinio(bucket, login), ByBoto3(bucket, login), web)


@contextmanager
def removed_at_the_end(bucket: str, login: Login) -> Iterator[None]:
    """A bucket that goes when the block is left, with whatever is in it: a page of names by each call."""
    try:
        yield
    finally:
        client = ByBoto3(bucket, login)
        for upload in client.calls.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
            client.calls.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
        names = client.names()
        for start in range(0, len(names), PAGE):
            assert client.delete(names[start : start + PAGE]) == []
        client.calls.delete_bucket(Bucket=bucket)
        assert refusal(lambda: client.calls.head_bucket(Bucket=bucket))[0] == 404

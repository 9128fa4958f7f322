"""The S3 server of the settings, of any make, and a temporary bucket on it."""

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
from readmit.proxy_bypass import bypass_proxy
from readmit.settings import SettingError, load
from tests.aws.moto_server import MotoServer
from tests.e2e.s3_clients import Boto3Client, Client, Login, MinioClient, s3_error

S3_OPTION, MOTO = "--s3-server", "moto"
"""The option of pytest that names the server, and its value for one in this process, which needs no settings."""
PAGE_SIZE = 1_000
"""The number of names that S3 lists or deletes per call."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server with a bucket for the tests; both clients of it, and an HTTP client without a key.

    `verifies`: whether it checks signatures and checksums, which moto's does not.
    """

    login: Login
    bucket: str
    minio: MinioClient
    boto3: Boto3Client
    web: httpx.Client
    verifies: bool

    def client(self, name: str) -> Client:
        return self.minio if name == "minio" else self.boto3

    def sha256_of(self, name: str) -> set[str]:
        """Return the hashes of an object as read by each client: a single one if they agree."""
        return {sha256(client.get(name)) for client in (self.minio, self.boto3)}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@contextmanager
def chosen_server(config: pytest.Config) -> Iterator[Server]:
    """Yield the server that the option of pytest names, by default that of the settings.

    Fail the tests with one sentence if it is not set, does not respond, or rejects the login.
    """
    bucket = f"readmit-s3-test-{secrets.token_hex(4)}"
    is_moto = config.getoption(S3_OPTION, "settings") == MOTO
    with _login_on_moto() if is_moto else _login_of_settings() as login:
        try:
            # Like our own client, which uses no proxy.
            bypass_proxy((str(urlsplit(login[0]).hostname),))
            Bucket(bucket, *login).make()
        except StoreUnavailable as error:
            raise pytest.fail.Exception(str(error), pytrace=False) from None
        with bucket_cleanup(bucket, login), httpx.Client() as web:
            yield Server(login, bucket, MinioClient(bucket, login), Boto3Client(bucket, login), web, not is_moto)


@contextmanager
def _login_on_moto() -> Iterator[Login]:
    with MotoServer.running() as moto:
        yield moto.url, "readmit", "not-a-secret"


@contextmanager
def _login_of_settings() -> Iterator[Login]:
    try:
        login = load().s3_login
    except SettingError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None
    yield login


@contextmanager
def bucket_cleanup(bucket: str, login: Login) -> Iterator[None]:
    """Delete a bucket with its content when the block is left, a page of names per call."""
    try:
        yield
    finally:
        client = Boto3Client(bucket, login)
        for upload in client.calls.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
            client.calls.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
        names = client.names()
        for start in range(0, len(names), PAGE_SIZE):
            assert client.delete(names[start : start + PAGE_SIZE]) == []
        client.calls.delete_bucket(Bucket=bucket)
        assert s3_error(lambda: client.calls.head_bucket(Bucket=bucket))[0] == 404

"""What S3 has and neither we nor MLflow use, where SeaweedFS is known to differ: who wants to use it, reads it here.

Each test has to fail on SeaweedFS: the day it passes, the server got better. On other servers it only tells.
"""

from collections.abc import Callable, Iterator

import pytest
from botocore.exceptions import ClientError

from tests.e2e.s3_clients import refusal, with_trailing_checksums
from tests.e2e.s3_server import Server, server_of_the_settings

pytestmark = pytest.mark.e2e
Known = Callable[[str], None]
BEYOND_OUR_CALLS = (AssertionError, ClientError, pytest.fail.Exception)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with server_of_the_settings() as server:
        yield server


@pytest.fixture
def known(request: pytest.FixtureRequest, server: Server) -> Known:
    """Says what SeaweedFS does instead."""
    answer = server.boto3.calls.head_bucket(Bucket=server.bucket)["ResponseMetadata"]["HTTPHeaders"]
    strict = answer.get("server", "").startswith("SeaweedFS")

    def difference(reason: str) -> None:
        request.applymarker(pytest.mark.xfail(reason=reason, strict=strict, raises=BEYOND_OUR_CALLS))

    return difference


@pytest.mark.parametrize("name", ["two//slashes", "back\\slash"])
def test_names_that_differ_are_different_objects(server: Server, known: Known, name: str) -> None:
    known("SeaweedFS takes two slashes or a backslash for one slash: the later object takes the earlier one's place")
    plain = name.replace("//", "/").replace("\\", "/")
    server.boto3.put(name, b"one")
    server.boto3.put(plain, b"two")
    assert server.boto3.get(name) == b"one"


def test_a_name_that_ends_with_a_slash_can_hold_content(server: Server, known: Known) -> None:
    known("SeaweedFS says 200, makes a folder, and lets the content fall")
    server.boto3.put("ends/with/slash/", b"content")
    assert server.boto3.get("ends/with/slash/") == b"content"


def test_a_folder_is_no_object(server: Server, known: Known) -> None:
    known("SeaweedFS answers a GET of a folder that objects lie in with 200 and no content")
    server.boto3.put("folder/object", b"content")
    assert refusal(lambda: server.boto3.get("folder/")) == (404, "NoSuchKey")


def test_a_name_without_slashes_may_take_all_1024_bytes(server: Server, known: Known) -> None:
    known("SeaweedFS refuses more than 255 bytes between two slashes: KeyTooLongError")
    server.boto3.put("n" * 1024, b"content")
    assert server.boto3.get("n" * 1024) == b"content"


def test_names_are_listed_in_the_order_of_their_bytes(server: Server, known: Known) -> None:
    known("SeaweedFS lists a folder's objects where the folder's name stands without its slash")
    names = ["ordered/a-b", "ordered/a.b", "ordered/a/x", "ordered/a0"]
    for name in names:
        server.boto3.put(name, b"content")
    assert server.boto3.names("ordered/") == names


def test_how_an_object_was_sent_is_not_told_as_its_encoding(server: Server, known: Known) -> None:
    known("SeaweedFS keeps `aws-chunked`, which boto3 sends over TLS, as the object's Content-Encoding")
    with_trailing_checksums(server.bucket, server.login).put("sent-in-chunks", b"content")
    told = server.boto3.calls.head_object(Bucket=server.bucket, Key="sent-in-chunks")
    assert told.get("ContentEncoding", "") == ""

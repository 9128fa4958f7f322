"""Known differences between SeaweedFS and S3, in features that neither Readmit nor MLflow uses.

Each test must fail on SeaweedFS: when one passes, the server has improved. On other servers a failure is only reported.
"""

from collections.abc import Callable, Iterator

import pytest
from botocore.exceptions import ClientError

from tests.e2e.s3_clients import s3_error, with_trailing_checksums
from tests.e2e.s3_server import Server, chosen_server

pytestmark = pytest.mark.e2e
KnownDifference = Callable[[str], None]
EXPECTED_ERRORS = (AssertionError, ClientError, pytest.fail.Exception)


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with chosen_server(request.config) as server:
        yield server


@pytest.fixture
def known_difference(request: pytest.FixtureRequest, server: Server) -> KnownDifference:
    """Mark the test as an expected failure, with what SeaweedFS does instead."""
    headers = server.boto3.calls.head_bucket(Bucket=server.bucket)["ResponseMetadata"]["HTTPHeaders"]
    strict = headers.get("server", "").startswith("SeaweedFS")

    def difference(reason: str) -> None:
        request.applymarker(pytest.mark.xfail(reason=reason, strict=strict, raises=EXPECTED_ERRORS))

    return difference


@pytest.mark.parametrize("name", ["two//slashes", "back\\slash"])
def test_names_that_differ_are_different_objects(server: Server, known_difference: KnownDifference, name: str) -> None:
    known_difference(
        "SeaweedFS treats two slashes or a backslash as one slash: the later object replaces the earlier one"
    )
    plain = name.replace("//", "/").replace("\\", "/")
    server.boto3.put(name, b"one")
    server.boto3.put(plain, b"two")
    assert server.boto3.get(name) == b"one"


def test_a_name_that_ends_with_a_slash_can_have_content(server: Server, known_difference: KnownDifference) -> None:
    known_difference("SeaweedFS returns 200, creates a folder, and drops the content")
    server.boto3.put("ends/with/slash/", b"content")
    assert server.boto3.get("ends/with/slash/") == b"content"


def test_a_folder_is_not_an_object(server: Server, known_difference: KnownDifference) -> None:
    known_difference("SeaweedFS returns 200 without content for a GET of a folder that contains objects")
    server.boto3.put("folder/object", b"content")
    assert s3_error(lambda: server.boto3.get("folder/")) == (404, "NoSuchKey")


def test_a_name_without_slashes_may_have_1024_bytes(server: Server, known_difference: KnownDifference) -> None:
    known_difference("SeaweedFS rejects more than 255 bytes between two slashes: KeyTooLongError")
    server.boto3.put("n" * 1024, b"content")
    assert server.boto3.get("n" * 1024) == b"content"


def test_names_are_listed_in_the_order_of_their_bytes(server: Server, known_difference: KnownDifference) -> None:
    known_difference("SeaweedFS sorts a folder's objects by the folder's name without its slash")
    names = ["ordered/a-b", "ordered/a.b", "ordered/a/x", "ordered/a0"]
    for name in names:
        server.boto3.put(name, b"content")
    assert server.boto3.names("ordered/") == names


def test_the_transfer_encoding_of_an_upload_is_not_stored(server: Server, known_difference: KnownDifference) -> None:
    known_difference("SeaweedFS stores `aws-chunked`, which boto3 sends over TLS, as the object's Content-Encoding")
    with_trailing_checksums(server.bucket, server.login).put("sent-in-chunks", b"content")
    response = server.boto3.calls.head_object(Bucket=server.bucket, Key="sent-in-chunks")
    assert response.get("ContentEncoding", "") == ""

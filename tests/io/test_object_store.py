from collections.abc import Callable

import polars as pl
import pytest

from readmit.core.errors import ContractViolated, PrerequisiteMissing, StoreUnavailable
from readmit.io.object_store import Bucket, to_parquet
from readmit.settings import Settings
from tests.aws.moto_server import MotoServer

StubServer = Callable[[Callable[[str], tuple[int, dict[str, str], bytes]]], str]


@pytest.fixture
def bucket(settings: Settings) -> Bucket:
    return Bucket("tests", *settings.s3_login)


def test_an_immutable_object_is_named_after_its_content(bucket: Bucket) -> None:
    name = bucket.put_immutable("notes/", ".txt", b"one")
    assert bucket.get_verified(name) == b"one"
    assert bucket.put_immutable("notes/", ".txt", b"one") == name
    assert bucket.put_immutable("notes/", ".txt", b"two") != name


def test_an_object_that_does_not_match_its_name_is_rejected(bucket: Bucket) -> None:
    name = bucket.put_immutable("", ".txt", b"true")
    bucket.put(name, b"forged")
    with pytest.raises(ContractViolated, match=name):
        bucket.get_verified(name)


def test_a_server_of_another_make_stores_lists_and_reads_objects_too() -> None:
    with MotoServer.running() as moto:
        bucket = Bucket("tests", moto.url, "readmit", "not-a-secret")
        bucket.make()
        bucket.make()
        frames = [to_parquet(pl.DataFrame({"row": [number]})) for number in (1, 2)]
        names = [bucket.put_immutable("batch=1/", ".parquet", content) for content in (*frames, *frames)]
        assert names[:2] == names[2:]
        assert bucket.names("batch=1/") == sorted(names[:2])
        assert bucket.read_parquet(names[:2])["row"].to_list() == [1, 2]
        with pytest.raises(PrerequisiteMissing, match="no object nowhere in bucket tests"):
            bucket.get("nowhere")
        assert Bucket("never-made", moto.url, "readmit", "not-a-secret").names() == []


def test_a_missing_object_or_bucket_is_named(bucket: Bucket, settings: Settings) -> None:
    bucket.make()
    with pytest.raises(PrerequisiteMissing, match="no object nowhere in bucket tests"):
        bucket.get("nowhere")
    with pytest.raises(PrerequisiteMissing, match="no object x in bucket never-made"):
        Bucket("never-made", *settings.s3_login).get("x")


def test_a_server_that_is_unavailable_or_denies_access_is_named(settings: Settings) -> None:
    with pytest.raises(StoreUnavailable, match="bucket tests at http://127.0.0.1:9"):
        Bucket("tests", "http://127.0.0.1:9", "user", "secret").get("x")
    with pytest.raises(StoreUnavailable, match="InvalidAccessKeyId|SignatureDoesNotMatch|AccessDenied"):
        Bucket("tests", settings.s3_url, "nobody", "secret").get("x")


NOT_S3: dict[str, tuple[int, dict[str, str], bytes]] = {
    "InvalidResponseError": (400, {"Content-Type": "text/html"}, b"<html>a proxy</html>"),
    "ServerError": (304, {}, b""),
    "UnicodeDecodeError": (400, {"Content-Type": "text/plain"}, b"\xff\xfe"),
    "ParseError": (400, {"Content-Type": "application/xml"}, b"<Error>no end"),
}


def test_a_response_that_is_not_s3s_makes_the_store_unavailable(stub_server: StubServer) -> None:
    url = stub_server(lambda path: NOT_S3[path.rpartition("/")[2]])
    for name in NOT_S3:
        with pytest.raises(StoreUnavailable, match=f"^bucket tests at {url}: {name}"):
            Bucket("tests", url, "user", "secret").get(name)


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:8333", "http://", "ftp://s3", "http://s3:x", "http://[::1", "http://s3/x"]
)
def test_a_malformed_address_is_reported_with_its_setting(url: str) -> None:
    with pytest.raises(StoreUnavailable, match="^READMIT_S3_URL: "):
        Bucket("tests", url, "user", "secret")


def test_frames_are_concatenated_in_order(bucket: Bucket) -> None:
    names = [bucket.put_immutable("", ".parquet", to_parquet(pl.DataFrame({"row": [number]}))) for number in (1, 2)]
    assert bucket.read_parquet(names)["row"].to_list() == [1, 2]

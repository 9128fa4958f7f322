import polars as pl
import pytest

from readmit.core.refusal import ContractBroken, NotThereYet, StoreAway
from readmit.io.objects import Bucket, parquet_of
from readmit.settings import Settings


@pytest.fixture
def bucket(settings: Settings) -> Bucket:
    return Bucket("tests", *settings.s3_login)


def test_what_is_kept_comes_back_under_a_name_that_tells_its_content(bucket: Bucket) -> None:
    name = bucket.keep("notes/", ".txt", b"one")
    assert bucket.kept(name) == b"one"
    assert bucket.keep("notes/", ".txt", b"one") == name
    assert bucket.keep("notes/", ".txt", b"two") != name


def test_an_object_that_is_not_what_its_name_says_is_refused(bucket: Bucket) -> None:
    name = bucket.keep("", ".txt", b"true")
    bucket.put(name, b"forged")
    with pytest.raises(ContractBroken, match=name):
        bucket.kept(name)


def test_an_object_or_bucket_that_is_not_there_is_named(bucket: Bucket, settings: Settings) -> None:
    bucket.make()
    with pytest.raises(NotThereYet, match="no object nowhere in bucket tests"):
        bucket.get("nowhere")
    with pytest.raises(NotThereYet, match="no object x in bucket never-made"):
        Bucket("never-made", *settings.s3_login).get("x")


def test_a_server_that_is_away_or_refuses_us_is_named(settings: Settings) -> None:
    with pytest.raises(StoreAway, match="bucket tests at http://127.0.0.1:9"):
        Bucket("tests", "http://127.0.0.1:9", "user", "secret").get("x")
    with pytest.raises(StoreAway, match="InvalidAccessKeyId|SignatureDoesNotMatch|AccessDenied"):
        Bucket("tests", settings.s3_url, "nobody", "secret").get("x")


def test_frames_come_back_one_below_the_other(bucket: Bucket) -> None:
    names = [bucket.keep("", ".parquet", parquet_of(pl.DataFrame({"row": [number]}))) for number in (1, 2)]
    assert bucket.frame(names)["row"].to_list() == [1, 2]

"""What we and MLflow ask of an S3 server. Which one: READMIT_S3_URL, READMIT_S3_ACCESS_KEY, READMIT_S3_SECRET_KEY."""

import hashlib
import random
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from readmit.core.errors import PrerequisiteMissing, StoreUnavailable
from readmit.io.object_store import Bucket, parquet_of
from tests.e2e.s3_clients import AT_ONCE, CLIENTS, REGION, Client, Told, refusal, with_trailing_checksums
from tests.e2e.s3_server import PAGE, Server, removed_at_the_end, server_of_the_settings, sha256

pytestmark = pytest.mark.e2e

LARGE = random.Random(11).randbytes(12_000_001)
"""More than 8 MiB and 5, beyond which boto3's upload and minio send parts."""
IN_PARTS = re.compile(r"[0-9a-f]{32}-\d+")
FOLDERS = 550
NAMES = {
    "blanks": "with blanks and a+b & c?d#e%20f.txt",
    "unicode": "größe/naïve é e\u0301/日本語 😀.txt",
    "a partition": "batch=3/part=0/data.parquet",
    "quotes": "quotes ' \" and <angle> ; : , @ ! $ ( ) * ~ | [ ] { }.txt",
    "a thousand bytes": "/".join(["long" * 50] * 5),
    "255 bytes without a slash": "n" * 255,
}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with server_of_the_settings() as server:
        yield server


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest, server: Server) -> Client:
    return server.client(request.param)


@pytest.fixture(scope="module")
def crowd(server: Server) -> list[str]:
    """Names, more than a page of them: of objects in folders, and of objects beside these."""
    names = [f"crowd/{number:04}{end}" for number in range(FOLDERS) for end in ("/model.skops", "-model.txt")]
    _put_all(server, names)
    return names


@pytest.fixture(scope="module")
def large(server: Server) -> str:
    """The name of LARGE, uploaded in parts."""
    server.boto3.upload("large", LARGE)
    return "large"


def _put_all(server: Server, names: list[str]) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda name: server.minio.put(name, name.encode()), names))


def test_what_is_uploaded_in_parts_comes_back_as_it_was(server: Server, client: Client) -> None:
    client.upload("in-parts", LARGE)
    assert IN_PARTS.fullmatch(client.told("in-parts").etag), "the server was sent parts"
    assert server.sha256_of("in-parts") == {sha256(LARGE)}


def test_what_is_uploaded_in_one_piece_comes_back_as_it_was(server: Server) -> None:
    server.boto3.put("in-one-piece", LARGE)
    assert server.boto3.told("in-one-piece").etag == hashlib.md5(LARGE).hexdigest()
    assert server.sha256_of("in-one-piece") == {sha256(LARGE)}


def test_a_checksum_may_come_after_the_content_as_boto3_sends_it_over_tls(server: Server) -> None:
    trailing = with_trailing_checksums(server.bucket, server.login)
    trailing.put("one-piece-and-trailer", LARGE)
    trailing.upload("parts-and-trailers", LARGE)
    assert server.sha256_of("one-piece-and-trailer") == server.sha256_of("parts-and-trailers") == {sha256(LARGE)}


@pytest.mark.parametrize(
    "told", [{"ChecksumCRC32": "AAAAAA=="}, {"ContentMD5": "A" * 22 + "=="}], ids=lambda told: next(iter(told))
)
def test_content_that_was_damaged_on_its_way_is_refused(server: Server, told: dict[str, str]) -> None:
    calls, place = server.boto3.calls, {"Bucket": server.bucket, "Key": "damaged"}
    assert refusal(lambda: calls.put_object(**place, Body=b"abc", **told))[0] == 400
    part = {"UploadId": calls.create_multipart_upload(**place)["UploadId"], "PartNumber": 1}
    assert refusal(lambda: calls.upload_part(**place, **part, Body=b"abc", **told))[0] == 400
    assert server.boto3.names("damaged") == []


def test_size_type_and_notes_come_back_as_they_were_given(server: Server, client: Client) -> None:
    kind, notes = "application/vnd.apache.parquet", {"batch": "3", "sha256": sha256(b"told")}
    client.put("told", b"told", kind, notes)
    for reader in (server.minio, server.boto3):
        assert reader.told("told") == Told(4, kind, hashlib.md5(b"told").hexdigest(), notes)


@pytest.mark.parametrize("writer", CLIENTS)
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_an_object_is_found_by_its_name_whatever_stands_in_it(server: Server, name: str, writer: str) -> None:
    name, content = f"{writer}/{name}", name.encode()
    server.client(writer).put(name, content)
    for reader in (server.minio, server.boto3):
        assert reader.names(name) == [name]
        assert reader.get(name) == server.web.get(reader.link(name)).content == content
    assert server.client(writer).delete([name]) == []
    assert refusal(lambda: server.boto3.get(name)) == (404, "NoSuchKey")


def test_over_a_thousand_names_are_listed_completely(client: Client, crowd: list[str]) -> None:
    assert len(crowd) > PAGE
    assert sorted(client.names("crowd/")) == sorted(crowd)


def test_over_a_thousand_folders_and_objects_of_one_folder_are_listed_completely(
    client: Client, crowd: list[str]
) -> None:
    right_below = {re.sub("/model.skops$", "/", name) for name in crowd}
    assert sorted(client.entries("crowd/")) == sorted(right_below)


def test_many_are_deleted_by_one_call_and_no_other(server: Server, client: Client) -> None:
    names = [f"gone/{number}" for number in range(100)]
    _put_all(server, [*names, "gone/1-stays"])
    assert client.delete([*names, "gone/was-never-there"]) == []
    assert client.names("gone/") == ["gone/1-stays"]


def test_of_two_objects_under_one_name_the_last_counts_at_once(server: Server) -> None:
    for number in range(10):
        for writer in (server.minio, server.boto3):
            content = f"{number} {writer}".encode() * (20 - number)
            writer.put("overwritten", content)
            assert server.sha256_of("overwritten") == {sha256(content)}
    server.boto3.upload("overwritten", LARGE)
    assert server.sha256_of("overwritten") == {sha256(LARGE)}
    server.minio.put("overwritten", b"short again")
    assert server.sha256_of("overwritten") == {sha256(b"short again")}
    assert [reader.told("overwritten").size for reader in (server.minio, server.boto3)] == [11, 11]


@pytest.mark.parametrize(("first", "last"), [(0, 0), (8 * 2**20 - 3, 8 * 2**20 + 3), (11_999_990, 12_000_000)])
def test_a_range_is_answered_with_its_bytes_alone(client: Client, large: str, first: int, last: int) -> None:
    assert client.get_range(large, first, last) == LARGE[first : last + 1]


def test_a_range_beyond_the_end_is_refused(client: Client, large: str) -> None:
    assert refusal(lambda: client.get_range(large, len(LARGE), len(LARGE) + 9)) == (416, "InvalidRange")


def test_what_is_absent_is_called_so(server: Server, client: Client) -> None:
    assert refusal(lambda: client.get("absent")) == (404, "NoSuchKey")
    assert refusal(lambda: client.told("absent"))[0] == 404
    nowhere = type(client)(f"{server.bucket}-absent", server.login)
    assert refusal(lambda: nowhere.get("x")) == refusal(nowhere.names) == (404, "NoSuchBucket")


def test_a_link_opens_its_object_without_a_key(server: Server, client: Client, large: str) -> None:
    answer = server.web.get(client.link(large))
    assert (answer.status_code, sha256(answer.content)) == (200, sha256(LARGE))


CHANGES: dict[str, Callable[[str], str]] = {
    "another object": lambda link: link.replace("/linked?", "/secret?"),
    "a longer life": lambda link: link.replace("X-Amz-Expires=60", "X-Amz-Expires=600"),
    "another signature": lambda link: re.sub("X-Amz-Signature=.{8}", "X-Amz-Signature=00000000", link),
    "no signature": lambda link: re.sub("&X-Amz-Signature=.*", "", link),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_link_that_was_changed_is_refused(server: Server, client: Client, change: Callable[[str], str]) -> None:
    server.minio.put("linked", b"open")
    server.minio.put("secret", b"closed")
    link = client.link("linked")
    assert change(link) != link
    assert server.web.get(change(link)).status_code in (400, 403)


def test_a_link_allows_reading_alone(server: Server, client: Client) -> None:
    server.minio.put("linked", b"open")
    link = client.link("linked")
    assert [server.web.put(link, content=b"x").status_code, server.web.delete(link).status_code] == [403, 403]
    assert server.web.get(link).content == b"open"


def test_a_link_that_expired_is_refused(server: Server) -> None:
    server.minio.put("linked", b"open")
    made = datetime.now(UTC) - timedelta(minutes=2)
    expired = server.minio.calls.presigned_get_object(server.bucket, "linked", timedelta(minutes=1), request_date=made)
    assert server.web.get(expired).status_code == 403


@pytest.mark.parametrize("fault", ["user", "secret"])
@pytest.mark.parametrize("kind", CLIENTS.values(), ids=CLIENTS)
def test_a_wrong_key_is_refused_and_learns_nothing(server: Server, kind: type[Client], fault: str) -> None:
    server.minio.put("closed", b"as it was")
    url, user, secret = server.login
    stranger = kind(server.bucket, (url, "nobody", secret) if fault == "user" else (url, user, "wrong-secret"))
    code = "InvalidAccessKeyId" if fault == "user" else "SignatureDoesNotMatch"
    reads: list[Callable[[], object]] = [lambda: stranger.get("closed"), lambda: stranger.get("absent"), stranger.names]
    for call in (*reads, lambda: stranger.put("closed", b"x"), lambda: stranger.delete(["closed"])):
        assert refusal(call) == (403, code)
    assert refusal(lambda: stranger.told("closed"))[0] == refusal(lambda: stranger.told("absent"))[0] == 403
    assert server.minio.get("closed") == b"as it was"


def test_an_unsigned_request_is_refused(server: Server) -> None:
    server.minio.put("closed", b"as it was")
    bucket = f"{server.login[0].rstrip('/')}/{server.bucket}"
    asked = [(verb, f"{bucket}/closed") for verb in ("GET", "HEAD", "PUT", "DELETE")]
    asked += [("GET", bucket), ("GET", f"{bucket}?list-type=2"), ("POST", f"{bucket}?delete"), ("DELETE", bucket)]
    asked += [("GET", f"{bucket}/absent"), ("POST", f"{bucket}/closed?uploads"), ("PUT", f"{bucket}-unsigned")]
    answers = {each: server.web.request(*each).status_code for each in asked}
    assert answers == dict.fromkeys(asked, 403)
    assert server.minio.get("closed") == b"as it was"


def test_our_bucket_keeps_equal_content_once_and_lists_and_reads_it(server: Server) -> None:
    bucket = Bucket(server.bucket, *server.login)
    frames = [parquet_of(pl.DataFrame({"row": [number]})) for number in (1, 2)]
    kept = [bucket.put_immutable("ours/batch=1/", ".parquet", content) for content in (*frames, *frames)]
    assert kept[:2] == kept[2:]
    assert bucket.names("ours/") == sorted(set(kept))
    assert bucket.read_parquet(kept[:2])["row"].to_list() == [1, 2]


def test_our_bucket_tells_an_absent_object_from_a_refusal(server: Server) -> None:
    url, user, _ = server.login
    with pytest.raises(PrerequisiteMissing):
        Bucket(server.bucket, *server.login).get("absent")
    stranger = Bucket(server.bucket, url, user, "wrong-secret")
    for call in (lambda: stranger.get("absent"), lambda: stranger.put_immutable("", ".txt", b"x"), stranger.names):
        with pytest.raises(StoreUnavailable):
            call()


def test_a_bucket_that_several_make_at_once_is_made(server: Server) -> None:
    name = f"{server.bucket}-several"
    with removed_at_the_end(name, server.login), ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: Bucket(name, *server.login).make(), range(8)))


def test_mlflows_own_store_of_artifacts_works_on_it(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.store.artifact.s3_artifact_repo import S3ArtifactRepository

    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", server.login[0])
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    (tmp_path / "made/model 1").mkdir(parents=True)
    (tmp_path / "made/model 1/model.skops").write_bytes(LARGE)
    (tmp_path / "made/plot.png").write_bytes(b"png")
    store = S3ArtifactRepository(f"s3://{server.bucket}/mlflow", *server.login[1:])
    store.log_artifacts(str(tmp_path / "made"))
    assert [(each.path, each.is_dir) for each in store.list_artifacts()] == [("model 1", True), ("plot.png", False)]
    store.download_artifacts("model 1", str(tmp_path))
    assert (tmp_path / "model 1/model.skops").read_bytes() == LARGE
    store.delete_artifacts("model 1")
    assert server.boto3.names("mlflow/") == ["mlflow/plot.png"]

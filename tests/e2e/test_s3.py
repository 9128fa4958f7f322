"""What Readmit and MLflow need of an S3 server, tested on that of READMIT_S3_URL, _S3_ACCESS_KEY and _S3_SECRET_KEY.

With `--s3-server moto` they are tested on a server of another make, which runs in this process.
"""

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
from readmit.io.object_store import Bucket, to_parquet
from tests.e2e.s3_clients import CLIENTS, MAX_CONNECTIONS, REGION, Client, ObjectInfo, s3_error, with_trailing_checksums
from tests.e2e.s3_server import PAGE_SIZE, Server, bucket_cleanup, chosen_server, sha256

pytestmark = pytest.mark.e2e

LARGE = random.Random(11).randbytes(12_000_001)
"""Larger than 8 MiB and 5 MiB, above which boto3's upload and minio send parts."""
IN_PARTS = re.compile(r"[0-9a-f]{32}-\d+")
FOLDERS = 550
UNVERIFIED_ERRORS = (AssertionError, pytest.fail.Exception, PrerequisiteMissing)
NAMES = {
    "blanks": "with blanks and a+b & c?d#e%20f.txt",
    "unicode": "größe/naïve é e\u0301/日本語 😀.txt",
    "a partition": "batch=3/part=0/data.parquet",
    "quotes": "quotes ' \" and <angle> ; : , @ ! $ ( ) * ~ | [ ] { }.txt",
    "a thousand bytes": "/".join(["long" * 50] * 5),
    "255 bytes without a slash": "n" * 255,
}


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with chosen_server(request.config) as server:
        yield server


@pytest.fixture
def verified(request: pytest.FixtureRequest, server: Server) -> None:
    """Expect a test to fail on a server that verifies neither signatures nor checksums, as moto's does not."""
    if not server.verifies:
        request.applymarker(pytest.mark.xfail(reason="not verified by moto's server", raises=UNVERIFIED_ERRORS))


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest, server: Server) -> Client:
    return server.client(request.param)


@pytest.fixture(scope="module")
def many_names(server: Server) -> list[str]:
    """Return more than a page of names, of objects in folders and next to them."""
    names = [f"crowd/{number:04}{end}" for number in range(FOLDERS) for end in ("/model.skops", "-model.txt")]
    _put_all(server, names)
    return names


@pytest.fixture(scope="module")
def large(server: Server) -> str:
    """Upload LARGE in parts and return its name."""
    server.boto3.upload("large", LARGE)
    return "large"


def _put_all(server: Server, names: list[str]) -> None:
    with ThreadPoolExecutor(MAX_CONNECTIONS) as pool:
        list(pool.map(lambda name: server.minio.put(name, name.encode()), names))


def test_an_object_uploaded_in_parts_is_read_back_unchanged(server: Server, client: Client) -> None:
    client.upload("in-parts", LARGE)
    assert IN_PARTS.fullmatch(client.stat("in-parts").etag), "the upload was not sent in parts"
    assert server.sha256_of("in-parts") == {sha256(LARGE)}


def test_an_object_uploaded_in_one_piece_is_read_back_unchanged(server: Server) -> None:
    server.boto3.put("in-one-piece", LARGE)
    assert server.boto3.stat("in-one-piece").etag == hashlib.md5(LARGE).hexdigest()
    assert server.sha256_of("in-one-piece") == {sha256(LARGE)}


def test_a_trailing_checksum_as_boto3_sends_it_over_tls_is_accepted(server: Server) -> None:
    trailing = with_trailing_checksums(server.bucket, server.login)
    trailing.put("one-piece-and-trailer", LARGE)
    trailing.upload("parts-and-trailers", LARGE)
    assert server.sha256_of("one-piece-and-trailer") == server.sha256_of("parts-and-trailers") == {sha256(LARGE)}


@pytest.mark.usefixtures("verified")
@pytest.mark.parametrize(
    "checksum",
    [{"ChecksumCRC32": "AAAAAA=="}, {"ContentMD5": "A" * 22 + "=="}],
    ids=lambda checksum: next(iter(checksum)),
)
def test_content_damaged_in_transit_is_rejected(server: Server, checksum: dict[str, str]) -> None:
    calls, target = server.boto3.calls, {"Bucket": server.bucket, "Key": "damaged"}
    assert s3_error(lambda: calls.put_object(**target, Body=b"abc", **checksum))[0] == 400
    part = {"UploadId": calls.create_multipart_upload(**target)["UploadId"], "PartNumber": 1}
    assert s3_error(lambda: calls.upload_part(**target, **part, Body=b"abc", **checksum))[0] == 400
    assert server.boto3.names("damaged") == []


def test_size_type_and_metadata_are_read_back_unchanged(server: Server, client: Client) -> None:
    content_type, metadata = "application/vnd.apache.parquet", {"batch": "3", "sha256": sha256(b"content")}
    client.put("described", b"content", content_type, metadata)
    for reader in (server.minio, server.boto3):
        assert reader.stat("described") == ObjectInfo(7, content_type, hashlib.md5(b"content").hexdigest(), metadata)


@pytest.mark.parametrize("writer", CLIENTS)
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_an_object_can_be_read_under_any_name(server: Server, name: str, writer: str) -> None:
    name, content = f"{writer}/{name}", name.encode()
    server.client(writer).put(name, content)
    for reader in (server.minio, server.boto3):
        assert reader.names(name) == [name]
        assert reader.get(name) == server.web.get(reader.presigned_url(name)).content == content
    assert server.client(writer).delete([name]) == []
    assert s3_error(lambda: server.boto3.get(name)) == (404, "NoSuchKey")


def test_more_than_a_thousand_names_are_listed_completely(client: Client, many_names: list[str]) -> None:
    assert len(many_names) > PAGE_SIZE
    assert sorted(client.names("crowd/")) == sorted(many_names)


def test_more_than_a_thousand_folders_and_objects_in_a_folder_are_listed_completely(
    client: Client, many_names: list[str]
) -> None:
    entries = {re.sub("/model.skops$", "/", name) for name in many_names}
    assert sorted(client.entries("crowd/")) == sorted(entries)


def test_one_call_deletes_many_objects_and_no_other(server: Server, client: Client) -> None:
    names = [f"gone/{number}" for number in range(100)]
    _put_all(server, [*names, "gone/1-stays"])
    assert client.delete([*names, "gone/was-never-there"]) == []
    assert client.names("gone/") == ["gone/1-stays"]


def test_an_overwritten_object_is_replaced_immediately(server: Server) -> None:
    for number in range(10):
        for writer in (server.minio, server.boto3):
            content = f"{number} {writer}".encode() * (20 - number)
            writer.put("overwritten", content)
            assert server.sha256_of("overwritten") == {sha256(content)}
    server.boto3.upload("overwritten", LARGE)
    assert server.sha256_of("overwritten") == {sha256(LARGE)}
    server.minio.put("overwritten", b"short again")
    assert server.sha256_of("overwritten") == {sha256(b"short again")}
    assert [reader.stat("overwritten").size for reader in (server.minio, server.boto3)] == [11, 11]


@pytest.mark.parametrize(("first", "last"), [(0, 0), (8 * 2**20 - 3, 8 * 2**20 + 3), (11_999_990, 12_000_000)])
def test_a_range_returns_only_its_bytes(client: Client, large: str, first: int, last: int) -> None:
    assert client.get_range(large, first, last) == LARGE[first : last + 1]


def test_a_range_beyond_the_end_is_rejected(client: Client, large: str) -> None:
    assert s3_error(lambda: client.get_range(large, len(LARGE), len(LARGE) + 9)) == (416, "InvalidRange")


def test_an_absent_object_or_bucket_is_reported_as_absent(server: Server, client: Client) -> None:
    assert s3_error(lambda: client.get("absent")) == (404, "NoSuchKey")
    assert s3_error(lambda: client.stat("absent"))[0] == 404
    missing_bucket = type(client)(f"{server.bucket}-absent", server.login)
    assert s3_error(lambda: missing_bucket.get("x")) == s3_error(missing_bucket.names) == (404, "NoSuchBucket")


def test_a_link_opens_its_object_without_a_key(server: Server, client: Client, large: str) -> None:
    response = server.web.get(client.presigned_url(large))
    assert (response.status_code, sha256(response.content)) == (200, sha256(LARGE))


CHANGES: dict[str, Callable[[str], str]] = {
    "another object": lambda link: link.replace("/linked?", "/secret?"),
    "a longer validity": lambda link: link.replace("X-Amz-Expires=60", "X-Amz-Expires=600"),
    "another signature": lambda link: re.sub("X-Amz-Signature=.{8}", "X-Amz-Signature=00000000", link),
    "no signature": lambda link: re.sub("&X-Amz-Signature=.*", "", link),
}


@pytest.mark.usefixtures("verified")
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_link_is_rejected(server: Server, client: Client, change: Callable[[str], str]) -> None:
    server.minio.put("linked", b"open")
    server.minio.put("secret", b"closed")
    link = client.presigned_url("linked")
    assert change(link) != link
    assert server.web.get(change(link)).status_code in (400, 403)


@pytest.mark.usefixtures("verified")
def test_a_link_only_allows_reading(server: Server, client: Client) -> None:
    server.minio.put("linked", b"open")
    link = client.presigned_url("linked")
    assert [server.web.put(link, content=b"x").status_code, server.web.delete(link).status_code] == [403, 403]
    assert server.web.get(link).content == b"open"


@pytest.mark.usefixtures("verified")
def test_an_expired_link_is_rejected(server: Server) -> None:
    server.minio.put("linked", b"open")
    created = datetime.now(UTC) - timedelta(minutes=2)
    expired = server.minio.calls.presigned_get_object(
        server.bucket, "linked", timedelta(minutes=1), request_date=created
    )
    assert server.web.get(expired).status_code == 403


@pytest.mark.usefixtures("verified")
@pytest.mark.parametrize("wrong", ["user", "secret"])
@pytest.mark.parametrize("client_class", CLIENTS.values(), ids=CLIENTS)
def test_a_wrong_key_is_rejected_and_reveals_nothing(server: Server, client_class: type[Client], wrong: str) -> None:
    server.minio.put("closed", b"as it was")
    url, user, secret = server.login
    intruder = client_class(server.bucket, (url, "nobody", secret) if wrong == "user" else (url, user, "wrong-secret"))
    code = "InvalidAccessKeyId" if wrong == "user" else "SignatureDoesNotMatch"
    reads: list[Callable[[], object]] = [lambda: intruder.get("closed"), lambda: intruder.get("absent"), intruder.names]
    for call in (*reads, lambda: intruder.put("closed", b"x"), lambda: intruder.delete(["closed"])):
        assert s3_error(call) == (403, code)
    assert s3_error(lambda: intruder.stat("closed"))[0] == s3_error(lambda: intruder.stat("absent"))[0] == 403
    assert server.minio.get("closed") == b"as it was"


@pytest.mark.usefixtures("verified")
def test_an_unsigned_request_is_rejected(server: Server) -> None:
    server.minio.put("closed", b"as it was")
    bucket = f"{server.login[0].rstrip('/')}/{server.bucket}"
    requests = [(verb, f"{bucket}/closed") for verb in ("GET", "HEAD", "PUT", "DELETE")]
    requests += [("GET", bucket), ("GET", f"{bucket}?list-type=2"), ("POST", f"{bucket}?delete"), ("DELETE", bucket)]
    requests += [("GET", f"{bucket}/absent"), ("POST", f"{bucket}/closed?uploads"), ("PUT", f"{bucket}-unsigned")]
    statuses = {request: server.web.request(*request).status_code for request in requests}
    assert statuses == dict.fromkeys(requests, 403)
    assert server.minio.get("closed") == b"as it was"


def test_our_bucket_stores_equal_content_once_and_lists_and_reads_it(server: Server) -> None:
    bucket = Bucket(server.bucket, *server.login)
    frames = [to_parquet(pl.DataFrame({"row": [number]})) for number in (1, 2)]
    names = [bucket.put_immutable("ours/batch=1/", ".parquet", content) for content in (*frames, *frames)]
    assert names[:2] == names[2:]
    assert bucket.names("ours/") == sorted(set(names))
    assert bucket.read_parquet(names[:2])["row"].to_list() == [1, 2]


@pytest.mark.usefixtures("verified")
def test_our_bucket_distinguishes_an_absent_object_from_a_rejected_login(server: Server) -> None:
    url, user, _ = server.login
    with pytest.raises(PrerequisiteMissing):
        Bucket(server.bucket, *server.login).get("absent")
    intruder = Bucket(server.bucket, url, user, "wrong-secret")
    for call in (lambda: intruder.get("absent"), lambda: intruder.put_immutable("", ".txt", b"x"), intruder.names):
        with pytest.raises(StoreUnavailable):
            call()


def test_a_bucket_can_be_created_by_several_clients_at_once(server: Server) -> None:
    name = f"{server.bucket}-several"
    with bucket_cleanup(name, server.login), ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: Bucket(name, *server.login).make(), range(8)))


def test_the_artifact_store_of_mlflow_works_on_it(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.store.artifact.s3_artifact_repo import S3ArtifactRepository

    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", server.login[0])
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    (tmp_path / "uploaded/model 1").mkdir(parents=True)
    (tmp_path / "uploaded/model 1/model.skops").write_bytes(LARGE)
    (tmp_path / "uploaded/plot.png").write_bytes(b"png")
    store = S3ArtifactRepository(f"s3://{server.bucket}/mlflow", *server.login[1:])
    store.log_artifacts(str(tmp_path / "uploaded"))
    assert [(item.path, item.is_dir) for item in store.list_artifacts()] == [("model 1", True), ("plot.png", False)]
    store.download_artifacts("model 1", str(tmp_path))
    assert (tmp_path / "model 1/model.skops").read_bytes() == LARGE
    store.delete_artifacts("model 1")
    assert server.boto3.names("mlflow/") == ["mlflow/plot.png"]

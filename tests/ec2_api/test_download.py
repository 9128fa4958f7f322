from pathlib import Path
from types import SimpleNamespace

import pytest

from ec2_api.download import DownloadFailed, download
from ec2_api.layout import PublishedFile
from tests.embedded import proxy_recorder


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "download.part"


@pytest.fixture
def delays() -> list[float]:
    return []


def test_an_interrupted_download_resumes_where_it_stopped(
    download_server: SimpleNamespace, part: Path, published: PublishedFile, csv: bytes, delays: list[float]
) -> None:
    download_server.failures = ["cut", "cut", "503", "cut"]
    assert download(download_server.url, part, published, delays.append) == csv
    half = len(download_server.content) // 2
    assert download_server.requested_ranges[:2] == [None, f"bytes={half}-"]
    assert len(download_server.requested_ranges) == 5
    assert len(delays) == 4


def test_a_partial_file_of_an_earlier_start_is_resumed_and_a_complete_one_is_not_fetched_again(
    download_server: SimpleNamespace, part: Path, published: PublishedFile, csv: bytes
) -> None:
    part.parent.mkdir()
    part.write_bytes(download_server.content[:1_000])
    assert download(download_server.url, part, published) == csv
    assert download(download_server.url, part, published) == csv
    assert download_server.requested_ranges == ["bytes=1000-", f"bytes={len(download_server.content)}-"]


def test_a_server_without_ranges_is_read_from_the_start(
    download_server: SimpleNamespace, part: Path, published: PublishedFile, csv: bytes, delays: list[float]
) -> None:
    download_server.failures = ["cut", "no ranges"]
    assert download(download_server.url, part, published, delays.append) == csv
    assert part.read_bytes() == download_server.content


def test_a_part_of_another_file_is_discarded_and_the_published_one_is_fetched(
    download_server: SimpleNamespace, part: Path, published: PublishedFile, csv: bytes, delays: list[float]
) -> None:
    part.parent.mkdir()
    part.write_bytes(b"x" * 1_000)
    assert download(download_server.url, part, published, delays.append) == csv
    assert download_server.requested_ranges == ["bytes=1000-", None]


@pytest.mark.parametrize("content", [b"encounter_id\n1\n", b"<html>sign in</html>", b"PK\x03\x04 no zip"])
def test_a_wrong_file_is_refused_and_not_kept(
    download_server: SimpleNamespace, part: Path, published: PublishedFile, content: bytes
) -> None:
    download_server.content = content
    with pytest.raises(DownloadFailed, match="not the published"):
        download(download_server.url, part, published)
    assert len(download_server.requested_ranges) == 1
    assert not part.exists()


def test_one_byte_of_difference_is_a_wrong_file(
    download_server: SimpleNamespace, part: Path, published: PublishedFile, csv: bytes
) -> None:
    download_server.content = csv[:-2] + b"X\n"
    with pytest.raises(DownloadFailed, match="not the published"):
        download(download_server.url, part, published)


def test_a_client_error_is_final_and_a_server_error_is_retried_three_times(
    download_server: SimpleNamespace, part: Path, published: PublishedFile, delays: list[float]
) -> None:
    download_server.failures = ["404"]
    with pytest.raises(DownloadFailed, match="404"):
        download(download_server.url, part, published, delays.append)
    assert delays == []
    download_server.failures = ["503"] * 9
    with pytest.raises(DownloadFailed, match="503"):
        download(download_server.url, part, published, delays.append)
    assert delays == [0.5, 1.0, 2.0]


def test_without_a_network_the_download_fails_within_seconds(
    part: Path, published: PublishedFile, delays: list[float]
) -> None:
    with pytest.raises(DownloadFailed, match="ConnectError"):
        download("http://127.0.0.1:9/data.zip", part, published, delays.append)
    assert sum(delays) < 5


def test_a_server_that_sends_nothing_is_not_retried_after_12_seconds(
    part: Path, published: PublishedFile, delays: list[float]
) -> None:
    moments = iter((0.0, 12.5))
    with pytest.raises(DownloadFailed):
        download("http://127.0.0.1:9/data.zip", part, published, delays.append, clock=lambda: next(moments))
    assert delays == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("ALL_PROXY", proxy)
            for proxy in ("socks5://user:hush@127.0.0.1:9", "nonsense://user:hush@host", "http://[::")
        ),
        *((name, "/nonexistent") for name in ("SSL_CERT_FILE", "SSL_CERT_DIR")),
        ("SSL_CERT_FILE", __file__),
    ],
)
def test_a_proxy_or_certificate_that_cannot_be_used_is_not_retried_and_no_password_is_shown(
    name: str, value: str, part: Path, published: PublishedFile, delays: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    if name == "SSL_CERT_DIR":
        # An empty folder of certificates is found out by the first connection.
        address, reason = "https://127.0.0.1:9/data.zip", "data.zip"
    else:
        address, reason = "http://127.0.0.1:9/data.zip", "HTTPS_PROXY, ALL_PROXY and SSL_CERT_FILE"
    with pytest.raises(DownloadFailed, match=reason) as raised:
        download(address, part, published, delays.append)
    assert "hush" not in str(raised.value)
    assert delays == [] or name == "SSL_CERT_DIR"


def test_a_host_without_an_address_is_a_failed_download(
    part: Path, published: PublishedFile, delays: list[float]
) -> None:
    for address in ("http://nowhere.invalid/data.zip", "http://a..b/data.zip"):
        with pytest.raises(DownloadFailed, match=address):
            download(address, part, published, delays.append)


def test_a_download_uses_the_proxy_of_the_shell(
    part: Path, published: PublishedFile, delays: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    with proxy_recorder.record_requests() as (variables, requests):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(DownloadFailed, match="502"):
            download("http://archive.example.org/data.zip", part, published, delays.append)
    assert requests[0] == "GET http://archive.example.org/data.zip HTTP/1.1"

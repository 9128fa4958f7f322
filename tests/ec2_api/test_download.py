from pathlib import Path
from types import SimpleNamespace

import pytest

from ec2_api.download import DownloadFailed, download
from ec2_api.layout import Published


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "download.part"


@pytest.fixture
def pauses() -> list[float]:
    return []


def test_a_download_that_is_cut_goes_on_where_it_stopped(
    shop: SimpleNamespace, part: Path, wanted: Published, csv: bytes, pauses: list[float]
) -> None:
    shop.faults = ["cut", "cut", "503", "cut"]
    assert download(shop.url, part, wanted, pauses.append) == csv
    half = len(shop.content) // 2
    assert shop.asked[:2] == [None, f"bytes={half}-"]
    assert len(shop.asked) == 5
    assert len(pauses) == 4


def test_a_part_left_by_an_earlier_start_is_used_and_a_whole_one_is_not_fetched_again(
    shop: SimpleNamespace, part: Path, wanted: Published, csv: bytes
) -> None:
    part.parent.mkdir()
    part.write_bytes(shop.content[:1_000])
    assert download(shop.url, part, wanted) == csv
    assert download(shop.url, part, wanted) == csv
    assert shop.asked == ["bytes=1000-", f"bytes={len(shop.content)}-"]


def test_a_server_without_ranges_is_read_from_the_start(
    shop: SimpleNamespace, part: Path, wanted: Published, csv: bytes, pauses: list[float]
) -> None:
    shop.faults = ["cut", "no ranges"]
    assert download(shop.url, part, wanted, pauses.append) == csv
    assert part.read_bytes() == shop.content


def test_the_part_of_another_file_is_thrown_away_and_the_right_one_is_fetched(
    shop: SimpleNamespace, part: Path, wanted: Published, csv: bytes, pauses: list[float]
) -> None:
    part.parent.mkdir()
    part.write_bytes(b"x" * 1_000)
    assert download(shop.url, part, wanted, pauses.append) == csv
    assert shop.asked == ["bytes=1000-", None]


@pytest.mark.parametrize("content", [b"encounter_id\n1\n", b"<html>sign in</html>", b"PK\x03\x04 no zip"])
def test_a_wrong_file_is_refused_and_not_kept(
    shop: SimpleNamespace, part: Path, wanted: Published, content: bytes
) -> None:
    shop.content = content
    with pytest.raises(DownloadFailed, match="not the published"):
        download(shop.url, part, wanted)
    assert len(shop.asked) == 1
    assert not part.exists()


def test_one_byte_of_difference_is_a_wrong_file(
    shop: SimpleNamespace, part: Path, wanted: Published, csv: bytes
) -> None:
    shop.content = csv[:-2] + b"X\n"
    with pytest.raises(DownloadFailed, match="not the published"):
        download(shop.url, part, wanted)


def test_an_address_that_says_no_is_given_up_at_once_and_one_that_fails_after_four_tries(
    shop: SimpleNamespace, part: Path, wanted: Published, pauses: list[float]
) -> None:
    shop.faults = ["404"]
    with pytest.raises(DownloadFailed, match="404"):
        download(shop.url, part, wanted, pauses.append)
    assert pauses == []
    shop.faults = ["503"] * 9
    with pytest.raises(DownloadFailed, match="503"):
        download(shop.url, part, wanted, pauses.append)
    assert pauses == [0.5, 1.0, 2.0]


def test_without_a_network_it_is_given_up_within_seconds(part: Path, wanted: Published, pauses: list[float]) -> None:
    with pytest.raises(DownloadFailed, match="ConnectError"):
        download("http://127.0.0.1:9/data.zip", part, wanted, pauses.append)
    assert sum(pauses) < 5


def test_an_address_that_hangs_is_not_tried_again_after_12_seconds(
    part: Path, wanted: Published, pauses: list[float]
) -> None:
    moments = iter((0.0, 12.5))
    with pytest.raises(DownloadFailed):
        download("http://127.0.0.1:9/data.zip", part, wanted, pauses.append, clock=lambda: next(moments))
    assert pauses == []

import logging
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from ec2_api.errors import StartupError
from ec2_api.layout import PublishedFile
from ec2_api.settings import SourceSettings
from ec2_api.startup import open_source

MakeSettings = Callable[..., SourceSettings]


@pytest.mark.parametrize("content", [None, "", "patient_nbr,race\n1,?\n", "encounter_id,race\n"])
def test_a_missing_file_or_another_layout_is_rejected_with_the_name_of_the_setting(
    make_settings: MakeSettings, tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "own.csv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(StartupError, match=r"READMIT_DATA: .*own\.csv") as error:
        open_source(make_settings(DATA=path), lambda: 1_000.0)
    assert "\n" not in str(error.value)


def test_without_data_the_sample_is_served_with_a_warning(
    make_settings: MakeSettings, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ec2_api.download.RETRY_DELAYS_SECONDS", (0.0,))
    settings = make_settings(DATA=None, SOURCE_DOWNLOAD_URL="http://127.0.0.1:9/data.zip", SOURCE_BATCH_SIZE=15_000)
    with caplog.at_level(logging.WARNING):
        source = open_source(settings, lambda: 1_000.0)
    assert (source.kind, source.rows, source.columns, source.release.total) == ("sample", 30_000, 50, 2)
    assert source.note is not None
    assert "synthetic sample" in source.note
    assert any("SAMPLE" in record.message for record in caplog.records)


def test_a_release_of_the_sample_keeps_it_without_a_download(make_settings: MakeSettings) -> None:
    first = open_source(make_settings(DATA=None, SOURCE_BATCH_SIZE=15_000), lambda: 1_000.0)
    later = make_settings(DATA=None, SOURCE_BATCH_SIZE=15_000, SOURCE_DOWNLOAD_URL="http://127.0.0.1:9/data.zip")
    assert open_source(later, lambda: 2_000.0).batches == first.batches


def test_a_release_of_real_data_never_continues_with_the_sample(make_settings: MakeSettings) -> None:
    open_source(make_settings(), lambda: 1_000.0)
    with pytest.raises(StartupError, match="READMIT_DATA: unset"):
        open_source(make_settings(DATA=None), lambda: 2_000.0)


def test_a_cached_file_that_is_not_the_published_one_is_not_served(
    make_settings: MakeSettings, small_csv: Path
) -> None:
    settings = make_settings(DATA=None, SOURCE_BATCH_SIZE=15_000)
    cached = settings.state / "cache" / "diabetic_data.csv"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(small_csv.read_bytes())
    assert open_source(settings, lambda: 1_000.0).kind == "sample"
    assert not cached.exists()


def test_the_published_file_is_downloaded_once_and_then_read_from_the_cache(
    make_settings: MakeSettings,
    download_server: SimpleNamespace,
    published: PublishedFile,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ec2_api.source.UCI", published)
    settings = make_settings(DATA=None, SOURCE_DOWNLOAD_URL=download_server.url)
    for _ in range(2):
        source = open_source(settings, lambda: 1_000.0)
        assert (source.kind, source.rows, source.note) == ("uci", 700, None)
    assert download_server.requested_ranges == [None]
    assert [path.name for path in (settings.state / "cache").iterdir()] == ["diabetic_data.csv"]


def test_the_published_file_is_recognised_by_its_sha256_under_any_name(
    make_settings: MakeSettings, published: PublishedFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert open_source(make_settings(), lambda: 1_000.0).kind == "file"
    monkeypatch.setattr("ec2_api.source.UCI", published)
    assert open_source(make_settings(), lambda: 1_000.0).kind == "uci"

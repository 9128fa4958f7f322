import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ec2_api import state
from ec2_api.errors import StartupError
from ec2_api.formats import Format
from ec2_api.sample import write_sample
from ec2_api.settings import SourceSettings
from ec2_api.startup import OpenSource, open_source

MakeSettings = Callable[..., SourceSettings]


def _etags(source: OpenSource) -> list[str]:
    return [source.store.get(number, Format.PARQUET).sha256 for number in range(1, source.release.total + 1)]


@pytest.fixture
def data(tmp_path: Path, small_csv: Path) -> Path:
    """A copy of the small file that a test may change."""
    path = tmp_path / "data.csv"
    path.write_bytes(small_csv.read_bytes())
    return path


@pytest.fixture
def further_rows(tmp_path: Path) -> str:
    """250 further rows, without their header."""
    write_sample(tmp_path / "more.csv", rows=250, seed=8)
    return (tmp_path / "more.csv").read_text().split("\n", 1)[1]


def test_a_restart_continues_the_release_with_the_same_bytes(make_settings: MakeSettings) -> None:
    settings = make_settings(SOURCE_INTERVAL_SECONDS=60)
    before = open_source(settings, lambda: 1_000.0)
    saved = (settings.state / "state.json").read_bytes()
    after = open_source(settings, lambda: 1_100.0)
    assert after.release.started_at == 1_000.0
    assert after.release.released(1_100.0) == 2
    assert _etags(after) == _etags(before)
    assert (settings.state / "state.json").read_bytes() == saved


def test_rows_added_at_the_files_end_become_further_batches_and_the_earlier_ones_stay(
    make_settings: MakeSettings, data: Path, further_rows: str
) -> None:
    settings = make_settings(DATA=data)
    before = open_source(settings, lambda: 1_000.0)
    data.write_text(data.read_text() + further_rows)
    after = open_source(settings, lambda: 2_000.0)
    assert [batch.rows for batch in after.batches] == [300, 300, 100, 250]
    assert _etags(after)[:3] == _etags(before)
    data.write_text(data.read_text() + further_rows)
    assert [batch.rows for batch in open_source(settings, lambda: 3_000.0).batches] == [300, 300, 100, 250, 250]


def test_changed_rows_are_rejected_with_the_batch_number_and_the_suggested_restart_works(
    make_settings: MakeSettings, data: Path
) -> None:
    settings = make_settings(DATA=data)
    open_source(settings, lambda: 1_000.0)
    lines = data.read_text().splitlines()
    lines[400] = lines[400].replace("Caucasian", "Other").replace("Male", "Female").replace("?", "x")
    data.write_text("\n".join(lines) + "\n")
    with pytest.raises(
        StartupError, match=r"READMIT_DATA: batch 2 \(rows 301 to 600\).*start a new release, remove"
    ) as error:
        open_source(settings, lambda: 2_000.0)
    Path(re.findall(r"remove (\S+)", str(error.value))[0]).unlink()
    assert open_source(settings, lambda: 3_000.0).release.started_at == 3_000.0


def test_rows_corrected_in_place_are_accepted_when_the_setting_lists_the_batch(
    make_settings: MakeSettings, data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = open_source(make_settings(DATA=data), lambda: 1_000.0)
    names, *lines = data.read_text().splitlines()
    lines[400] = lines[400].replace(",No,", ",Up,", 1)
    data.write_text("\n".join([names, *lines]) + "\n")
    with pytest.raises(StartupError, match="set READMIT_SOURCE_MENDED=2;"):
        open_source(make_settings(DATA=data, SOURCE_MENDED="1,3"), lambda: 2_000.0)
    after = open_source(make_settings(DATA=data, SOURCE_MENDED="2"), lambda: 2_000.0)
    assert "batch 2 has changed" in caplog.text
    assert [old == new for old, new in zip(_etags(before), _etags(after), strict=True)] == [True, False, True]
    assert _etags(open_source(make_settings(DATA=data), lambda: 3_000.0)) == _etags(after)


def test_removed_rows_are_not_accepted_as_mended(make_settings: MakeSettings, data: Path) -> None:
    open_source(make_settings(DATA=data), lambda: 1_000.0)
    data.write_text("".join(data.read_text().splitlines(keepends=True)[:-50]))
    with pytest.raises(StartupError, match="batch 3"):
        open_source(make_settings(DATA=data, SOURCE_MENDED="3"), lambda: 2_000.0)


def test_removed_rows_or_a_renamed_column_are_changes_too(make_settings: MakeSettings, data: Path) -> None:
    settings = make_settings(DATA=data)
    open_source(settings, lambda: 1_000.0)
    whole = data.read_text()
    data.write_text(whole.replace("medical_specialty", "specialty"))
    with pytest.raises(StartupError, match="batch 1 "):
        open_source(settings, lambda: 2_000.0)
    data.write_text("\n".join(whole.splitlines()[:-1]) + "\n")
    with pytest.raises(StartupError, match="batch 3 "):
        open_source(settings, lambda: 2_000.0)


def test_the_batch_size_is_fixed_when_the_release_starts(make_settings: MakeSettings) -> None:
    open_source(make_settings(), lambda: 1_000.0)
    with pytest.raises(StartupError, match=r"READMIT_SOURCE_BATCH_SIZE: 200, but the release began with 300"):
        open_source(make_settings(SOURCE_BATCH_SIZE=200), lambda: 2_000.0)


def test_another_interval_withdraws_no_released_batch_in_a_later_start(make_settings: MakeSettings) -> None:
    open_source(make_settings(SOURCE_INTERVAL_SECONDS=10), lambda: 1_000.0)
    slower = open_source(make_settings(SOURCE_INTERVAL_SECONDS=600), lambda: 1_010.0).release
    assert (slower.released(1_010.0), slower.seconds_to(3, 1_010.0)) == (2, 600)
    assert open_source(make_settings(SOURCE_INTERVAL_SECONDS=600), lambda: 1_020.0).release == slower


def test_a_damaged_state_is_rejected_with_the_name_of_the_setting(make_settings: MakeSettings) -> None:
    settings = make_settings()
    open_source(settings, lambda: 1_000.0)
    path = settings.state / "state.json"
    for damaged in ("", "[]", "{}", json.dumps({"batches": []}), path.read_text()[:-20]):
        path.write_text(damaged)
        with pytest.raises(StartupError, match="READMIT_SOURCE_STATE"):
            open_source(settings, lambda: 2_000.0)


def test_an_interrupted_write_leaves_the_earlier_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.json"
    state.replace(path, b"old")

    def cut(_: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("os.fsync", cut)
    with pytest.raises(OSError, match="no space left"):
        state.replace(path, b"new")
    assert path.read_bytes() == b"old"

"""Damaged batches: rejected or quarantined, listed, corrected at the source, released. Steps and stores are real."""

import hashlib
import re
from collections.abc import Callable

import polars as pl
import pytest

from readmit.cli import main
from readmit.core import cleaning
from readmit.core.cleaning import POSITION
from readmit.core.encounter import ENCOUNTER
from readmit.io import source_client
from readmit.io.database import ledger, rows
from readmit.io.object_store import Bucket, from_parquet, to_parquet
from readmit.io.source_client import SourceEndpoint
from readmit.quarantine_listing import Listing
from readmit.settings import Settings
from readmit.source_access import current_endpoint

Damage = Callable[[pl.DataFrame], pl.DataFrame]
ROWS = 400


class Hospital:
    """A source that sends the first rows of each batch, with `damage`, and `declares` a number of rows."""

    def __init__(self) -> None:
        self.damage: dict[int, Damage] = {}
        self.declares: dict[int, int] = {}
        self._fetch = source_client.fetch_batch

    def fetch(self, source: SourceEndpoint, batch: int) -> source_client.FetchedBatch:
        frame = self.damage.get(batch, lambda whole: whole)(self._whole(source, batch))
        content = to_parquet(frame)
        declared = self.declares.get(batch, frame.height)
        return source_client.FetchedBatch(content, hashlib.sha256(content).hexdigest(), declared)

    def whole(self, settings: Settings, batch: int) -> pl.DataFrame:
        return self._whole(current_endpoint(settings), batch)

    def _whole(self, source: SourceEndpoint, batch: int) -> pl.DataFrame:
        return from_parquet(self._fetch(source, batch).content).head(ROWS)


@pytest.fixture
def hospital(monkeypatch: pytest.MonkeyPatch) -> Hospital:
    source = Hospital()
    monkeypatch.setattr(source_client, "fetch_batch", source.fetch)
    return source


@pytest.fixture
def run_command(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Return a function that runs a command, asserts its exit code and returns its output."""

    def run(*command: str, code: int = 0) -> str:
        capsys.readouterr()
        assert main(command) == code
        output = capsys.readouterr()
        return output.out + output.err

    return run


def cells(field: str, bad: str, first: int, number: int) -> Damage:
    """Return damage that puts a value into one field of some rows, from a position on."""
    damaged = pl.int_range(1, pl.len() + 1).is_between(first, first + number - 1)
    return lambda frame: frame.with_columns(pl.when(damaged).then(pl.lit(bad)).otherwise(pl.col(field)).alias(field))


def all_of(*changes: Damage) -> Damage:
    def damage(frame: pl.DataFrame) -> pl.DataFrame:
        for change in changes:
            frame = change(frame)
        return frame

    return damage


def assert_consistent(batch: int) -> None:
    """Assert that ledger, tables and dataset agree, and that clean rows and faults follow from the raw rows."""
    row, faults = ledger.get_batch(batch), rows.faults(batch)
    assert row.rows == row.clean + row.quarantined + row.excluded
    assert row.quarantined == faults[POSITION].n_unique()
    assert row.clean == rows.clean_rows(batch).height
    assert row.clean == sum(part.rows for part in ledger.parts_up_to(batch) if part.batch == batch)
    raw = rows.raw_rows(batch)
    cleaned = cleaning.clean(raw, rows.known_encounters(batch, cleaning.encounter_numbers(raw)))
    assert cleaned.clean.sort(ENCOUNTER).equals(rows.clean_rows(batch).drop("split"))
    assert cleaned.faults.equals(faults)


def test_a_damaged_batch_is_rejected_and_listed_and_once_corrected_released_without_a_trace(
    settings: Settings, hospital: Hospital, run_command: Callable[..., str]
) -> None:
    run_command("day", "--batch", "1", "--train", "no")
    hospital.declares[2] = ROWS + 1
    assert "the source declares 401" in run_command("day", "--train", "no", code=1)
    assert "Not done, stopped at fetch: batch 2 has 400 rows, but the source declares 401" in run_command("quarantine")

    first = hospital.whole(settings, 1)[ENCOUNTER][0]
    hospital.declares.clear()
    hospital.damage[2] = all_of(
        cells("age", "old", 1, 20), cells("num_medications", "-1", 16, 10), cells(ENCOUNTER, first, 31, 1)
    )
    assert "26 of 400 encounters quarantined (6.5%)" in run_command("release", "--batch", "2", "--train", "no", code=1)
    assert ledger.done_batches() == {1}
    listed = run_command("quarantine", "--batch", "2")
    assert "Batch 2: 400 encounters = " in listed
    assert re.search(r"Not done, stopped at upload: batch 2 is not used for training: 26 of 400", listed)
    assert re.search(r"^  age +20 +1  'old' is not one of \[0-10\)", listed, re.MULTILINE)
    assert re.search(r"^  num_medications +10 +16  '-1' is not a whole number", listed, re.MULTILINE)
    assert f"{first}  encounter_id     an encounter of this number came before (batch 1, position 1)" in listed

    hospital.damage.clear()
    assert "No longer in quarantine: 26" in run_command("release", "--batch", "2", "--train", "no")
    assert ledger.done_batches() == {1, 2}
    assert_consistent(2)
    assert rows.raw_rows(2)["age"].to_list() == hospital.whole(settings, 2)["age"].to_list()
    assert "Nothing is in quarantine." in run_command("quarantine")
    assert "The source has not changed" in run_command("release", "--batch", "2", "--train", "no")


@pytest.mark.usefixtures("settings")
def test_a_release_that_fails_leaves_the_batch_open_to_the_next_day_and_closed_to_those_after_it(
    hospital: Hospital, run_command: Callable[..., str]
) -> None:
    for batch in ("1", "2"):
        run_command("day", "--batch", batch, "--train", "no")
    hospital.damage[1] = lambda frame: frame.drop("race").rename({"weight": " weight"})
    output = run_command("release", "--batch", "1", "--train", "no", code=1)
    assert "missing columns: race, weight" in output
    assert "Unknown columns, ignored:  weight" in run_command("quarantine", "--batch", "1")
    assert ledger.done_batches() == {2}
    assert "batch 3 requires all earlier batches; not uploaded yet: 1" in run_command("day", "--batch", "3", code=1)
    hospital.damage.clear()
    run_command("day", "--train", "no")
    assert ledger.done_batches() == {1, 2}
    assert_consistent(1)


def test_of_an_encounter_in_two_batches_one_stays_whichever_batch_is_corrected_and_released(
    settings: Settings, hospital: Hospital, run_command: Callable[..., str]
) -> None:
    numbers = hospital.whole(settings, 1)[ENCOUNTER]
    hospital.damage[1] = cells("age", "old", 1, 1)
    hospital.damage[2] = all_of(cells(ENCOUNTER, numbers[0], 1, 1), cells(ENCOUNTER, numbers[1], 2, 1))
    for batch in ("1", "2"):
        run_command("day", "--batch", batch, "--train", "no")
    assert rows.faults(1).select(POSITION, "field").rows() == [(1, "age")]
    assert rows.faults(2).select(POSITION, ENCOUNTER).rows() == [(2, numbers[1])]
    snapshot = ledger.require_output(ledger.get_batch(2), "snapshot_object")

    # Corrected: the first encounter is valid, as it is in batch 2 already; the second had a wrong number.
    hospital.damage[1] = cells(ENCOUNTER, "123", 2, 1)
    output = run_command("release", "--batch", "1", "--train", "no")
    assert "Snapshots of later batches (2) are unchanged" in output
    assert "Batch 2: 1 in quarantine as duplicates of encounters that are no longer in any batch" in output
    assert "came before (batch 2, position 1)" in run_command("quarantine", "--batch", "1")
    assert "came before (no longer in any batch)" in run_command("quarantine", "--batch", "2")
    assert_consistent(1)
    Bucket("datasets", *settings.s3_login).get_verified(snapshot)
    assert ledger.get_batch(2).snapshot_object == snapshot

    output = run_command("release", "--batch", "2", "--train", "no")
    assert "No longer in quarantine: 1" in output
    assert "as duplicates of" not in output
    assert ledger.get_batch(2).snapshot_object != snapshot
    for batch in (1, 2):
        assert_consistent(batch)
    encounters = pl.concat([rows.clean_rows(1), rows.clean_rows(2)])[ENCOUNTER]
    assert encounters.is_unique().all()


@pytest.mark.usefixtures("settings")
@pytest.mark.parametrize(
    ("damage", "step", "reason"),
    [
        (lambda frame: frame.head(0), "store_raw", "the batch contains no encounters"),
        (
            lambda frame: frame.with_columns(pl.lit("No").alias("glipizide_metformin")),
            "store_raw",
            "the batch has duplicate columns: glipizide_metformin",
        ),
    ],
)
def test_a_batch_that_can_not_be_cleaned_is_rejected_as_a_whole_at_once(
    damage: Damage, step: str, reason: str, hospital: Hospital, run_command: Callable[..., str]
) -> None:
    hospital.damage[1] = damage
    assert f"readmit: {reason}" in run_command("day", "--train", "no", code=1)
    assert [run.state for run in ledger.list_step_runs(batch=1)] == ["done", "done", "failed"]
    assert f"Not done, stopped at {step}: {reason}" in run_command("quarantine")
    hospital.damage.clear()
    run_command("release", "--batch", "1", "--train", "no")
    assert_consistent(1)


@pytest.mark.usefixtures("settings")
def test_the_first_faults_are_listed_and_all_of_them_on_request(
    hospital: Hospital, run_command: Callable[..., str]
) -> None:
    assert run_command("quarantine") == "No batch has been fetched yet.\n"
    assert "batch 1 has not been fetched yet" in run_command("quarantine", "--batch", "1", code=1)
    assert "batch 1 has not been fetched yet" in run_command("release", "--batch", "1", code=1)
    hospital.damage[1] = all_of(cells("patient_nbr", "8222157.5", 1, 60), cells(ENCOUNTER, "\x1b[31m", 61, 1))
    run_command("day", "--train", "no", code=1)
    summary, first_rows, all_rows = (
        run_command("quarantine", *options) for options in ((), ("--batch", "1"), ("--batch", "1", "--rows"))
    )
    assert re.search(r"^  patient_nbr +60 +1  the value is not a valid number$", summary, re.MULTILINE)
    assert "position" not in summary
    assert len(re.findall(r"^ +\d+ +\d+  patient_nbr ", first_rows, re.MULTILINE)) == 50
    assert "  and 11 more: `just quarantine 1 --rows` lists all" in first_rows
    assert len(re.findall(r"^ +\d+ +\d+ *  patient_nbr ", all_rows, re.MULTILINE)) == 60
    assert re.search(r"^ +61  \\x1b\[31m *  encounter_id ", all_rows, re.MULTILINE)
    assert "more:" not in all_rows
    assert "8222157" not in summary + first_rows + all_rows
    assert "\x1b" not in summary + first_rows + all_rows
    assert max(len(line) for line in Listing(1, True, 80).lines()) <= 80

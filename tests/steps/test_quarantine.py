"""Damage on its way: refused or quarantined, listed, mended at the source, released. The steps and stores are real."""

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
from readmit.io.object_store import Bucket, frame_of, parquet_of
from readmit.quarantine import Listing
from readmit.settings import Settings

Change = Callable[[pl.DataFrame], pl.DataFrame]
ROWS = 400


class Hospital:
    """The source, of whose batches the first rows come: as `damage` left them and so many as it `declares`."""

    def __init__(self) -> None:
        self.damage: dict[int, Change] = {}
        self.declares: dict[int, int] = {}
        self._fetch = source_client.fetch

    def fetch(self, url: str, batch: int) -> source_client.FetchedBatch:
        frame = self.damage.get(batch, lambda whole: whole)(self.whole(url, batch))
        content = parquet_of(frame)
        declared = self.declares.get(batch, frame.height)
        return source_client.FetchedBatch(content, hashlib.sha256(content).hexdigest(), declared)

    def whole(self, url: str, batch: int) -> pl.DataFrame:
        return frame_of(self._fetch(url, batch).content).head(ROWS)


@pytest.fixture
def hospital(monkeypatch: pytest.MonkeyPatch) -> Hospital:
    made = Hospital()
    monkeypatch.setattr(source_client, "fetch", made.fetch)
    return made


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Carries out a command that has to exit with a code, and returns what it said."""

    def carry_out(*command: str, code: int = 0) -> str:
        capsys.readouterr()
        assert main(command) == code
        said = capsys.readouterr()
        return said.out + said.err

    return carry_out


def cells(field: str, bad: str, first: int, number: int) -> Change:
    """Puts a value into one field of some rows, from a position on."""
    hit = pl.int_range(1, pl.len() + 1).is_between(first, first + number - 1)
    return lambda came: came.with_columns(pl.when(hit).then(pl.lit(bad)).otherwise(pl.col(field)).alias(field))


def all_of(*changes: Change) -> Change:
    def changed(came: pl.DataFrame) -> pl.DataFrame:
        for change in changes:
            came = change(came)
        return came

    return changed


def it_adds_up(batch: int) -> None:
    """In the ledger, in the tables and in the dataset alike; and what is clean is what the contract says of the raw."""
    row, faults = ledger.batch_row(batch), rows.faults(batch)
    assert row.rows == row.clean + row.quarantined + row.excluded
    assert row.quarantined == faults[POSITION].n_unique()
    assert row.clean == rows.clean_rows(batch).height
    assert row.clean == sum(part.rows for part in ledger.parts_until(batch) if part.batch == batch)
    judged = cleaning.clean(rows.raw_rows(batch), rows.whole_encounters_before(batch))
    assert judged.clean.sort(ENCOUNTER).equals(rows.clean_rows(batch).drop("split"))
    assert judged.faults.equals(faults)


def test_a_damaged_batch_is_refused_and_listed_and_once_mended_released_as_if_nothing_had_been(
    settings: Settings, hospital: Hospital, told: Callable[..., str]
) -> None:
    told("day", "--batch", "1", "--train", "no")
    hospital.declares[2] = ROWS + 1
    assert "the source declares 401" in told("day", "--train", "no", code=1)
    assert "Not done, stopped at fetch: batch 2 has 400 rows, the source declares 401" in told("quarantine")

    first = hospital.whole(settings.source_url, 1)[ENCOUNTER][0]
    hospital.declares.clear()
    hospital.damage[2] = all_of(
        cells("age", "old", 1, 20), cells("num_medications", "-1", 16, 10), cells(ENCOUNTER, first, 31, 1)
    )
    assert "26 of 400 encounters quarantined (6.5%)" in told("release", "--batch", "2", "--train", "no", code=1)
    assert ledger.done_batches() == {1}
    listed = told("quarantine", "--batch", "2")
    assert "Batch 2: 400 encounters = " in listed
    assert re.search(r"Not done, stopped at upload: batch 2 is not learnt from: 26 of 400", listed)
    assert re.search(r"^  age +20 +1  'old' is none of \[0-10\)", listed, re.MULTILINE)
    assert re.search(r"^  num_medications +10 +16  '-1' is not a whole number", listed, re.MULTILINE)
    assert f"{first}  encounter_id     an encounter of this number came before (batch 1, position 1)" in listed

    hospital.damage.clear()
    assert "Left quarantine: 26" in told("release", "--batch", "2", "--train", "no")
    assert ledger.done_batches() == {1, 2}
    it_adds_up(2)
    assert rows.raw_rows(2)["age"].to_list() == hospital.whole(settings.source_url, 2)["age"].to_list()
    assert "Nothing is in quarantine." in told("quarantine")
    assert "The source has not changed" in told("release", "--batch", "2", "--train", "no")


@pytest.mark.usefixtures("settings")
def test_a_release_that_fails_leaves_the_batch_open_to_the_next_day_and_closed_to_those_after_it(
    hospital: Hospital, told: Callable[..., str]
) -> None:
    for batch in ("1", "2"):
        told("day", "--batch", batch, "--train", "no")
    hospital.damage[1] = lambda came: came.drop("race").rename({"weight": " weight"})
    refused = told("release", "--batch", "1", "--train", "no", code=1)
    assert "no column race, weight" in refused
    assert "Columns that no encounter has, left out:  weight" in told("quarantine", "--batch", "1")
    assert ledger.done_batches() == {2}
    assert "batch 3 needs all before it; not uploaded yet: 1" in told("day", "--batch", "3", code=1)
    hospital.damage.clear()
    told("day", "--train", "no")
    assert ledger.done_batches() == {1, 2}
    it_adds_up(1)


def test_of_an_encounter_in_two_batches_one_stays_whichever_batch_is_mended_and_released(
    settings: Settings, hospital: Hospital, told: Callable[..., str]
) -> None:
    numbers = hospital.whole(settings.source_url, 1)[ENCOUNTER]
    hospital.damage[1] = cells("age", "old", 1, 1)
    hospital.damage[2] = all_of(cells(ENCOUNTER, numbers[0], 1, 1), cells(ENCOUNTER, numbers[1], 2, 1))
    for batch in ("1", "2"):
        told("day", "--batch", batch, "--train", "no")
    assert rows.faults(1).select(POSITION, "field").rows() == [(1, "age")]
    assert rows.faults(2).select(POSITION, ENCOUNTER).rows() == [(2, numbers[1])]
    snapshot = ledger.require_output(ledger.batch_row(2), "snapshot_object")

    # Mended: the first encounter is whole, as it is in batch 2 already; the second had a wrong number.
    hospital.damage[1] = cells(ENCOUNTER, "123", 2, 1)
    said = told("release", "--batch", "1", "--train", "no")
    assert "Snapshots of later batches (2) stay as they were made" in said
    assert "Batch 2: 1 in quarantine came before in a batch that was taken again and lacks them now" in said
    assert "came before (batch 2, position 1)" in told("quarantine", "--batch", "1")
    assert "came before (no batch has it any more)" in told("quarantine", "--batch", "2")
    it_adds_up(1)
    Bucket("datasets", *settings.s3_login).get_verified(snapshot)
    assert ledger.batch_row(2).snapshot_object == snapshot

    said = told("release", "--batch", "2", "--train", "no")
    assert "Left quarantine: 1" in said
    assert "taken again and lacks" not in said
    assert ledger.batch_row(2).snapshot_object != snapshot
    for batch in (1, 2):
        it_adds_up(batch)
    kept = pl.concat([rows.clean_rows(1), rows.clean_rows(2)])[ENCOUNTER]
    assert kept.is_unique().all()


@pytest.mark.usefixtures("settings")
@pytest.mark.parametrize(
    ("damage", "step", "reason"),
    [
        (lambda came: came.head(0), "store_raw", "the batch holds no encounters"),
        (
            lambda came: came.with_columns(pl.lit("No").alias("glipizide_metformin")),
            "store_raw",
            "the batch has columns twice: glipizide_metformin",
        ),
    ],
)
def test_a_batch_that_can_not_be_sorted_is_refused_as_a_whole_at_once(
    damage: Change, step: str, reason: str, hospital: Hospital, told: Callable[..., str]
) -> None:
    hospital.damage[1] = damage
    assert f"readmit: {reason}" in told("day", "--train", "no", code=1)
    assert [run.state for run in ledger.step_runs(batch=1)] == ["done", "done", "failed"]
    assert f"Not done, stopped at {step}: {reason}" in told("quarantine")
    hospital.damage.clear()
    told("release", "--batch", "1", "--train", "no")
    it_adds_up(1)


@pytest.mark.usefixtures("settings")
def test_of_much_damage_the_first_is_listed_and_all_is_on_demand(hospital: Hospital, told: Callable[..., str]) -> None:
    assert told("quarantine") == "No batch has come yet.\n"
    assert "batch 1 has not been fetched yet" in told("quarantine", "--batch", "1", code=1)
    assert "batch 1 has not been fetched yet" in told("release", "--batch", "1", code=1)
    hospital.damage[1] = all_of(cells("patient_nbr", "8222157.0", 1, 60), cells(ENCOUNTER, "\x1b[31m", 61, 1))
    told("day", "--train", "no", code=1)
    in_short, in_part, whole = (
        told("quarantine", *more) for more in ((), ("--batch", "1"), ("--batch", "1", "--rows"))
    )
    assert re.search(r"^  patient_nbr +60 +1  a value that can be no such number$", in_short, re.MULTILINE)
    assert "position" not in in_short
    assert len(re.findall(r"^ +\d+ +\d+  patient_nbr ", in_part, re.MULTILINE)) == 50
    assert "  and 11 more: `just quarantine 1 --rows` lists all" in in_part
    assert len(re.findall(r"^ +\d+ +\d+ *  patient_nbr ", whole, re.MULTILINE)) == 60
    assert re.search(r"^ +61  \\x1b\[31m *  encounter_id ", whole, re.MULTILINE)
    assert "more:" not in whole
    assert "8222157" not in in_short + in_part + whole
    assert "\x1b" not in in_short + in_part + whole
    assert max(len(line) for line in Listing(1, True, 80).lines()) <= 80

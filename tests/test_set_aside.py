"""Batches that always fail are set aside, recorded, and taken back, with a real SQLite."""

import time
from pathlib import Path

import polars as pl
import pytest

from readmit import cli
from readmit.core.cleaning import CLEAN_SCHEMA, POSITION
from readmit.core.encounter import COLUMNS, ENCOUNTER, OUTCOME, PATIENT
from readmit.core.snapshot_part import Part
from readmit.core.suppression import FIELDS_COUNTED
from readmit.io.database import leases, ledger, prospective_results, readmission_counts, rows, set_aside_batches
from readmit.io.database.connection import connect
from readmit.io.database.schema import migrate
from readmit.quarantine_listing import Listing
from readmit.run_history import RunHistory
from tests.prospective_examples import evaluation_on


@pytest.fixture(autouse=True)
def failed_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Provide a ledger with batch 1 done and batch 2 failed at `promote`, after its rows and parts were stored."""
    address = f"sqlite:///{tmp_path / 'db'}"
    monkeypatch.setenv("READMIT_DATABASE_URL", address)
    monkeypatch.setattr("getpass.getuser", lambda: "ana")
    connect(address)
    migrate()
    for batch in (1, 2):
        ledger.update_batch(batch, rows=2, clean=2, quarantined=0, excluded=0)
        raw = {name: ["?", "?"] for name in COLUMNS} | {POSITION: [1, 2], ENCOUNTER: numbers(batch)}
        rows.replace_raw(batch, pl.DataFrame(raw))
        keys = [int(number) for number in numbers(batch)]
        rows.replace_valid(batch, pl.DataFrame({ENCOUNTER: keys}))
        clean = {name: [None] * 2 for name in CLEAN_SCHEMA} | {ENCOUNTER: keys, PATIENT: keys, OUTCOME: ["NO", "<30"]}
        rows.replace_clean(batch, pl.DataFrame(clean | {"age": ["[0-10)"] * 2}, schema=CLEAN_SCHEMA))
        rows.replace_splits(batch, pl.DataFrame({ENCOUNTER: keys, "split": ["train", "test"]}))
        ledger.replace_parts(batch, [Part(batch, "train", 1, "content", "object")])
    ledger.mark_done(1)
    ledger.finish_step(ledger.start_step("run", "promote", 2), 2, 1.0, "VersionUnusable: damaged")


def numbers(batch: int) -> list[str]:
    return [f"{10 * batch + 1}", f"{10 * batch + 2}"]


def counted() -> int:
    return sum(encounters for _, encounters, _ in readmission_counts.query_readmissions(FIELDS_COUNTED, "any")["age"])


def test_a_batch_is_set_aside_with_its_reason_and_counts_as_empty(capsys: pytest.CaptureFixture[str]) -> None:
    assert (counted(), rows.clean_rows(2).height) == (4, 2)
    assert cli.main(["set-aside", "--batch", "2", "--why", " it is damaged "]) == 0
    assert "Batch 2 is set aside; recorded: ana: it is damaged" in capsys.readouterr().out
    entry = set_aside_batches.get(2)
    assert entry is not None
    assert (entry.operator, entry.reason, entry.undone_at) == ("ana", "it is damaged", None)
    assert (counted(), rows.clean_rows(2).height, rows.patients(2).height) == (2, 0, 0)
    assert (ledger.uploaded_batches(), set_aside_batches.numbers()) == ({1}, {2})
    assert rows.raw_rows(2).height == 2, "the raw rows stay as received"
    both = [int(number) for batch in (1, 2) for number in numbers(batch)]
    assert rows.known_encounters(3, both) == set(both[:2]), "a later batch may deliver its encounters again"
    assert ledger.get_batch(2).leased_by is None


def test_the_evaluation_on_a_batch_that_is_set_aside_is_removed() -> None:
    for batch in (2, 3):
        prospective_results.store_evaluation(evaluation_on(batch), "0" * 64)
    cli.main(["set-aside", "--batch", "2", "--why", "damaged"])
    assert [stored.evaluation.model.batch for stored in prospective_results.list_evaluations()] == [3]


def test_a_batch_that_is_set_aside_is_listed_with_who_when_and_why() -> None:
    cli.main(["set-aside", "--batch", "2", "--why", "damaged", "--by", "ben"])
    (text,) = RunHistory.read().set_aside
    assert text.startswith("Batch 2 is set aside since 20")
    assert text.endswith("by ben: damaged")
    assert text in RunHistory.read().lines()
    assert f"  {text}" in list(Listing(2, False, None).lines())


def test_after_later_batches_were_done_undo_says_how_they_get_the_batch(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["set-aside", "--batch", "2", "--why", "damaged"])
    ledger.update_batch(3, rows=2)
    ledger.mark_done(3)
    assert cli.main(["set-aside", "--batch", "2", "--undo"]) == 0
    assert "Later batches were done without it: just backfill 2 runs it and them again." in capsys.readouterr().out


def test_it_is_not_undone_while_a_run_works_on_a_batch_whose_snapshot_would_lack_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    cli.main(["set-aside", "--batch", "2", "--why", "damaged"])
    assert leases.acquire(3, "run", time.time(), 60.0)
    assert cli.main(["set-aside", "--batch", "2", "--undo"]) == 1
    assert "a run works on batch 3: wait until it has ended" in capsys.readouterr().err
    leases.release(3, "run")
    assert leases.acquire(3, "run", time.time() - 120, 60.0), "of a run that was killed"
    assert cli.main(["set-aside", "--batch", "2", "--undo"]) == 0


def test_it_is_undone_and_both_are_kept_on_record(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["set-aside", "--batch", "2", "--why", "damaged"])
    assert cli.main(["set-aside", "--batch", "2", "--undo", "--by", "ben"]) == 0
    output = capsys.readouterr().out
    assert "Batch 2 is open again; recorded: ben. The next day takes it." in output
    assert "Later batches" not in output
    assert set_aside_batches.numbers() == set()
    assert cli.main(["set-aside", "--batch", "2", "--undo"]) == 1
    assert "readmit: batch 2 is not set aside" in capsys.readouterr().err
    assert cli.main(["set-aside", "--batch", "2", "--why", "still damaged"]) == 0
    assert set_aside_batches.numbers() == {2}
    assert cli.main(["quarantine", "--batch", "2"]) == 0
    assert "still damaged" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--batch", "1", "--why", "x"), "batch 1 can't be set aside: it is done, and in the snapshots since"),
        (("--batch", "9", "--why", "x"), "batch 9 can't be set aside: no run has worked on it"),
        (("--batch", "2"), "to set a batch aside, `why` is required: 1 to 200 printable characters on one line"),
        (("--batch", "2", "--why", " "), "`why` is required"),
        (("--batch", "2", "--why", "a\nb"), "`why` is required"),
        (("--batch", "2", "--why", "x", "--by", ""), "`by` is required"),
    ],
)
def test_what_can_not_be_set_aside_is_rejected_and_changes_nothing(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger.finish_step(ledger.start_step("run", "check_source", 9), 9, 1.0, "PrerequisiteMissing: there is no batch 9")
    assert cli.main(["set-aside", *arguments]) == 1
    assert message in capsys.readouterr().err
    assert (set_aside_batches.numbers(), ledger.uploaded_batches(), counted()) == (set(), {1, 2}, 4)


def test_a_batch_is_set_aside_once_and_not_while_a_run_works_on_it(capsys: pytest.CaptureFixture[str]) -> None:
    leases.acquire(2, "a run", time.time(), 60)
    assert cli.main(["set-aside", "--batch", "2", "--why", "x"]) == 1
    assert "batch 2 is leased by another run" in capsys.readouterr().err
    leases.release(2, "a run")
    assert cli.main(["set-aside", "--batch", "2", "--why", "x"]) == 0
    assert cli.main(["set-aside", "--batch", "2", "--why", "y"]) == 1
    assert "batch 2 is already set aside (ana: x)" in capsys.readouterr().err


def test_a_backfill_passes_over_a_batch_that_is_set_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    cli.main(["set-aside", "--batch", "2", "--why", "x"])
    days: list[int | None] = []
    monkeypatch.setattr(cli, "run_day", lambda request: days.append(request.batch))
    monkeypatch.setattr(cli, "released", lambda: 3)
    assert cli.main(["backfill"]) == 0
    assert days == [1, 3]

import threading
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from readmit.core.cleaning import CLEAN_SCHEMA, FAULTS_SCHEMA, POSITION
from readmit.core.encounter import COLUMNS, ENCOUNTER, PATIENT
from readmit.core.errors import ContractViolated, LeaseLost, StoreUnavailable
from readmit.core.parts import Part
from readmit.core.splitting import SPLIT
from readmit.core.verdict import Interval, Verdict
from readmit.io.database import ledger, promotions, rows
from readmit.io.database.connection import CLEAN, RAW, connect, now, reading_in_bulk, using


@pytest.fixture(autouse=True)
def _fresh(databases: str) -> None:
    """Each test has empty databases: SQLite's, then MySQL's."""


AtOnce = Callable[[str, str], list[str]]


def raw(*encounters: str) -> pl.DataFrame:
    columns = {name: [f"{name} of {each}" for each in encounters] for name in COLUMNS} | {ENCOUNTER: list(encounters)}
    return pl.DataFrame({POSITION: list(range(1, len(encounters) + 1)), **columns})


def test_a_batch_is_replaced_as_a_whole_and_the_others_stay() -> None:
    rows.replace_raw(1, raw("11", "12", "13"))
    rows.replace_raw(2, raw("21"))
    rows.replace_raw(1, raw("14"))
    assert rows.raw_rows(1)[ENCOUNTER].to_list() == ["14"]
    assert rows.raw_rows(2).equals(raw("21"))


def test_what_is_written_is_read_back_with_null_as_null() -> None:
    whole = {name: [3 if kind == pl.Int64 else "x"] for name, kind in CLEAN_SCHEMA.items()}
    empty = {name: [None] for name in CLEAN_SCHEMA} | {ENCOUNTER: [4], PATIENT: [4]}
    clean = pl.concat(pl.DataFrame(columns, schema=CLEAN_SCHEMA) for columns in (whole, empty))
    rows.replace_clean(1, clean)
    rows.replace_splits(1, pl.DataFrame({ENCOUNTER: [3, 4], SPLIT: ["train", "test"]}))
    read = rows.clean_rows(1)
    assert read.drop(SPLIT).equals(clean)
    assert read[SPLIT].to_list() == ["train", "test"]


def test_a_batch_that_cannot_be_written_leaves_what_was_there() -> None:
    rows.replace_splits(1, pl.DataFrame({ENCOUNTER: [1], SPLIT: ["train"]}))
    with pytest.raises(ContractViolated, match="clean_data_db: .*(UNIQUE|Duplicate)"):
        rows.replace_splits(1, pl.DataFrame({ENCOUNTER: [2, 2], SPLIT: ["test", "test"]}))
    with using(CLEAN):
        assert CLEAN.execute_sql("SELECT encounter_id, split FROM splits").fetchall() in (
            [(1, "train")],
            ((1, "train"),),
        )


def test_an_encounter_came_before_if_it_came_whole_in_an_earlier_batch() -> None:
    rows.replace_raw(1, raw("11", "12"))
    rows.replace_raw(2, raw("21"))
    fault = {POSITION: [1], ENCOUNTER: ["11"], "field": ["race"], "reason": ["unknown"]}
    rows.replace_quarantine(1, pl.DataFrame(fault, schema=FAULTS_SCHEMA))
    assert rows.whole_encounters_before(1) == []
    assert rows.whole_encounters_before(2) == ["12"]


def test_a_bulk_read_waits_for_open_connections_of_other_threads_and_refuses_its_own() -> None:
    rows.replace_raw(1, raw("11"))
    read: list[int] = []
    with using(RAW):
        reader = threading.Thread(target=lambda: read.append(rows.raw_rows(1).height))
        reader.start()
        reader.join(0.3)
        assert read == []
        with pytest.raises(RuntimeError, match="would drop its locks"), reading_in_bulk(RAW):
            pass
    reader.join(10)
    assert read == [1]


def test_threads_hold_connections_to_a_database_at_the_same_time() -> None:
    counted: list[int] = []
    with using(RAW):
        RAW.execute_sql("SELECT COUNT(*) FROM encounters").fetchone()
        other = threading.Thread(target=lambda: counted.append(len(ledger.batch_rows())))
        other.start()
        other.join(10)
        assert counted == [0]


def test_a_connection_waits_for_the_bulk_read_of_another_thread() -> None:
    rows.replace_raw(1, raw("11"))
    counted: list[int] = []
    with reading_in_bulk(RAW):
        other = threading.Thread(target=lambda: counted.append(len(ledger.batch_rows())))
        other.start()
        other.join(0.3)
        assert counted == []
    other.join(10)
    assert counted == [0]


def test_a_file_that_can_not_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "raw_data_db.sqlite3").mkdir()
    connect(f"sqlite:///{tmp_path}")
    with pytest.raises(StoreUnavailable, match="raw_data_db: unable to open"):
        rows.replace_raw(1, raw("11"))


def test_a_cell_may_hold_any_text_of_any_length() -> None:
    strange = [
        "x" * 100_000,
        "\U0001f3e5 é ｱ عربي \u202e",
        "%s ? ' \" \\ ` ; --",
        "a\nb\r\n\tc",
        "\x00\x1b[31m",
        " No ",
        "",
        None,
    ]
    encounters = raw(*map(str, range(len(strange)))).with_columns(pl.Series("race", strange, dtype=pl.String))
    rows.replace_raw(1, encounters)
    assert rows.raw_rows(1).equals(encounters)


def test_a_column_without_any_value_is_text_all_the_same() -> None:
    nothing = raw("11", "12").with_columns(pl.lit(None, pl.String).alias(name) for name in COLUMNS)
    rows.replace_raw(1, nothing)
    assert rows.raw_rows(1).equals(nothing)
    assert rows.raw_rows(2).schema == nothing.schema


def test_words_that_differ_in_capitals_alone_are_different() -> None:
    encounters = raw("11", "12").with_columns(pl.Series("race", ["No", "NO"]))
    rows.replace_raw(1, encounters)
    with using(RAW):
        assert RAW.execute_sql("SELECT COUNT(*) FROM encounters WHERE race = 'No'").fetchone() == (1,)


def test_faults_are_counted_by_field_and_reason() -> None:
    fault = {
        POSITION: [3, 1, 2],
        ENCOUNTER: ["13", None, "12"],
        "field": ["race", "age", "race"],
        "reason": ["a", "b", "a"],
    }
    rows.replace_quarantine(1, pl.DataFrame(fault, schema=FAULTS_SCHEMA))
    assert rows.fault_counts(1) == [("race", "a", 2), ("age", "b", 1)]
    assert rows.faults_by_field(1) == [rows.Faults("age", "b", 1, 1), rows.Faults("race", "a", 2, 2)]
    assert rows.faults(1, most=1)[ENCOUNTER].to_list() == [None]


def test_a_lease_that_is_extended_to_the_same_moment_is_still_held() -> None:
    assert ledger.take_lease(1, "a run", at=100.0, seconds=60)
    ledger.extend_lease(1, "a run", until=160.0)
    ledger.extend_lease(1, "a run", until=160.0)
    assert ledger.take_lease(1, "a run", at=100.0, seconds=60)
    assert not ledger.take_lease(1, "another run", at=100.0, seconds=60)
    with pytest.raises(LeaseLost):
        ledger.extend_lease(1, "another run", until=160.0)


def test_what_the_ledger_and_the_verdicts_say_is_read_back() -> None:
    before = now()
    ledger.update_batch(1, rows=3, sha256="ab")
    number = ledger.begin_step("a run", "clean", 1)
    ledger.end_step(number, 1, 0.5, {"clean": 2, "share": 0.25, "word": "é"})
    ledger.replace_parts(1, [Part(1, "train", 2, "abc", "name")])
    ledger.mark_done(1)
    row, (run,) = ledger.batch_row(1), ledger.step_runs()
    assert (row.rows, row.sha256, row.clean) == (3, "ab", None)
    assert before <= run.started_at <= row.done_at <= now()
    assert ledger.facts_of(run) == {"clean": 2, "share": 0.25, "word": "é"}
    assert ledger.parts_until(1) == [Part(1, "train", 2, "abc", "name")]


def test_a_verdict_is_stored_unapplied_and_marked_as_applied() -> None:
    for version in ("8", "9"):
        promotions.store(1, "any", verdict(version))
        assert not promotions.is_applied(version)
        promotions.mark_applied(version)
        assert promotions.is_applied(version)
    assert [each for _, each in promotions.verdicts()] == [verdict("8"), verdict("9")]
    promotions.store(1, "any", verdict("8"))
    assert not promotions.is_applied("8"), "a verdict that is stored anew stands in the other's place"


def verdict(version: str) -> Verdict:
    """A promotion of a version that had no rival."""
    return Verdict(True, True, ("é",), version, None, {"roc_auc": 0.7}, {}, Interval(0.6, 0.8), None, None, None)


def test_of_two_runs_that_reach_for_a_batch_at_once_one_gets_it(databases: str, at_once: AtOnce) -> None:
    reach = "print(*[batch for batch in range(1, 21) if ledger.take_lease(batch, f'run {me}', 100.0, 60)])"
    first, second = (set(map(int, said.split())) for said in at_once(databases, reach))
    assert first | second == set(range(1, 21))
    assert not first & second


def test_two_batches_can_be_replaced_at_once(databases: str, at_once: AtOnce) -> None:
    replace = (
        "for time in range(5):\n"
        "    splits = {'encounter_id': range(me * 10_000, me * 10_000 + 2_000), 'split': ['train'] * 2_000}\n"
        "    rows.replace_splits(me, pl.DataFrame(splits))\n"
    )
    at_once(databases, replace)
    with using(CLEAN):
        assert CLEAN.execute_sql("SELECT COUNT(*) FROM splits").fetchone() == (4_000,)

import threading
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from readmit.core.cleaning import CLEAN_SCHEMA, FAULTS_SCHEMA, POSITION
from readmit.core.encounter import COLUMNS, ENCOUNTER, PATIENT
from readmit.core.errors import ContractViolated, LeaseLost, StoreUnavailable
from readmit.core.snapshot_part import Part
from readmit.core.splitting import SPLIT
from readmit.core.tabular.table_header import ROW_ERROR
from readmit.core.verdict import Interval, Verdict
from readmit.io.database import leases, ledger, promotions, prospective_results, rows
from readmit.io.database.connection import CLEAN, RAW, bulk_read, connect, now, using
from tests.card_facts import TRAINING
from tests.prospective_examples import evaluation_on


@pytest.fixture(autouse=True)
def _fresh(databases: str) -> None:
    """Each test has empty databases: SQLite's, then MySQL's."""


AtOnce = Callable[[str, str], list[str]]


def raw(*encounters: str) -> pl.DataFrame:
    columns = {name: [f"{name} of {number}" for number in encounters] for name in COLUMNS} | {
        ENCOUNTER: list(encounters)
    }
    positions = list(range(1, len(encounters) + 1))
    return pl.DataFrame({POSITION: positions, **columns}).with_columns(pl.lit(None, pl.String).alias(ROW_ERROR))


def test_a_batch_is_replaced_as_a_whole_and_the_others_stay() -> None:
    rows.replace_raw(1, raw("11", "12", "13"))
    rows.replace_raw(2, raw("21"))
    rows.replace_raw(1, raw("14"))
    assert rows.raw_rows(1)[ENCOUNTER].to_list() == ["14"]
    assert rows.raw_rows(2).equals(raw("21"))


def test_rows_are_read_back_as_written_with_null_as_null() -> None:
    complete = {name: [3 if kind == pl.Int64 else "x"] for name, kind in CLEAN_SCHEMA.items()}
    empty = {name: [None] for name in CLEAN_SCHEMA} | {ENCOUNTER: [4], PATIENT: [4]}
    clean = pl.concat(pl.DataFrame(columns, schema=CLEAN_SCHEMA) for columns in (complete, empty))
    rows.replace_clean(1, clean)
    rows.replace_splits(1, pl.DataFrame({ENCOUNTER: [3, 4], SPLIT: ["train", "test"]}))
    read = rows.clean_rows(1)
    assert read.drop(SPLIT).equals(clean)
    assert read[SPLIT].to_list() == ["train", "test"]


def test_a_batch_that_cannot_be_written_leaves_the_earlier_rows() -> None:
    rows.replace_splits(1, pl.DataFrame({ENCOUNTER: [1], SPLIT: ["train"]}))
    with pytest.raises(ContractViolated, match="clean_data_db: .*(UNIQUE|Duplicate)"):
        rows.replace_splits(1, pl.DataFrame({ENCOUNTER: [2, 2], SPLIT: ["test", "test"]}))
    with using(CLEAN):
        assert CLEAN.execute_sql("SELECT encounter_id, split FROM splits").fetchall() in (
            [(1, "train")],
            ((1, "train"),),
        )


def test_an_encounter_is_known_if_it_was_valid_in_an_earlier_batch() -> None:
    for batch in (1, 2, 3):
        rows.replace_valid(batch, pl.DataFrame({ENCOUNTER: [10 * batch, 10 * batch + 1]}))
    assert rows.known_encounters(1, [10, 20, 30]) == set()
    assert rows.known_encounters(2, [10, 11, 12, 20, 30]) == {10, 11}
    rows.replace_valid(1, pl.DataFrame({ENCOUNTER: [11]}))
    assert rows.known_encounters(2, [10, 11]) == {11}


def test_an_encounter_that_is_clean_in_a_later_batch_is_known() -> None:
    empty = {name: [None] for name in CLEAN_SCHEMA} | {ENCOUNTER: [30], PATIENT: [4]}
    rows.replace_clean(3, pl.DataFrame(empty, schema=CLEAN_SCHEMA))
    assert rows.known_encounters(2, [30, 31]) == {30}
    assert rows.known_encounters(3, [30, 31]) == set()


def test_any_number_of_encounters_is_looked_up() -> None:
    numbers = list(range(3 * rows.NUMBERS_PER_QUERY + 1))
    rows.replace_valid(1, pl.DataFrame({ENCOUNTER: numbers}))
    assert rows.known_encounters(2, [*numbers, -1, 10**15]) == set(numbers)


def test_a_bulk_read_waits_for_connections_of_other_threads_and_is_rejected_with_one_of_its_own() -> None:
    rows.replace_raw(1, raw("11"))
    read: list[int] = []
    with using(RAW):
        reader = threading.Thread(target=lambda: read.append(rows.raw_rows(1).height))
        reader.start()
        reader.join(0.3)
        assert read == []
        with pytest.raises(RuntimeError, match="would drop its locks"), bulk_read(RAW):
            pass
    reader.join(10)
    assert read == [1]


def test_threads_have_connections_to_a_database_at_the_same_time() -> None:
    counted: list[int] = []
    with using(RAW):
        RAW.execute_sql("SELECT COUNT(*) FROM encounters").fetchone()
        other = threading.Thread(target=lambda: counted.append(len(ledger.list_batches())))
        other.start()
        other.join(10)
        assert counted == [0]


def test_a_connection_waits_for_the_bulk_read_of_another_thread() -> None:
    rows.replace_raw(1, raw("11"))
    counted: list[int] = []
    with bulk_read(RAW):
        other = threading.Thread(target=lambda: counted.append(len(ledger.list_batches())))
        other.start()
        other.join(0.3)
        assert counted == []
    other.join(10)
    assert counted == [0]


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "raw_data_db.sqlite3").mkdir()
    connect(f"sqlite:///{tmp_path}")
    with pytest.raises(StoreUnavailable, match="raw_data_db: unable to open"):
        rows.replace_raw(1, raw("11"))


def test_a_cell_may_contain_any_text_of_any_length() -> None:
    texts = [
        "x" * 100_000,
        "\U0001f3e5 é ｱ عربي \u202e",
        "%s ? ' \" \\ ` ; --",
        "a\nb\r\n\tc",
        "\x00\x1b[31m",
        " No ",
        "",
        None,
    ]
    encounters = raw(*map(str, range(len(texts)))).with_columns(pl.Series("race", texts, dtype=pl.String))
    rows.replace_raw(1, encounters)
    assert rows.raw_rows(1).equals(encounters)


def test_a_column_of_nulls_is_text() -> None:
    nothing = raw("11", "12").with_columns(pl.lit(None, pl.String).alias(name) for name in COLUMNS)
    rows.replace_raw(1, nothing)
    assert rows.raw_rows(1).equals(nothing)
    assert rows.raw_rows(2).schema == nothing.schema


def test_texts_that_differ_only_in_case_are_different() -> None:
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
    assert rows.faults(1, limit=1)[ENCOUNTER].to_list() == [None]


def test_a_lease_that_is_renewed_until_the_same_time_is_still_held() -> None:
    assert leases.acquire(1, "a run", at=100.0, seconds=60)
    leases.renew(1, "a run", until=160.0)
    leases.renew(1, "a run", until=160.0)
    assert leases.acquire(1, "a run", at=100.0, seconds=60)
    assert not leases.acquire(1, "another run", at=100.0, seconds=60)
    with pytest.raises(LeaseLost):
        leases.renew(1, "another run", until=160.0)


def test_the_ledger_is_read_back_as_written() -> None:
    before = now()
    ledger.update_batch(1, rows=3, sha256="ab")
    number = ledger.start_step("a run", "clean", 1)
    ledger.finish_step(number, 1, 0.5, {"clean": 2, "share": 0.25, "word": "é"})
    ledger.replace_parts(1, [Part(1, "train", 2, "abc", "name")])
    ledger.mark_done(1)
    row, (run,) = ledger.get_batch(1), ledger.list_step_runs()
    assert (row.rows, row.sha256, row.clean) == (3, "ab", None)
    assert before <= run.started_at <= row.done_at <= now()
    assert ledger.parse_facts(run) == {"clean": 2, "share": 0.25, "word": "é"}
    assert ledger.parts_up_to(1) == [Part(1, "train", 2, "abc", "name")]


def test_a_verdict_is_stored_unapplied_and_marked_as_applied() -> None:
    for version in ("8", "9"):
        promotions.store_verdict(1, "any", verdict(version))
        assert not promotions.is_applied(version)
        promotions.mark_applied(version)
        assert promotions.is_applied(version)
    assert [stored for _, stored in promotions.list_verdicts()] == [verdict("8"), verdict("9")]
    promotions.store_verdict(1, "any", verdict("8"))
    assert not promotions.is_applied("8"), "a verdict that is stored again replaces the earlier one"


def test_the_facts_of_a_card_are_stored_with_the_verdict_and_older_verdicts_have_none() -> None:
    promotions.store_verdict(1, "any", verdict("8"))
    assert promotions.get_training_facts("8") is None
    promotions.store_verdict(1, "any", verdict("9"), TRAINING)
    assert promotions.get_training_facts("9") == TRAINING
    decided = promotions.get_decision("9")
    assert decided is not None
    assert decided[0] == verdict("9")
    assert (promotions.get_decision("7"), promotions.get_training_facts("7")) == (None, None)


def test_consultations_are_the_verdicts_on_versions_of_the_same_target_up_to_the_version() -> None:
    for version, target in (("1", "any"), ("2", "within_30_days"), ("3", "any"), ("10", "any")):
        promotions.store_verdict(1, target, verdict(version))
    assert promotions.count_consultations() == {"1": 1, "2": 1, "3": 2, "10": 3}


def test_an_evaluation_on_a_batch_replaces_the_earlier_one_and_survives_the_database() -> None:
    for evaluation, data in ((evaluation_on(3), "a"), (evaluation_on(2), "b"), (evaluation_on(3, "any"), "c")):
        prospective_results.store_evaluation(evaluation, data)
    stored = prospective_results.list_evaluations()
    assert [(entry.evaluation, entry.data) for entry in stored] == [
        (evaluation_on(3, "any"), "c"),
        (evaluation_on(2), "b"),
    ]
    assert prospective_results.get_latest_evaluation() == evaluation_on(3, "any")
    prospective_results.remove_evaluation(3)
    assert prospective_results.get_evaluation(3) is None
    assert prospective_results.get_latest_evaluation() == evaluation_on(2)


def verdict(version: str) -> Verdict:
    """A promotion of a version without a champion."""
    return Verdict(True, True, ("é",), version, None, {"roc_auc": 0.7}, {}, Interval(0.6, 0.8), None, None, None)


def test_only_one_of_two_concurrent_runs_acquires_the_lease_of_a_batch(databases: str, at_once: AtOnce) -> None:
    acquire = "print(*[batch for batch in range(1, 21) if leases.acquire(batch, f'run {me}', 100.0, 60)])"
    first, second = (set(map(int, output.split())) for output in at_once(databases, acquire))
    assert first | second == set(range(1, 21))
    assert not first & second


def test_two_batches_can_be_replaced_at_the_same_time(databases: str, at_once: AtOnce) -> None:
    replace = (
        "for time in range(5):\n"
        "    splits = {'encounter_id': range(me * 10_000, me * 10_000 + 2_000), 'split': ['train'] * 2_000}\n"
        "    rows.replace_splits(me, pl.DataFrame(splits))\n"
    )
    at_once(databases, replace)
    with using(CLEAN):
        assert CLEAN.execute_sql("SELECT COUNT(*) FROM splits").fetchone() == (4_000,)

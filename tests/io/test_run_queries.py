"""The queries of the API for days and counts, on SQLite and on MySQL."""

import polars as pl
import pytest

from readmit.core.cleaning import CLEAN_SCHEMA, FAULTS_SCHEMA
from readmit.core.encounter import ENCOUNTER, OUTCOME, PATIENT, TARGETS
from readmit.core.errors import ContractViolated
from readmit.core.suppression import FIELDS_COUNTED, sums_by_name
from readmit.io.database import leases, ledger, readmission_counts, rows, run_queries
from readmit.io.database.connection import CLEAN, using


@pytest.fixture(autouse=True)
def _fresh(databases: str) -> None:
    """Each test has empty databases: SQLite's, then MySQL's."""


def step(run_id: str, name: str, batch: int | None, outcome: dict[str, object] | str | None = None) -> None:
    number = ledger.start_step(run_id, name, batch)
    if outcome is not None:
        ledger.finish_step(number, batch, 1.5, outcome)


def test_a_run_of_a_batch_is_one_day_and_the_newest_is_first() -> None:
    step("one", "check_source", 1, {})
    step("one", "fetch", 1, "SourceUnavailable: gone")
    step("two", "check_source", 2, {})
    step("one", "fetch", 1, {})
    step("nothing new", "check_source", None, {})
    total, page = run_queries.list_batch_runs(page=1, per_page=10, batch=None)
    assert total == 2
    assert [(run.run_id, run.batch, [attempt.step for attempt in run.attempts]) for run in page] == [
        ("two", 2, ["check_source"]),
        ("one", 1, ["check_source", "fetch", "fetch"]),
    ]


def test_days_are_listed_by_page_and_by_batch() -> None:
    for number in range(5):
        step(f"run {number}", "fetch", 1 + number % 2, {})
    total, page = run_queries.list_batch_runs(page=2, per_page=2, batch=None)
    assert (total, [run.run_id for run in page]) == (5, ["run 2", "run 1"])
    total, page = run_queries.list_batch_runs(page=1, per_page=10, batch=2)
    assert (total, [run.run_id for run in page]) == (2, ["run 3", "run 1"])
    assert run_queries.list_batch_runs(page=9, per_page=2, batch=None) == (5, [])


def test_a_day_has_the_lease_of_its_own_run() -> None:
    step("mine", "fetch", 1)
    step("killed", "fetch", 2)
    leases.acquire(1, "mine", at=100.0, seconds=60.0)
    leases.acquire(2, "another", at=100.0, seconds=60.0)
    leased_until = {run.run_id: run.leased_until for run in run_queries.list_batch_runs(1, 10, None)[1]}
    assert leased_until == {"mine": 160.0, "killed": None}


def test_batches_are_listed_by_page_with_the_newest_first() -> None:
    for batch in (1, 2, 3):
        ledger.update_batch(batch, rows=10 * batch)
    total, page = run_queries.list_batches(page=1, per_page=2)
    assert (total, [row.batch for row in page]) == (3, [3, 2])


def test_the_quarantine_is_counted_by_batch_field_and_reason() -> None:
    faults = [(1, "11", "age", "absent"), (4, "14", "age", "absent"), (2, "12", "race", "odd")]
    rows.replace_quarantine(7, pl.DataFrame(faults, schema=FAULTS_SCHEMA, orient="row"))
    rows.replace_quarantine(8, pl.DataFrame([(3, "13", "age", "absent")], schema=FAULTS_SCHEMA, orient="row"))
    assert run_queries.count_quarantined(None) == [
        (8, "age", "absent", 1, 3),
        (7, "age", "absent", 2, 1),
        (7, "race", "odd", 1, 2),
    ]
    assert run_queries.count_quarantined(8) == [(8, "age", "absent", 1, 3)]


def test_only_successful_attempts_at_training_are_listed() -> None:
    step("a", "train", 1, {"lightgbm.roc_auc": 0.6})
    step("b", "train", 1, "ValueError: no")
    step("c", "train", 2, {})
    step("d", "fetch", 1, {})
    assert [ledger.parse_facts(run) for run in run_queries.list_training_runs(1)] == [{"lightgbm.roc_auc": 0.6}]


def store_encounters() -> None:
    blank = {name: [None] * 6 for name in CLEAN_SCHEMA}
    values = {
        ENCOUNTER: list(range(6)),
        PATIENT: list(range(6)),
        "diag_1": ["428", "410.1", None, "V57", "428", "250.83"],
        "age": ["[70-80)"] * 4 + ["[0-10)", None],
        OUTCOME: ["<30", ">30", "NO", "<30", "NO", "<30"],
    }
    for batch, part in ((1, slice(0, 4)), (2, slice(4, 6))):
        columns = {name: column[part] for name, column in (blank | values).items()}
        rows.replace_clean(batch, pl.DataFrame(columns, schema=CLEAN_SCHEMA))


@pytest.mark.parametrize("field", FIELDS_COUNTED)
@pytest.mark.parametrize("target", TARGETS)
def test_stored_counts_equal_those_that_sql_computes_from_the_rows(field: str, target: str) -> None:
    store_encounters()
    assert sorted(readmission_counts.query_readmissions((field,), target)[field]) == counts_of_rows(field, target)
    store_encounters()
    assert sorted(readmission_counts.query_readmissions((field,), target)[field]) == counts_of_rows(field, target)


def counts_of_rows(field: str, target: str) -> list[tuple[str, int, int]]:
    outcomes = ", ".join(f"'{outcome}'" for outcome in TARGETS[target])
    query = (
        f"SELECT {field}, COUNT(*), SUM(CASE WHEN readmitted IN ({outcomes}) THEN 1 ELSE 0 END) "
        f"FROM encounters GROUP BY {field}"
    )
    with using(CLEAN):
        counted = [
            (value, (int(total), int(positive))) for value, total, positive in CLEAN.execute_sql(query).fetchall()
        ]
    assert sum(encounters for _, (encounters, _) in counted) == 6
    return sorted((name, *sums) for name, sums in sums_by_name(field, counted).items())


def test_a_batch_that_is_stored_again_replaces_its_counts_and_no_others() -> None:
    store_encounters()
    rows.replace_clean(1, pl.DataFrame(schema=CLEAN_SCHEMA))
    assert readmission_counts.query_readmissions(("batch", "age"), "any") == {
        "batch": [("2", 2, 1)],
        "age": [("?", 1, 1), ("[0-10)", 1, 0)],
    }


def test_a_batch_that_cannot_be_stored_leaves_the_counts_as_they_were() -> None:
    store_encounters()
    before = readmission_counts.query_readmissions(FIELDS_COUNTED, "any")
    duplicates = {name: [None] * 2 for name in CLEAN_SCHEMA} | {ENCOUNTER: [9, 9], PATIENT: [9, 9]}
    with pytest.raises(ContractViolated):
        rows.replace_clean(1, pl.DataFrame(duplicates, schema=CLEAN_SCHEMA))
    assert readmission_counts.query_readmissions(FIELDS_COUNTED, "any") == before


def test_a_database_that_responds_raises_nothing() -> None:
    run_queries.ping()

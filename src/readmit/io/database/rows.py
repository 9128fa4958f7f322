"""Bulk access to rows: written with executemany in one transaction, read with connectorx."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import connectorx as cx
import peewee as pw
import polars as pl

from readmit.core.batch_counts import counts_of_batch
from readmit.core.cleaning import CLEAN_SCHEMA, FAULTS_SCHEMA, POSITION
from readmit.core.encounter import COLUMNS, ENCOUNTER, PATIENT
from readmit.core.quarantine_reasons import DUPLICATE
from readmit.core.splitting import SPLIT
from readmit.core.tabular.table_header import ROW_ERROR
from readmit.io.database.connection import CLEAN, RAW, bulk_read, now, quote_column, using
from readmit.io.database.readmission_counts import replace_counts
from readmit.io.database.tables import CleanEncounter, Quarantined, RawEncounter, SplitRow, ValidEncounter

NUMBERS_PER_QUERY = 1_000


def replace_raw(batch: int, encounters: pl.DataFrame) -> None:
    """Replace a batch's raw encounters. `encounters`: from `to_text_columns`."""
    _replace(RawEncounter, batch, encounters, now())


def replace_clean(batch: int, encounters: pl.DataFrame) -> None:
    """Replace a batch's clean encounters and the counts of them, in one transaction. `encounters`: CLEAN_SCHEMA."""
    with using(CLEAN), CLEAN.atomic():
        _delete_and_insert(CleanEncounter, batch, encounters, now())
        replace_counts(batch, counts_of_batch(batch, encounters))


def remove_clean(batch: int) -> None:
    """Remove a batch's clean encounters, their counts and their splits."""
    replace_clean(batch, pl.DataFrame(schema=CLEAN_SCHEMA))
    replace_splits(batch, pl.DataFrame(schema={ENCOUNTER: pl.Int64, SPLIT: pl.String}))


def replace_quarantine(batch: int, faults: pl.DataFrame) -> None:
    """Replace a batch's faults. `faults`: FAULTS_SCHEMA."""
    _replace(Quarantined, batch, faults, None)


def replace_valid(batch: int, encounters: pl.DataFrame) -> None:
    """Replace the numbers of a batch's valid encounters. `encounters`: VALID_SCHEMA."""
    _replace(ValidEncounter, batch, encounters, None)


def replace_splits(batch: int, splits: pl.DataFrame) -> None:
    """Replace a batch's splits. `splits`: encounter_id, split."""
    _replace(SplitRow, batch, splits, None)


def raw_rows(batch: int) -> pl.DataFrame:
    """Return a batch's raw encounters in source order, as `to_text_columns` returned them."""
    texts = (*COLUMNS, ROW_ERROR)
    columns = ", ".join(quote_column(RAW, name) for name in (POSITION, *texts))
    table = RawEncounter._meta.table_name
    schema = pl.Schema({POSITION: pl.Int64, **dict.fromkeys(texts, pl.String)})
    return _read(RAW, f"SELECT {columns} FROM {table} WHERE batch = {batch:d} ORDER BY {POSITION}", schema)


def patients(batch: int) -> pl.DataFrame:
    """Return encounter_id and patient_nbr of a batch's clean encounters."""
    schema = pl.Schema(dict.fromkeys((ENCOUNTER, PATIENT), pl.Int64))
    return _read(CLEAN, f"SELECT {ENCOUNTER}, {PATIENT} FROM encounters WHERE batch = {batch:d}", schema)


def clean_rows(batch: int) -> pl.DataFrame:
    """Return a batch's clean encounters that have a split, by encounter: CLEAN_SCHEMA and `split`."""
    columns = ", ".join(f"e.{quote_column(CLEAN, name)}" for name in COLUMNS)
    query = (
        f"SELECT {columns}, s.split FROM encounters e JOIN splits s ON s.{ENCOUNTER} = e.{ENCOUNTER} "
        f"WHERE e.batch = {batch:d} ORDER BY e.{ENCOUNTER}"
    )
    return _read(CLEAN, query, pl.Schema([*CLEAN_SCHEMA.items(), ("split", pl.String)]))


def known_encounters(batch: int, numbers: Sequence[int]) -> set[int]:
    """Return those of a batch's encounters that are valid in an earlier batch, or clean in a later one.

    The latter exist when a batch is processed again: an encounter stored from a later batch stays with that batch. The
    cost depends on the batch alone: each number is looked up in an index.
    """
    earlier = f"batch < {batch:d} AND batch NOT IN (SELECT batch FROM set_aside WHERE undone_at IS NULL)"
    valid = _find_numbers(RAW, ValidEncounter._meta.table_name, earlier, numbers)
    return valid | _find_numbers(CLEAN, CleanEncounter._meta.table_name, f"batch > {batch:d}", numbers)


def _find_numbers(database: pw.DatabaseProxy, table: str, condition: str, numbers: Sequence[int]) -> set[int]:
    existing: set[int] = set()
    with using(database):
        for start in range(0, len(numbers), NUMBERS_PER_QUERY):
            listed = ", ".join(f"{number:d}" for number in numbers[start : start + NUMBERS_PER_QUERY])
            query = f"SELECT {ENCOUNTER} FROM {table} WHERE {ENCOUNTER} IN ({listed}) AND {condition}"
            existing.update(number for (number,) in database.execute_sql(query).fetchall())
    return existing


def valid_encounters() -> pl.DataFrame:
    """Return batch, position and encounter_id of all encounters that are not in quarantine, nor set aside."""
    query = (
        f"SELECT e.batch, e.{POSITION}, e.{ENCOUNTER} FROM encounters e LEFT JOIN quarantine q ON q.batch = e.batch "
        f"AND q.{POSITION} = e.{POSITION} WHERE q.batch IS NULL "
        "AND e.batch NOT IN (SELECT batch FROM set_aside WHERE undone_at IS NULL)"
    )
    texts = _read(RAW, query, pl.Schema({"batch": pl.Int64, POSITION: pl.Int64, ENCOUNTER: pl.String}))
    return texts.with_columns(pl.col(ENCOUNTER).cast(pl.Int64, strict=False))


def fault_counts(batch: int) -> list[tuple[str, str, int]]:
    """Return a batch's faults as (field, reason, number of encounters), most frequent first."""
    query = (
        f"SELECT field, reason, COUNT(*) AS number FROM quarantine WHERE batch = {batch:d} "
        "GROUP BY field, reason ORDER BY number DESC, field, reason"
    )
    schema = pl.Schema({"field": pl.String, "reason": pl.String, "number": pl.Int64})
    return [(str(field), str(reason), int(number)) for field, reason, number in _read(RAW, query, schema).iter_rows()]


@dataclass(frozen=True, slots=True)
class Faults:
    """The faults of one field for one reason in one batch. `first`: position of the first such encounter."""

    field: str
    reason: str
    encounters: int
    first: int


def faults_by_field(batch: int) -> list[Faults]:
    """Return a batch's faults by field and reason."""
    query = (
        f"SELECT field, reason, COUNT(*) AS encounters, MIN({POSITION}) AS first FROM quarantine "
        f"WHERE batch = {batch:d} GROUP BY field, reason ORDER BY field, reason"
    )
    schema = pl.Schema({"field": pl.String, "reason": pl.String, "encounters": pl.Int64, "first": pl.Int64})
    return [Faults(*row) for row in _read(RAW, query, schema).iter_rows()]


def faults(batch: int, limit: int | None = None) -> pl.DataFrame:
    """Return a batch's faults in source order (FAULTS_SCHEMA): all, or the first `limit`."""
    limit_clause = "" if limit is None else f" LIMIT {limit:d}"
    query = f"SELECT {', '.join(FAULTS_SCHEMA)} FROM quarantine WHERE batch = {batch:d} ORDER BY {POSITION}, field"
    return _read(RAW, query + limit_clause, FAULTS_SCHEMA)


def duplicate_encounters() -> pl.DataFrame:
    """Return batch, position and encounter_id of all encounters in quarantine as duplicates."""
    query = f"SELECT batch, {POSITION}, {ENCOUNTER} FROM quarantine WHERE reason = '{DUPLICATE}'"
    return _read(RAW, query, pl.Schema(dict.fromkeys(("batch", POSITION, ENCOUNTER), pl.Int64)))


def _replace(model: type[pw.Model], batch: int, rows: pl.DataFrame, created_at: datetime | None) -> None:
    """Replace the rows of a batch in a table, in one transaction."""
    database = model._meta.database
    with using(database), database.atomic():
        _delete_and_insert(model, batch, rows, created_at)


def _delete_and_insert(model: type[pw.Model], batch: int, rows: pl.DataFrame, created_at: datetime | None) -> None:
    columns = ["batch", *rows.columns, *(["created_at"] if created_at else [])]
    table, database = model._meta.table_name, model._meta.database
    names = ", ".join(quote_column(database, name) for name in columns)
    placeholders = ", ".join([database.param] * len(columns))
    before, after = (batch,), (created_at.isoformat(" "),) if created_at else ()
    database.execute_sql(f"DELETE FROM {table} WHERE batch = {database.param}", (batch,))
    database.cursor().executemany(
        f"INSERT INTO {table} ({names}) VALUES ({placeholders})", [(*before, *row, *after) for row in rows.iter_rows()]
    )


def _read(database: pw.DatabaseProxy, query: str, schema: pl.Schema) -> pl.DataFrame:
    with bulk_read(database) as address:
        frame = pl.DataFrame(cx.read_sql(address, query, return_type="polars"))
    return frame.select(schema.names()).cast(schema)

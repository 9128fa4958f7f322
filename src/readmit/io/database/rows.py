"""Rows in bulk: written by executemany in one transaction, read by connectorx."""

from dataclasses import dataclass
from datetime import datetime

import connectorx as cx
import peewee as pw
import polars as pl

from readmit.core.batch_counts import counts_of_batch
from readmit.core.cleaning import CLEAN_SCHEMA, FAULTS_SCHEMA, POSITION
from readmit.core.encounter import COLUMNS, ENCOUNTER, PATIENT
from readmit.core.quarantine_reasons import DOUBLED
from readmit.io.database.connection import CLEAN, RAW, now, quoted, reading_in_bulk, using
from readmit.io.database.readmission_counts import replace_counts
from readmit.io.database.tables import CleanEncounter, Quarantined, RawEncounter, SplitRow


def replace_raw(batch: int, encounters: pl.DataFrame) -> None:
    """Puts a batch's raw encounters in the place of those that stand there. `encounters`: position and text columns."""
    _replace(RawEncounter, batch, encounters, now())


def replace_clean(batch: int, encounters: pl.DataFrame) -> None:
    """Replace a batch's clean encounters and the counts of them, in one transaction. `encounters`: CLEAN_SCHEMA."""
    with using(CLEAN), CLEAN.atomic():
        _delete_and_insert(CleanEncounter, batch, encounters, now())
        replace_counts(batch, counts_of_batch(batch, encounters))


def replace_quarantine(batch: int, faults: pl.DataFrame) -> None:
    """Puts a batch's faults in the place of those that stand there. `faults`: FAULTS_SCHEMA."""
    _replace(Quarantined, batch, faults, None)


def replace_splits(batch: int, splits: pl.DataFrame) -> None:
    """Puts a batch's splits in the place of those that stand there. `splits`: encounter_id, split."""
    _replace(SplitRow, batch, splits, None)


def raw_rows(batch: int) -> pl.DataFrame:
    """Position and the 50 columns as text, in source order."""
    columns = ", ".join(quoted(RAW, name) for name in (POSITION, *COLUMNS))
    table = RawEncounter._meta.table_name
    schema = pl.Schema({POSITION: pl.Int64, **dict.fromkeys(COLUMNS, pl.String)})
    return _read(RAW, f"SELECT {columns} FROM {table} WHERE batch = {batch:d} ORDER BY {POSITION}", schema)


def patients(batch: int) -> pl.DataFrame:
    """encounter_id and patient_nbr of a batch's clean encounters."""
    schema = pl.Schema(dict.fromkeys((ENCOUNTER, PATIENT), pl.Int64))
    return _read(CLEAN, f"SELECT {ENCOUNTER}, {PATIENT} FROM encounters WHERE batch = {batch:d}", schema)


def clean_rows(batch: int) -> pl.DataFrame:
    """CLEAN_SCHEMA and `split` of a batch's clean encounters that have one, by encounter."""
    columns = ", ".join(f"e.{quoted(CLEAN, name)}" for name in COLUMNS)
    query = (
        f"SELECT {columns}, s.split FROM encounters e JOIN splits s ON s.{ENCOUNTER} = e.{ENCOUNTER} "
        f"WHERE e.batch = {batch:d} ORDER BY e.{ENCOUNTER}"
    )
    return _read(CLEAN, query, pl.Schema([*CLEAN_SCHEMA.items(), ("split", pl.String)]))


def whole_encounters_before(batch: int) -> list[str]:
    """Ids of the encounters that came before: whole in earlier batches, or kept from later ones already.

    The latter are found when a batch is taken again: what a later batch brought meanwhile stays with that one.
    """
    later = f"SELECT {ENCOUNTER} FROM encounters WHERE batch > {batch:d}"
    kept = _read(CLEAN, later, pl.Schema({ENCOUNTER: pl.String}))
    return [*_whole(f"e.batch < {batch:d}")[ENCOUNTER], *kept[ENCOUNTER]]


def whole_encounters() -> pl.DataFrame:
    """batch, position and encounter_id of all encounters that are not in quarantine."""
    return _whole("e.batch > 0").with_columns(pl.col(ENCOUNTER).cast(pl.Int64, strict=False))


def _whole(condition: str) -> pl.DataFrame:
    query = (
        f"SELECT e.batch, e.{POSITION}, e.{ENCOUNTER} FROM encounters e LEFT JOIN quarantine q ON q.batch = e.batch "
        f"AND q.{POSITION} = e.{POSITION} WHERE {condition} AND q.batch IS NULL"
    )
    return _read(RAW, query, pl.Schema({"batch": pl.Int64, POSITION: pl.Int64, ENCOUNTER: pl.String}))


def fault_counts(batch: int) -> list[tuple[str, str, int]]:
    """A batch's faults as (field, reason, number of encounters), the most frequent first."""
    query = (
        f"SELECT field, reason, COUNT(*) AS number FROM quarantine WHERE batch = {batch:d} "
        "GROUP BY field, reason ORDER BY number DESC, field, reason"
    )
    schema = pl.Schema({"field": pl.String, "reason": pl.String, "number": pl.Int64})
    return [(str(field), str(reason), int(number)) for field, reason, number in _read(RAW, query, schema).iter_rows()]


@dataclass(frozen=True, slots=True)
class Faults:
    """One field's faults of one reason in one batch. `first`: position of the first encounter that has it."""

    field: str
    reason: str
    encounters: int
    first: int


def faults_by_field(batch: int) -> list[Faults]:
    """A batch's faults by field and reason."""
    query = (
        f"SELECT field, reason, COUNT(*) AS encounters, MIN({POSITION}) AS first FROM quarantine "
        f"WHERE batch = {batch:d} GROUP BY field, reason ORDER BY field, reason"
    )
    schema = pl.Schema({"field": pl.String, "reason": pl.String, "encounters": pl.Int64, "first": pl.Int64})
    return [Faults(*row) for row in _read(RAW, query, schema).iter_rows()]


def faults(batch: int, most: int | None = None) -> pl.DataFrame:
    """A batch's faults in source order, FAULTS_SCHEMA: all, or so many of the first."""
    limit = "" if most is None else f" LIMIT {most:d}"
    query = f"SELECT {', '.join(FAULTS_SCHEMA)} FROM quarantine WHERE batch = {batch:d} ORDER BY {POSITION}, field"
    return _read(RAW, query + limit, FAULTS_SCHEMA)


def doubled_encounters() -> pl.DataFrame:
    """batch, position and encounter_id of all encounters in quarantine because they came before."""
    query = f"SELECT batch, {POSITION}, {ENCOUNTER} FROM quarantine WHERE reason = '{DOUBLED}'"
    return _read(RAW, query, pl.Schema(dict.fromkeys(("batch", POSITION, ENCOUNTER), pl.Int64)))


def _replace(model: type[pw.Model], batch: int, rows: pl.DataFrame, created_at: datetime | None) -> None:
    """Deletes what stands there for the batch and writes the rows, in one transaction."""
    database = model._meta.database
    with using(database), database.atomic():
        _delete_and_insert(model, batch, rows, created_at)


def _delete_and_insert(model: type[pw.Model], batch: int, rows: pl.DataFrame, created_at: datetime | None) -> None:
    columns = ["batch", *rows.columns, *(["created_at"] if created_at else [])]
    table, database = model._meta.table_name, model._meta.database
    names = ", ".join(quoted(database, name) for name in columns)
    marks = ", ".join([database.param] * len(columns))
    before, after = (batch,), (created_at.isoformat(" "),) if created_at else ()
    database.execute_sql(f"DELETE FROM {table} WHERE batch = {database.param}", (batch,))
    database.cursor().executemany(
        f"INSERT INTO {table} ({names}) VALUES ({marks})", [(*before, *row, *after) for row in rows.iter_rows()]
    )


def _read(database: pw.DatabaseProxy, query: str, schema: pl.Schema) -> pl.DataFrame:
    with reading_in_bulk(database) as address:
        frame = pl.DataFrame(cx.read_sql(address, query, return_type="polars"))
    return frame.select(schema.names()).cast(schema)

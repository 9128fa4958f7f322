"""Counts of clean encounters, stored with each batch: a question about all batches reads no encounter."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import peewee as pw

from readmit.core.counting import BATCH, FIELDS_COUNTED, sums_by_name
from readmit.core.encounter import OUTCOME, TARGETS
from readmit.io.database.connection import CLEAN, using
from readmit.io.database.tables import READMITTED_COLUMNS, CleanEncounter, EncounterCount

ROWS_PER_INSERT = 500
"""SQLite takes 32,766 parameters per statement."""
_COLUMNS = ("batch", "field", "value", "encounters", *READMITTED_COLUMNS.values())
_Row = tuple[int | str, ...]


def replace_counts(batch: int | None = None) -> None:
    """Replace the stored counts of a batch, or of all batches, by counts of the clean encounters that are stored.

    To be called with an open connection, in the transaction that writes the encounters.
    """
    delete, encounters = EncounterCount.delete(), CleanEncounter.select()
    if batch is not None:
        delete = delete.where(EncounterCount.batch == batch)
        encounters = encounters.where(getattr(CleanEncounter, BATCH) == batch)
    delete.execute()
    for field in FIELDS_COUNTED:
        for rows in pw.chunked(_counts(encounters, field), ROWS_PER_INSERT):
            EncounterCount.insert_many(rows, _COLUMNS).execute()


def _counts(encounters: pw.ModelSelect, field: str) -> Iterator[_Row]:
    """Count the encounters by batch and value of a field, and yield the rows to store."""
    keys = (getattr(CleanEncounter, BATCH), getattr(CleanEncounter, field))
    readmitted = (pw.fn.SUM(_is_one_of(outcomes)) for outcomes in TARGETS.values())
    counted: Any = encounters.select(*keys, pw.fn.COUNT(pw.SQL("*")), *readmitted).group_by(*keys).tuples()
    by_batch: dict[int, list[tuple[str | int | None, list[int]]]] = defaultdict(list)
    for batch, value, *numbers in counted:
        by_batch[batch].append((value, [int(number) for number in numbers]))
    for batch, counts in by_batch.items():
        for name, sums in sums_by_name(field, counts).items():
            yield batch, field, name, *sums


def _is_one_of(outcomes: Sequence[str]) -> pw.Case:
    return pw.Case(None, [(getattr(CleanEncounter, OUTCOME).in_(outcomes), 1)], 0)


def readmissions(fields: Sequence[str], target: str) -> dict[str, list[tuple[str, int, int]]]:
    """Return, for each field, name of the value, encounters and readmitted encounters, over all batches."""
    keys = (EncounterCount.field, EncounterCount.value)
    columns = (EncounterCount.encounters, getattr(EncounterCount, READMITTED_COLUMNS[target]))
    sums = (pw.fn.SUM(column) for column in columns)
    query = EncounterCount.select(*keys, *sums).where(EncounterCount.field.in_(fields)).group_by(*keys)
    found: dict[str, list[tuple[str, int, int]]] = {field: [] for field in fields}
    with using(CLEAN):
        rows = CLEAN.execute(query).fetchall()
    for field, name, encounters, readmitted in rows:
        found[field].append((name, int(encounters), int(readmitted)))
    return found

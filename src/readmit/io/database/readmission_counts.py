"""Counts of clean encounters, stored with each batch: a query over all batches reads no encounter."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import peewee as pw

from readmit.core.encounter import OUTCOME, TARGETS
from readmit.core.suppression import BATCH, FIELDS_COUNTED, sums_by_name
from readmit.io.database.connection import CLEAN, using
from readmit.io.database.tables import READMITTED_COLUMNS, CleanEncounter, EncounterCount

ROWS_PER_INSERT = 500
"""SQLite allows 32,766 parameters per statement."""
_COLUMNS = ("batch", "field", "value", "encounters", *READMITTED_COLUMNS.values())
_Row = tuple[int | str, ...]


def replace_counts(batch: int, counts: Mapping[str, Mapping[str, tuple[int, ...]]]) -> None:
    """Replace the counts of a batch by `counts`, as computed by core.batch_counts.

    Call it with an open connection, in the transaction that writes the encounters.
    """
    EncounterCount.delete().where(EncounterCount.batch == batch).execute()
    for field, by_name in counts.items():
        _insert(_rows(batch, field, by_name))


def count_all_batches() -> None:
    """Replace all counts by those of the stored encounters. Call it in a transaction."""
    EncounterCount.delete().execute()
    for field in FIELDS_COUNTED:
        for batch, counts in _by_batch(field).items():
            _insert(_rows(batch, field, sums_by_name(field, counts)))


def _by_batch(field: str) -> Mapping[int, list[tuple[str | int | None, list[int]]]]:
    keys = (getattr(CleanEncounter, BATCH), getattr(CleanEncounter, field))
    readmitted = (pw.fn.SUM(_is_one_of(outcomes)) for outcomes in TARGETS.values())
    query: Any = CleanEncounter.select(*keys, pw.fn.COUNT(pw.SQL("*")), *readmitted).group_by(*keys).tuples()
    by_batch: dict[int, list[tuple[str | int | None, list[int]]]] = defaultdict(list)
    for batch, value, *numbers in query:
        by_batch[batch].append((value, [int(number) for number in numbers]))
    return by_batch


def _is_one_of(outcomes: Sequence[str]) -> pw.Case:
    return pw.Case(None, [(getattr(CleanEncounter, OUTCOME).in_(outcomes), 1)], 0)


def _rows(batch: int, field: str, counts: Mapping[str, tuple[int, ...]]) -> Iterator[_Row]:
    return ((batch, field, name, *numbers) for name, numbers in counts.items())


def _insert(rows: Iterable[_Row]) -> None:
    for chunk in pw.chunked(rows, ROWS_PER_INSERT):
        EncounterCount.insert_many(chunk, _COLUMNS).execute()


def query_readmissions(fields: Sequence[str], target: str) -> dict[str, list[tuple[str, int, int]]]:
    """Return, by field, (name of the value, encounters, readmitted encounters), over all batches."""
    keys = (EncounterCount.field, EncounterCount.value)
    columns = (EncounterCount.encounters, getattr(EncounterCount, READMITTED_COLUMNS[target]))
    sums = (pw.fn.SUM(column) for column in columns)
    query = EncounterCount.select(*keys, *sums).where(EncounterCount.field.in_(fields)).group_by(*keys)
    counts: dict[str, list[tuple[str, int, int]]] = {field: [] for field in fields}
    with using(CLEAN):
        rows = CLEAN.execute(query).fetchall()
    for field, name, encounters, readmitted in rows:
        counts[field].append((name, int(encounters), int(readmitted)))
    return counts

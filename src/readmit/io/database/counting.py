"""Counts of clean encounters, made by the database."""

from collections.abc import Sequence
from typing import Any

import peewee as pw

from readmit.core.encounter import OUTCOME
from readmit.io.database.connection import CLEAN, using
from readmit.io.database.tables import CleanEncounter


def readmissions(column: str, outcomes: Sequence[str]) -> list[tuple[str | int | None, int, int]]:
    """For each value of a column: encounters, and how many of them ended in one of the outcomes."""
    value = getattr(CleanEncounter, column)
    readmitted = pw.Case(None, [(getattr(CleanEncounter, OUTCOME).in_(outcomes), 1)], 0)
    query = CleanEncounter.select(value, pw.fn.COUNT(pw.SQL("*")), pw.fn.SUM(readmitted)).group_by(value)
    with using(CLEAN):
        rows: Any = query.tuples()
        return [(found, int(encounters), int(came_back)) for found, encounters, came_back in rows]

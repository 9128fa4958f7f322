"""The original's tables as views of ours: `diabetes_raw`, `diabetes_clean`, and one for each split.

Each is one SELECT without order or grouping, so that a query upon it uses the indexes of the tables beneath.
"""

from collections.abc import Iterator

import peewee as pw

from readmit.core.cleaning import POSITION
from readmit.core.encounter import COLUMNS, ENCOUNTER, OUTCOME
from readmit.core.legacy_columns import OUTCOME_IN_WORDS, SPLIT_TABLES, Derived, derived, original_name
from readmit.core.splitting import SPLIT
from readmit.io.database.connection import CLEAN, RAW, on_mysql, quoted

ROWS_OF_A_BATCH = 10**9
"""More than any batch has: batch and position make one number, which stays when the batch is stored again."""
_BATCH = ("e.batch AS batch_number", "e.created_at AS created_at")


def make_views(database: pw.DatabaseProxy, target: str) -> None:
    """Makes a database's views anew. `target`: what their `readmitted` says, and their column `target` names."""
    for name, select in _views(database, target):
        if on_mysql(database):
            # Its reader needs rights on the tables; who made it need not exist any more.
            database.execute_sql(f"CREATE OR REPLACE SQL SECURITY INVOKER VIEW {name} AS {select}")
        else:
            database.execute_sql(f"DROP VIEW IF EXISTS {name}")
            database.execute_sql(f"CREATE VIEW {name} AS {select}")


def _views(database: pw.DatabaseProxy, target: str) -> Iterator[tuple[str, str]]:
    if database is RAW:
        yield "diabetes_raw", _raw()
    if database is CLEAN:
        clean = _clean(target)
        yield "diabetes_clean", clean
        for split, name in SPLIT_TABLES.items():
            yield name, f"{clean} JOIN splits s ON s.{ENCOUNTER} = e.{ENCOUNTER} WHERE s.{SPLIT} = '{split}'"


def _raw() -> str:
    number = f"e.batch * {ROWS_OF_A_BATCH} + e.{POSITION} AS id"
    columns = [_column(RAW, name, original_name(name)) for name in COLUMNS]
    return f"SELECT {', '.join([number, *_BATCH, *columns])} FROM encounters e"


def _clean(target: str) -> str:
    names = {OUTCOME: OUTCOME_IN_WORDS}
    columns = [_column(CLEAN, name, names.get(name, original_name(name))) for name in COLUMNS]
    numbers = [_number(each) for each in derived(target)]
    return f"SELECT {', '.join([*_BATCH, *columns, *numbers])}, '{target}' AS target FROM encounters e"


def _column(database: pw.DatabaseProxy, name: str, known_as: str) -> str:
    return f"e.{quoted(database, name)} AS {quoted(database, known_as)}"


def _number(column: Derived) -> str:
    cases = " ".join(f"WHEN '{value}' THEN {number:d}" for value, number in column.numbers.items())
    return f"CASE e.{quoted(CLEAN, column.column)} {cases} END AS {quoted(CLEAN, column.name)}"

"""Views with the names and columns of the original project's tables: `diabetes_raw`, `diabetes_clean`, and each split.

Each is one SELECT without ordering or grouping, so that a query on it uses the indexes of the underlying tables.
"""

from collections.abc import Iterator

import peewee as pw

from readmit.core.cleaning import POSITION
from readmit.core.encounter import COLUMNS, ENCOUNTER, OUTCOME
from readmit.core.legacy_columns import (
    ID_COLUMNS,
    OUTCOME_TEXT_COLUMN,
    SPLIT_TABLES,
    DerivedColumn,
    derived_columns,
    original_name,
)
from readmit.core.splitting import SPLIT
from readmit.io.database.connection import CLEAN, RAW, is_mysql, quote_column

MAX_BATCH_ROWS = 10**9
"""More than any batch has: the id combines batch and position, and is the same when the batch is stored again."""
_BATCH = ("e.batch AS batch_number", "e.created_at AS created_at")


def create_views(database: pw.DatabaseProxy, target: str) -> None:
    """Recreate the views of a database. `target`: the outcome in their column `readmitted`, named in `target`."""
    for name, select in _views(database, target):
        if is_mysql(database):
            # Checks the rights of the reader, so that the user who created the view may be dropped.
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
    number = f"e.batch * {MAX_BATCH_ROWS} + e.{POSITION} AS id"
    columns = [_column(RAW, name, original_name(name)) for name in COLUMNS]
    return f"SELECT {', '.join([number, *_BATCH, *columns])} FROM encounters e"


def _clean(target: str) -> str:
    names = {OUTCOME: OUTCOME_TEXT_COLUMN}
    columns = [_column(CLEAN, name, names.get(name, original_name(name))) for name in COLUMNS]
    ids = [_column(CLEAN, name, alias) for name, alias in ID_COLUMNS.items()]
    numbers = [_number(column) for column in derived_columns(target)]
    return f"SELECT {', '.join([*_BATCH, *columns, *ids, *numbers])}, '{target}' AS target FROM encounters e"


def _column(database: pw.DatabaseProxy, name: str, alias: str) -> str:
    return f"e.{quote_column(database, name)} AS {quote_column(database, alias)}"


def _number(column: DerivedColumn) -> str:
    cases = " ".join(f"WHEN '{value}' THEN {number:d}" for value, number in column.numbers.items())
    return f"CASE e.{quote_column(CLEAN, column.column)} {cases} END AS {quote_column(CLEAN, column.name)}"

"""Texts of database errors without the values that they quote: no patient data in messages or logs."""

import re

import peewee as pw
from pymysql.constants import ER

FIRST_CLIENT_CODE, LAST_CLIENT_CODE = 2000, 2999
"""Errors of the connection, whose text is pymysql's own."""
SAFE_CODES = frozenset(
    (
        *(ER.CON_COUNT_ERROR, ER.ACCESS_DENIED_ERROR, ER.DBACCESS_DENIED_ERROR, ER.TABLEACCESS_DENIED_ERROR),
        *(ER.BAD_DB_ERROR, ER.NO_SUCH_TABLE, ER.BAD_FIELD_ERROR, ER.LOCK_WAIT_TIMEOUT, ER.LOCK_DEADLOCK),
        *(ER.HOST_IS_BLOCKED, ER.HOST_NOT_PRIVILEGED, ER.OPTION_PREVENTS_STATEMENT, ER.RECORD_FILE_FULL, ER.DISK_FULL),
    )
)
"""Errors of a MySQL server that quote only users, tables and columns."""
QUOTED = re.compile(r"""[`'"].*[`'"]""", re.DOTALL)
"""From the first quote to the last: a value may contain quotes, which no server escapes."""
COLUMN = re.compile(r" for (column|key) '([\w.]+)'( at row \d+)?\Z", re.ASCII)


def describe_database_error(error: pw.PeeweeException) -> str:
    """Return the error's code, if it has one, and its text with `...` in place of every quoted value."""
    code, text = 0, ""
    for part in error.args:
        if isinstance(part, int):
            code = part
        elif isinstance(part, str):
            text = part
    safe = code in SAFE_CODES or FIRST_CLIENT_CODE <= code <= LAST_CLIENT_CODE
    description = text if safe else hide_quoted(text)
    return f"error {code}: {description}" if code else description or type(error).__name__


def hide_quoted(text: str) -> str:
    """Return the text with `...` for quoted values, but with the column or key that MySQL names at its end."""
    column = COLUMN.search(text)
    if column is None:
        return QUOTED.sub("...", text)
    return QUOTED.sub("...", text[: column.start()]) + column[0]

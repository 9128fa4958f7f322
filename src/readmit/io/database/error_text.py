"""The text of a database's error without the values that it quotes: a cell of a patient stands in no message or log."""

import re

import peewee as pw
from pymysql.constants import ER

FIRST_CLIENT_CODE, LAST_CLIENT_CODE = 2000, 2999
"""Errors of the connection, which pymysql itself words."""
WITHOUT_VALUES = frozenset(
    (
        *(ER.CON_COUNT_ERROR, ER.ACCESS_DENIED_ERROR, ER.DBACCESS_DENIED_ERROR, ER.TABLEACCESS_DENIED_ERROR),
        *(ER.BAD_DB_ERROR, ER.NO_SUCH_TABLE, ER.BAD_FIELD_ERROR, ER.LOCK_WAIT_TIMEOUT, ER.LOCK_DEADLOCK),
        *(ER.HOST_IS_BLOCKED, ER.HOST_NOT_PRIVILEGED, ER.OPTION_PREVENTS_STATEMENT, ER.RECORD_FILE_FULL, ER.DISK_FULL),
    )
)
"""Errors of a MySQL server that name users, tables and columns alone."""
QUOTED = re.compile(r"""[`'"].*[`'"]""", re.DOTALL)
"""From the first quote to the last: a value may hold quotes of its own, which no server escapes."""
COLUMN = re.compile(r" for (column|key) '([\w.]+)'( at row \d+)?\Z", re.ASCII)


def describe_database_error(error: pw.PeeweeException) -> str:
    """Return the error's own text, its code in front if it has one, with `...` in place of every quoted value."""
    code, text = 0, ""
    for part in error.args:
        if isinstance(part, int):
            code = part
        elif isinstance(part, str):
            text = part
    kept = code in WITHOUT_VALUES or FIRST_CLIENT_CODE <= code <= LAST_CLIENT_CODE
    described = text if kept else hide_quoted(text)
    return f"error {code}: {described}" if code else described or type(error).__name__


def hide_quoted(text: str) -> str:
    """Return the text with `...` for what it quotes, but with the column or key that MySQL names at its end."""
    column = COLUMN.search(text)
    if column is None:
        return QUOTED.sub("...", text)
    return QUOTED.sub("...", text[: column.start()]) + column[0]

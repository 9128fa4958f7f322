"""Variables of a `readmit` command in the container of the flows: where it logs, and for `sql` a read-only account."""

from collections.abc import Mapping

from readmit.settings import COMMAND_LOG

READER_DATABASE_URL = "mysql://reader@mysql:3306"
"""The read-only account of `sql` on the stack's own MySQL."""
CONTAINER_LOG = "/proc/1/fd/2"
"""Standard error of the first process of a container, which the engine keeps as the container's log."""


def cli_environment(command: str, reader_database_url: str = READER_DATABASE_URL) -> Mapping[str, str]:
    """Return the variables of a command."""
    log = {COMMAND_LOG: CONTAINER_LOG}
    if command != "sql":
        return log
    password_file = "/run/secrets/reader_password"
    return {**log, "READMIT_DATABASE_URL": reader_database_url, "READMIT_DATABASE_PASSWORD_FILE": password_file}

"""`just ops::rotate NAME ...`: give the stack of containers new secrets in place of old ones, without losing data."""

import secrets as randomness
from collections.abc import Collection, Sequence
from pathlib import Path

from rich.console import Console

from readmit.containers import secrets
from readmit.containers.project import Project
from readmit.stacks.errors import StackError

MYSQL_USERS = {
    "mysql_root_password": "root@localhost",
    "flows_password": "flows",
    "mlflow_password": "mlflow",
    "reader_password": "reader",
    "exporter_password": "exporter",
}
"""The account in MySQL that a secret belongs to."""
LOGIN = 'printf "[client]\\nuser=root\\npassword=%s\\n" "$(< /run/secrets/mysql_root_password)"'
AS_ROOT = f"mysql --defaults-extra-file=<({LOGIN})"
"""No password stands on a command line: root's comes from a file, the new one by standard input."""
AFTERWARDS = {"key_secret": "Snapshots still hold keys made with the old secret: `just backfill` makes them anew."}
"""What remains to be done by a person."""


def rotate(project: Project, folder: Path, names: Sequence[str], terminal: Console) -> None:
    """Replace some secrets, and start anew the services that use them and run.

    MySQL accepts the old password beside the new one until all is done, so that a rotation that was interrupted can
    be repeated. Raises StackRefused when there is no such secret, or what has to learn a new one does not run.
    """
    if unknown := sorted(set(names) - set(secrets.ROTATED)):
        raise StackError(f"there is no secret {', '.join(unknown)}; there are {', '.join(sorted(secrets.ROTATED))}")
    states = project.states()
    running = {state.service for state in states if state.state == "running"}
    values = {name: randomness.token_hex(16) for name in names}
    for name, value in values.items():
        _announce(project, running, name, value)
    # One-shots that are done, too: whoever waits for one has it run again, and it would still have the old secret.
    there = running | {state.service for state in states if state.in_words == "done"}
    affected = sorted(there & _users_of(project, secrets.replace(folder, values)))
    if affected:
        project.run("up", "--detach", "--wait", "--force-recreate", *affected)
    for name in MYSQL_USERS.keys() & values:
        _ask_mysql(project, f"ALTER USER {MYSQL_USERS[name]} DISCARD OLD PASSWORD;")
    terminal.print(f"New: {', '.join(names)}. Restarted: {', '.join(affected) or 'nothing that runs uses it'}.")
    for name in AFTERWARDS.keys() & values:
        terminal.print(AFTERWARDS[name])


def _announce(project: Project, running: Collection[str], name: str, value: str) -> None:
    """Tell a server that keeps its users in a database of its own."""
    if name in MYSQL_USERS:
        _require(running, "mysql", name)
        _ask_mysql(project, f"ALTER USER {MYSQL_USERS[name]} IDENTIFIED BY '{value}' RETAIN CURRENT PASSWORD;")
    if name == "grafana_password":
        _require(running, "grafana", name)
        reset = ("grafana", "cli", "admin", "reset-admin-password", "--password-from-stdin")
        project.output("exec", "-T", "grafana", *reset, standard_input=value)


def _require(running: Collection[str], service: str, name: str) -> None:
    if service not in running:
        raise StackError(f"{service} does not run, and keeps {name} in its own database: just up {service}")


def _ask_mysql(project: Project, statement: str) -> None:
    project.output("exec", "-T", "mysql", "bash", "-c", AS_ROOT, standard_input=statement)


def _users_of(project: Project, changed: Collection[Path]) -> set[str]:
    """Return the services that mount one of the files."""
    files = {each.resolve() for each in changed}
    return {service for service, mounted in project.secrets().items() if files & {each.resolve() for each in mounted}}

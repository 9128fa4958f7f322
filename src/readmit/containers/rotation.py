"""`just ops::rotate NAME ...`: replace secrets of the container stack without losing data."""

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
"""The MySQL account of each secret."""
ROOT_CONFIG = 'printf "[client]\\nuser=root\\npassword=%s\\n" "$(< /run/secrets/mysql_root_password)"'
MYSQL_AS_ROOT = f"mysql --defaults-extra-file=<({ROOT_CONFIG})"
"""No password is on a command line: root's comes from a file, the new one from standard input."""
FOLLOW_UPS = {"key_secret": "Snapshots still contain keys made with the old secret: `just backfill` rebuilds them."}
"""What the user still has to do after a rotation."""


def rotate(project: Project, names: Sequence[str], terminal: Console) -> None:
    """Replace some secrets and recreate the running services that use them.

    MySQL accepts the old password along with the new one until the end, so an interrupted rotation can be repeated.
    Raises StackError when a secret is unknown or missing, or a server that stores it itself does not run.
    """
    if unknown := sorted(set(names) - set(secrets.ROTATABLE_SECRETS)):
        raise StackError(
            f"unknown secret {', '.join(unknown)}; known secrets: {', '.join(sorted(secrets.ROTATABLE_SECRETS))}"
        )
    secrets.require_complete(project.secrets_folder)
    states = project.states()
    running = {state.service for state in states if state.state == "running"}
    values = {name: randomness.token_hex(16) for name in names}
    for name, value in values.items():
        _update_server(project, running, name, value)
    # Finished one-shots, too: a dependent service runs them again, and they would still have the old secret.
    present = running | {state.service for state in states if state.status == "done"}
    affected = sorted(present & _services_using(project, secrets.replace(project.secrets_folder, values)))
    if affected:
        # Built again, because another clone may have built images of the same names since.
        project.run("up", "--detach", "--build", "--wait", "--force-recreate", *affected)
    for name in MYSQL_USERS.keys() & values:
        _run_as_root(project, f"ALTER USER {MYSQL_USERS[name]} DISCARD OLD PASSWORD;")
    terminal.print(f"Rotated: {', '.join(names)}. Restarted: {', '.join(affected) or 'no running service uses it'}.")
    for name in FOLLOW_UPS.keys() & values:
        terminal.print(FOLLOW_UPS[name])


def _update_server(project: Project, running: Collection[str], name: str, value: str) -> None:
    """Set a new password on a server that stores its accounts in its own database."""
    if name in MYSQL_USERS:
        _require_running(running, "mysql", name)
        _run_as_root(project, f"ALTER USER {MYSQL_USERS[name]} IDENTIFIED BY '{value}' RETAIN CURRENT PASSWORD;")
    if name == "grafana_password":
        _require_running(running, "grafana", name)
        reset = ("grafana", "cli", "admin", "reset-admin-password", "--password-from-stdin")
        project.output("exec", "-T", "grafana", *reset, standard_input=value)


def _require_running(running: Collection[str], service: str, name: str) -> None:
    if service not in running:
        raise StackError(
            f"{service}, which stores {name} in its own database, is not running: start it with `just up {service}`"
        )


def _run_as_root(project: Project, statement: str) -> None:
    project.output("exec", "-T", "mysql", "bash", "-c", MYSQL_AS_ROOT, standard_input=statement)


def _services_using(project: Project, changed: Collection[Path]) -> set[str]:
    """Return the services that mount one of the files."""
    files = {file.resolve() for file in changed}
    return {service for service, mounted in project.secrets().items() if files & {file.resolve() for file in mounted}}

"""`readmit rollback`: put the version that served before back into production, and let every API reload."""

import getpass
import time
from datetime import UTC, datetime

from readmit import json_log
from readmit.core.errors import ReloadUnconfirmed
from readmit.io import api_reload
from readmit.io.registry.rest_registry import RestRegistry
from readmit.settings import SettingError, load

LOGGER = "readmit.rollbacks"


def roll_back(to: str | None, by: str | None, why: str) -> list[str]:
    """Roll back and return a report as lines. `to` None: the version that served before; `by` None: the login name.

    Raises RollbackRejected when nothing was changed, and ReloadUnconfirmed when the alias was moved but an API does
    not confirm that it serves the version.
    """
    settings, author = load(), login_name() if by is None else by
    # Read before anything is changed: no API accepts a reload request without the token.
    token, started = settings.secret("reload_token"), time.perf_counter()
    replaced, restored = RestRegistry(settings.mlflow_tracking_uri).roll_back(to, author, why, datetime.now(UTC))
    summary = f"version {restored.number} is in production, replacing version {replaced.number}"
    try:
        replicas = api_reload.reload_all(settings.api_urls, token, restored.number)
    except ReloadUnconfirmed as error:
        _log(replaced.number, restored.number, author, started, "unconfirmed")
        raise ReloadUnconfirmed(f"{summary}, but not every API confirms that it serves it: {error}") from error
    _log(replaced.number, restored.number, author, started, "served")
    return [
        f"V{summary[1:]}; recorded on both: {author}: {why}",
        f"Every API serves it now; confirmations: {replicas}",
    ]


def login_name() -> str:
    """Return the name of the user who runs this process. Raises SettingError when it is unknown."""
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        raise SettingError("the login name is unknown: add --by NAME") from error


def _log(replaced: str, version: str, by: str, started: float, outcome: str) -> None:
    """Log a rollback, without its reason: that is free text, which both versions carry in the registry."""
    seconds = round(time.perf_counter() - started, 3)
    json_log.write(LOGGER, "info", version=version, replaced=replaced, by=by, seconds=seconds, outcome=outcome)

"""`readmit rollback`: the version that served before goes back into production, and every API is told."""

import getpass
from datetime import UTC, datetime

from readmit.core.errors import ReloadUnconfirmed
from readmit.io import api_reload
from readmit.io.registry.rest_registry import RestRegistry
from readmit.settings import SettingError, load


def roll_back(to: str | None, by: str | None, why: str) -> list[str]:
    """What was done, in words. `to`: a version; None: that which served before. `by`: None: who is logged in.

    RollbackRefused: nothing was changed. NotServed: the alias is moved, and an API does not confirm that it serves it.
    """
    settings, person = load(), _login_name() if by is None else by
    # Asked for before anything is moved: without it nobody could be told.
    token = settings.secret("reload_token")
    left, goal = RestRegistry(settings.mlflow_tracking_uri).roll_back(to, person, why, datetime.now(UTC))
    moved = f"version {goal.number} is in production, in the place of version {left.number}"
    try:
        replicas = api_reload.reload_everywhere(settings.api_urls, token, goal.number)
    except ReloadUnconfirmed as error:
        raise ReloadUnconfirmed(f"{moved}, but not every API confirms that it serves it: {error}") from error
    return [
        f"V{moved[1:]}; noted on both: {person}: {why}",
        f"Every API serves it now; so many confirmed it: {replicas}",
    ]


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        raise SettingError("this machine does not know who is logged in: say it by --by NAME") from error

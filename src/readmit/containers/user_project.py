"""The user's own container stack: its project, according to the settings."""

from collections.abc import Mapping

from readmit.containers.external_stores import select_stores
from readmit.containers.project import ROOT, Project, container_ids
from readmit.settings import Settings

NAME = "readmit"
SECRETS = ROOT / "var/compose/secrets"
SHOWN_SECRETS = str(SECRETS.relative_to(ROOT))
WEBHOOK_FILE = "compose/own-webhook.yaml"
"""The Compose file with which Alertmanager sends alerts."""


def project_of(settings: Settings, publish_stores: bool = False) -> Project:
    """Return the project. Raises StackError when a setting of an external server is missing."""
    stores = select_stores(settings)
    data = {} if settings.data is None else {"READMIT_DATA": str(settings.data.expanduser().absolute())}
    webhook = () if settings.alert_webhook is None else (WEBHOOK_FILE,)
    published = ("compose/publish-stores.yaml",) if publish_stores else ()
    variables = {**data, **stores.variables, "READMIT_SECRETS": str(SECRETS)}
    return Project(NAME, variables, (*stores.files, *webhook, *published))


def external_secrets(settings: Settings) -> Mapping[str, str]:
    """Return the secrets of servers outside the stack, by file name: external stores and the alert webhook.

    Raises StackError when a setting of an external store is missing.
    """
    webhook = {} if settings.alert_webhook is None else {"alert_webhook": settings.secret("alert_webhook")}
    return {**select_stores(settings).secrets, **webhook}


def is_up() -> bool:
    """Return whether one of its containers runs."""
    return bool(container_ids(NAME, include_stopped=False))


def exists() -> bool:
    """Return whether it has a container, running or not."""
    return bool(container_ids(NAME, include_stopped=True))

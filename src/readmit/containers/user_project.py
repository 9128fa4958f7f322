"""The user's own stack of containers: its project, as the settings have it."""

from readmit.containers.external_stores import chosen
from readmit.containers.project import ROOT, Project, containers
from readmit.settings import Settings

NAME = "readmit"
SECRETS = ROOT / "var/compose/secrets"
SHOWN_SECRETS = str(SECRETS.relative_to(ROOT))


def project_of(settings: Settings, publish_stores: bool = False) -> Project:
    """StackRefused: a server of one's own is named, and a part of its login is absent."""
    stores = chosen(settings)
    data = {} if settings.data is None else {"READMIT_DATA": str(settings.data.expanduser().absolute())}
    files = (*stores.files, *(["compose/publish-stores.yaml"] if publish_stores else []))
    return Project(NAME, {**data, **stores.variables, "READMIT_SECRETS": str(SECRETS)}, files)


def is_up() -> bool:
    """Whether one of its containers runs."""
    return bool(containers(NAME, every=False))


def exists() -> bool:
    """Whether it has a container, running or not."""
    return bool(containers(NAME, every=True))

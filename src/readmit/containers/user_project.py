"""The user's own container stack: its project, according to the settings."""

from readmit.containers.external_stores import select_stores
from readmit.containers.project import ROOT, Project, container_ids
from readmit.settings import Settings

NAME = "readmit"
SECRETS = ROOT / "var/compose/secrets"
SHOWN_SECRETS = str(SECRETS.relative_to(ROOT))


def project_of(settings: Settings, publish_stores: bool = False) -> Project:
    """Return the project. Raises StackError when a setting of an external server is missing."""
    stores = select_stores(settings)
    data = {} if settings.data is None else {"READMIT_DATA": str(settings.data.expanduser().absolute())}
    files = (*stores.files, *(["compose/publish-stores.yaml"] if publish_stores else []))
    return Project(NAME, {**data, **stores.variables, "READMIT_SECRETS": str(SECRETS)}, files)


def is_up() -> bool:
    """Return whether one of its containers runs."""
    return bool(container_ids(NAME, include_stopped=False))


def exists() -> bool:
    """Return whether it has a container, running or not."""
    return bool(container_ids(NAME, include_stopped=True))

"""Whose a Compose project is: each clone of this repository acts only on its own containers and volumes."""

from pathlib import Path

from readmit.containers.project import PROJECT_LABEL, ROOT, output
from readmit.stacks.errors import StackError

FOLDER_LABEL = f"{PROJECT_LABEL}.working_dir"
"""The label of a container with the folder of its Compose files."""
OWN_NAME = "set READMIT_PROJECT to another name in .env, and READMIT_API_PORT and the others to free ports"


def has_own_containers(name: str, secrets: Path, include_stopped: bool) -> bool:
    """Return whether this clone has containers in a project; False when no engine responds.

    `secrets`: the folder with this clone's secrets of the project.
    """
    try:
        return any(_is_own(folder, secrets) for folder in _folders(name, include_stopped))
    except StackError:
        return False


def require_own_containers(name: str, secrets: Path) -> None:
    """Check a project before a command on it.

    Raises StackError when another clone has containers in it, or no engine responds.
    """
    folders = _folders(name, include_stopped=True)
    others = sorted(folder for folder in folders if not _is_own(folder, secrets))
    if not others:
        return
    remove = f"remove them with `docker compose --project-name {name} down`, which keeps the data"
    # Neither clone can be told to remove them if the other one is gone, or if both have started some.
    first = "run this there" if Path(others[0]).exists() and len(folders) == 1 else remove
    raise StackError(
        f"the containers of the project {name} are those of another clone, in {others[0]}: {first}, or, for a stack of "
        f"this clone, {OWN_NAME}"
    )


def require_own_volumes(name: str, secrets: Path) -> None:
    """Check that the data of a project are not another clone's. Raises StackError when they are.

    Volumes have no label with their clone; but the passwords and keys of the data are among its secrets.
    """
    if secrets.exists() or _folders(name, include_stopped=True):
        return
    volumes = output(["docker", "volume", "ls", "--quiet", "--filter", f"label={PROJECT_LABEL}={name}"]).split()
    if volumes:
        raise StackError(
            f"the volume {volumes[0]} has the data of another clone, or of this one before {secrets} was removed: "
            f"{OWN_NAME}, restore that folder, or delete the data with `docker compose --project-name {name} down "
            "--volumes`"
        )


def own_projects() -> set[str]:
    """Return the names of the projects with containers that were started here. Raises StackError without an engine."""
    rows = _labels(PROJECT_LABEL, include_stopped=True)
    return {name for name, folder in rows if _is_here(folder)}


def _is_own(folder: str, secrets: Path) -> bool:
    """Return whether a folder of containers is this clone's: it is here, or was before the clone was moved here."""
    return _is_here(folder) or (secrets.exists() and not Path(folder).exists())


def _is_here(folder: str) -> bool:
    return folder != "" and Path(folder).resolve() == ROOT.resolve()


def _folders(name: str, include_stopped: bool) -> set[str]:
    return {folder for _, folder in _labels(f"{PROJECT_LABEL}={name}", include_stopped)}


def _labels(label: str, include_stopped: bool) -> list[tuple[str, str]]:
    """Return project and folder of the containers with a label. Raises StackError when no engine responds."""
    columns = f'{{{{.Label "{PROJECT_LABEL}"}}}} {{{{.Label "{FOLDER_LABEL}"}}}}'
    command = ["docker", "ps", "--filter", f"label={label}", "--format", columns]
    lines = output([*command, "--all"] if include_stopped else command).splitlines()
    return [(project, folder) for project, _, folder in (line.partition(" ") for line in lines)]

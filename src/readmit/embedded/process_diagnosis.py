"""`just why [SERVICE]` without containers: the processes that do not work, or that ended and so stopped the stack."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import httpx

from readmit.embedded.processes import Processes, is_healthy
from readmit.embedded.services import FLOW, PURPOSES, health_url
from readmit.stacks.diagnosis import Diagnosis
from readmit.stacks.errors import StackError

LOG_LINES = 15
START = "just local"


def diagnose_running(folder: Path, addresses: Mapping[str, str], names: Sequence[str]) -> list[Diagnosis]:
    """Return what is wrong in a stack that is up: each service, of the named ones or of all, whose check fails."""
    _require_known(names, addresses)
    processes = Processes(folder / "processes")
    urls = {name: health_url(name, addresses[name]) for name in names or addresses}
    return [
        Diagnosis(
            *(name, "running, but its health check fails", START),
            health_check=(_health_output(url),),
            log=processes.log_lines(name, LOG_LINES),
        )
        for name, url in urls.items()
        if not is_healthy(url)
    ]


def diagnose_ended(folder: Path, names: Sequence[str]) -> list[Diagnosis]:
    """Return why a stack that is not up ended: each service, of the named ones or of all, that exited by itself."""
    _require_known(names, (*PURPOSES, FLOW))
    if not folder.exists():
        return []
    processes = Processes(folder / "processes")
    return [
        Diagnosis(*(name, f"exited with code {code}", START), exit_code=code, log=processes.log_lines(name, LOG_LINES))
        for name, code in processes.exit_codes().items()
        if not names or name in names
    ]


def _require_known(names: Sequence[str], known: Collection[str]) -> None:
    if unknown := sorted(set(names) - set(known)):
        raise StackError(f"unknown service {', '.join(unknown)}; known services: {', '.join(known)}")


def _health_output(url: str) -> str:
    """Return what a health check responds with, or why it does not."""
    try:
        response = httpx.get(url, timeout=2.0, trust_env=False)
    except httpx.TransportError as error:
        return f"{url}: {type(error).__name__}: {error}"
    return f"{url}: HTTP status {response.status_code}: {response.text[:200]}"

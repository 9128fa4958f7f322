"""The sections of a bug report on the embedded stack, and the secrets that must not be in it."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from readmit.embedded.local_status import summary_lines
from readmit.embedded.process_diagnosis import diagnose_ended, diagnose_running
from readmit.embedded.processes import Processes, is_healthy
from readmit.embedded.services import health_url
from readmit.embedded.stack import StackState
from readmit.settings import Settings, environment_with
from readmit.stacks.bug_report import LOG_LINES, Section, settings_secrets, settings_text, versions
from readmit.stacks.diagnosis import Diagnosis
from readmit.stacks.redaction import secret_values, secrets_of


def local_report(folder: Path, state: StackState | None, settings: Settings) -> Iterator[Section]:
    """Yield the sections: versions, states, settings, and the last lines of each log. `state`: None when it is down."""
    processes = Processes(folder / "processes")
    yield Section("versions", versions)
    yield Section("services", lambda: "The stack is not up." if state is None else "\n".join(_states(state)))
    yield Section("problems", lambda: "\n".join(line for item in _problems(folder, state) for line in item.lines()))
    yield Section("settings", lambda: settings_text(settings))
    for name in sorted(file.stem for file in (folder / "processes").glob("*.log")):
        yield Section(f"log of {name}", partial(_log, processes, name))


def local_secrets(folder: Path, state: StackState | None, settings: Settings) -> frozenset[str]:
    """Return every secret that the stack knows: those in the files of its folder, in settings and in variables."""
    file, keys = folder / "secrets.json", [key.read_text() for key in folder.glob("*.key")]
    stored = json.loads(file.read_text()) if file.exists() else {}
    variables = environment_with({} if state is None else state.variables)
    return secrets_of(stored.values(), keys, settings_secrets(settings), secret_values(variables))


def _states(state: StackState) -> Iterator[str]:
    for name, address in state.addresses.items():
        yield f"{name}: {'up' if is_healthy(health_url(name, address)) else 'down'}"
    yield from summary_lines(state)


def _log(processes: Processes, service: str) -> str:
    return "\n".join(processes.log_lines(service, LOG_LINES))


def _problems(folder: Path, state: StackState | None) -> list[Diagnosis]:
    return diagnose_ended(folder, ()) if state is None else diagnose_running(folder, state.addresses, ())

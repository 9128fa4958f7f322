"""The sections of a bug report on containers, and the secrets that must not be in it."""

import tomllib
from collections.abc import Iterator
from configparser import ConfigParser
from functools import partial
from pathlib import Path

from readmit.containers import status
from readmit.containers.container_diagnosis import diagnose
from readmit.containers.project import Project, output
from readmit.settings import Settings
from readmit.stacks.bug_report import LOG_LINES, Section, settings_secrets, settings_text, versions
from readmit.stacks.redaction import secret_values, secrets_of


def container_report(project: Project, settings: Settings) -> Iterator[Section]:
    """Yield the sections: versions, states, settings, the Compose configuration, and the last lines of each log."""
    yield Section("versions", lambda: versions(*_engine_versions()))
    yield Section("services", lambda: "\n".join(f"{state.service}: {state.status}" for state in project.states()))
    yield Section("problems", lambda: "\n".join(line for item in diagnose(project, ()) for line in item.lines()))
    yield Section("days, model and source", lambda: "\n".join(status.summary_lines(project)))
    yield Section("settings", lambda: settings_text(settings))
    yield Section("configuration of Compose", lambda: project.output("config"))
    for name in sorted({state.service for state in project.states()}):
        yield Section(f"log of {name}", partial(_log, project, name))


def container_secrets(project: Project, settings: Settings) -> frozenset[str]:
    """Return every secret that the stack knows: those in the files of its folder, in settings and in variables."""
    return secrets_of(
        _secrets_in(project.secrets_folder), settings_secrets(settings), secret_values(project.environment())
    )


def _engine_versions() -> Iterator[str]:
    yield f"Docker {output(['docker', 'version', '--format', '{{.Server.Version}}']).strip()}"
    yield f"Docker Compose {output(['docker', 'compose', 'version', '--short']).strip()}"


def _log(project: Project, service: str) -> str:
    return project.output("logs", "--no-color", "--no-log-prefix", "--tail", str(LOG_LINES), service)


def _secrets_in(folder: Path) -> Iterator[str]:
    """Yield the secrets in the files of a folder.

    A file with an extension, but for a private key, holds those of other files in the format of a client: its other
    words, such as names of servers, are no secrets.
    """
    for file in folder.rglob("*") if folder.exists() else ():
        if file.is_file() and file.suffix in ("", ".key"):
            yield file.read_text(errors="replace")
        elif file.suffix == ".toml":
            yield from _sign_in_secrets(file)
        elif file.suffix == ".ini":
            yield from _cloud_secrets(file)


def _cloud_secrets(file: Path) -> Iterator[str]:
    """Yield the secrets of each profile of a file with AWS credentials."""
    profiles = ConfigParser(interpolation=None)
    profiles.read(file)
    for profile in profiles.sections():
        yield from secret_values(profiles[profile])


def _sign_in_secrets(file: Path) -> Iterator[str]:
    """Yield the secrets of the section `auth`, by which users sign in to the page, and of its providers."""
    pending: list[object] = [tomllib.loads(file.read_text()).get("auth")]
    while pending:
        section = pending.pop()
        if isinstance(section, dict):
            pending += section.values()
            yield from secret_values({name: value for name, value in section.items() if isinstance(value, str)})

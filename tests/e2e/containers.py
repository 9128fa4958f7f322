"""A temporary container stack with its own name, ports, secrets and volumes; the user's stack is not touched."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from ec2_api.sample import write_sample
from readmit.containers import secrets
from readmit.containers.__main__ import exec_options
from readmit.containers.clones import own_projects
from readmit.containers.project import ROOT, Project
from readmit.containers.temporary_names import left_over, temporary_name
from readmit.containers.up import UpOptions, select_services
from readmit.embedded.stack import free_ports
from tests.e2e.backend import SETTINGS, Backend

NAME = "readmit-e2e"
PUBLISHED = ("EC2_API", "MLFLOW", "PREFECT", "AIRFLOW", "API", "UI", "PROMETHEUS", "GRAFANA", "LOCUST")
LOGS = ROOT / "var/e2e"
BATCH_SIZE = 22_000
"""Of the stack that most tests share: the real file has four such batches, and a day on each takes a while."""
CLEARED_SETTINGS = (
    *("DATABASE_URL", "S3_URL", "SOURCE_URL", "API_URLS", "TARGET", "COST_RATIO", "SOURCE_BATCH_SIZE"),
    *("AIRFLOW_SCHEDULE", "SOURCE_TOKEN", "SOURCE_CA", "EC2_INSTANCE_ID", "EC2_TAG"),
)
"""Settings of the user's stack that do not apply to this one; an empty value counts as unset."""


@dataclass(frozen=True, slots=True)
class Stack(Backend):
    """The container stack under test. `addresses` by service."""

    project: Project
    addresses: dict[str, str]
    services: tuple[str, ...]

    def up(self) -> None:
        """Start all services and wait until they are healthy."""
        self.project.output("up", "--detach", "--build", "--wait", *self.services)

    @property
    def secrets_folder(self) -> Path:
        return Path(self.project.variables["READMIT_SECRETS"])

    def exec(self, service: str, *command: str) -> str:
        return self.project.output("exec", "-T", service, *command)

    def run_one_off(self, code: str) -> str:
        return self.project.output("run", "--rm", "--no-deps", "-T", "flows", "python", "-c", code)

    def restart(self) -> None:
        self.project.output("stop")
        self.up()

    def run_cli(self, *command: str) -> str:
        options = exec_options(command[0], self.project)
        return self.project.output("exec", "-T", *options, "flows", "python", "-m", "readmit.cli", *command)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the real file if READMIT_DATA names it, else a sample of four batches."""
    if path := os.environ.get("READMIT_DATA"):
        return Path(path).absolute()
    sample = tmp_path_factory.mktemp("data") / "sample.csv"
    write_sample(sample, rows=4 * BATCH_SIZE)
    return sample


@pytest.fixture(scope="session")
def containers(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("e2e") / "secrets"
    secrets.create_missing(folder, {})
    # Grafana's image is not available everywhere, and nothing depends on it.
    size = {"READMIT_SOURCE_BATCH_SIZE": str(BATCH_SIZE)}
    with temporary_stack(NAME, data, folder, without=("grafana",), **size) as stack:
        yield stack
    shutil.rmtree(folder)


@contextmanager
def temporary_stack(
    base: str,
    data: Path,
    secrets_folder: Path,
    only: Sequence[str] = (),
    without: Sequence[str] = (),
    files: Sequence[str] = (),
    **overrides: str,
) -> Iterator[Stack]:
    """Run a stack on free ports and empty volumes; remove everything at the end, except its log.

    `base`: of its name, which is that of no other process; what killed processes have left of this base is removed.
    `files`: further Compose files, merged over the others.
    """
    ports = {
        f"READMIT_{name}_PORT": str(port) for name, port in zip(PUBLISHED, free_ports(len(PUBLISHED)), strict=True)
    }
    settings = {
        "READMIT_DATA": str(data),
        "READMIT_SECRETS": str(secrets_folder),
        **SETTINGS,
        **{f"READMIT_{name}": "" for name in CLEARED_SETTINGS},
    }
    # Days run without outgoing traffic: nothing needs the Internet, and there is no telemetry.
    project = Project(temporary_name(base), {**settings, **ports, **overrides}, ("tests/e2e/no-outgoing.yaml", *files))
    services = project.services()
    addresses = {service.name: service.ports[0].address for service in services if service.ports}
    selected = select_services(services, UpOptions(only, without, with_day=False, publish_stores=False))
    _remove_leftovers(project, base)
    try:
        project.output("down", "--volumes", "--remove-orphans")
        stack = Stack(project, addresses, tuple(selected))
        stack.up()
        yield stack
    finally:
        LOGS.mkdir(parents=True, exist_ok=True)
        (LOGS / f"{project.name}.log").write_text(project.output("logs", "--no-color", "--timestamps"))
        project.output("down", "--volumes", "--remove-orphans")


def _remove_leftovers(project: Project, base: str) -> None:
    """Remove the stacks of processes that were killed, and the logs of those that have ended."""
    for name in left_over(base, own_projects()):
        replace(project, name=name).output("down", "--volumes", "--remove-orphans")
    for name in left_over(base, [file.stem for file in LOGS.glob("*.log")]):
        (LOGS / f"{name}.log").unlink()

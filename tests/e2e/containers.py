"""A stack of containers of its own: own name, ports, secrets and fresh volumes; a user's stack is left alone."""

import csv
import io
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from ec2_api.sample import write_sample
from readmit.containers import flow_runs, secrets
from readmit.containers.__main__ import as_reader
from readmit.containers.flow_runs import ENDED, FlowRun
from readmit.containers.project import ROOT, Project
from readmit.containers.up import UpOptions, wanted_of
from readmit.embedded.stack import free_ports

NAME = "readmit-e2e"
PUBLISHED = ("EC2_API", "MLFLOW", "PREFECT", "AIRFLOW", "API", "UI", "PROMETHEUS", "GRAFANA", "LOCUST")
LOGS = ROOT / "var/e2e"
DAY_WITHIN_SECONDS = 600.0
LOOK_AGAIN_SECONDS = 0.5
NOT_OF_THE_USER = (
    *("DATABASE_URL", "S3_URL", "SOURCE_URL", "API_URLS", "TARGET", "COST_RATIO", "SOURCE_BATCH_SIZE"),
    "AIRFLOW_SCHEDULE",
)
"""Settings of a user's own stack that this one must not follow: empty is as good as not set."""


@dataclass(frozen=True, slots=True)
class Stack:
    """The stack under test. `addresses` by service."""

    project: Project
    addresses: dict[str, str]
    services: tuple[str, ...]

    def up(self) -> None:
        """Starts all and waits until they are healthy."""
        self.project.output("up", "--detach", "--build", "--wait", *self.services)

    def get(self, service: str, path: str, **query: str) -> Any:
        """What a service answers, as JSON."""
        answer = httpx.get(f"{self.addresses[service]}{path}", params=query, timeout=60.0, trust_env=False)
        return answer.raise_for_status().json()

    @property
    def prefect(self) -> flow_runs.PrefectServer:
        """The Prefect server, with its login."""
        login = Path(self.project.variables["READMIT_SECRETS"]) / secrets.PREFECT_LOGIN
        return flow_runs.PrefectServer(self.addresses["prefect"], login.read_text())

    def ask_prefect(self, method: str, path: str, **asked: object) -> httpx.Response:
        """Send a request to Prefect's API, with its login. Raises httpx.HTTPStatusError for an error status."""
        user, _, password = self.prefect.login.partition(":")
        address = f"{self.prefect.address}/api{path}"
        answer = httpx.request(method, address, json=asked, auth=(user, password), timeout=60.0, trust_env=False)
        return answer.raise_for_status()

    def day(self, **parameters: int | bool) -> FlowRun:
        """Asks Prefect for a day, and waits for its end."""
        prefect, deadline = self.prefect, time.monotonic() + DAY_WITHIN_SECONDS
        run = flow_runs.start(prefect, parameters)
        while (run := flow_runs.look(prefect, run)).state not in ENDED and time.monotonic() < deadline:
            time.sleep(LOOK_AGAIN_SECONDS)
        return run

    def sql(self, question: str) -> list[dict[str, str]]:
        """The answer to a question, asked as `just sql` asks it."""
        command = ("flows", "python", "-m", "readmit.cli", "sql", question)
        said = self.project.output("exec", "-T", *as_reader(self.project), *command)
        return list(csv.DictReader(io.StringIO(said)))

    def output_in_flows(self, code: str) -> str:
        """Return what a program prints that runs in the container of the flows."""
        return self.project.output("exec", "-T", "flows", "python", "-c", code)

    def one_off(self, code: str) -> str:
        """What a program says that runs in a container of its own on the stores' network."""
        return self.project.output("run", "--rm", "--no-deps", "-T", "flows", "python", "-c", code)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real file where READMIT_DATA names it, else a sample of four batches."""
    if named := os.environ.get("READMIT_DATA"):
        return Path(named).absolute()
    sample = tmp_path_factory.mktemp("data") / "sample.csv"
    write_sample(sample, rows=4 * 15_000)
    return sample


@pytest.fixture(scope="session")
def containers(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("e2e") / "secrets"
    secrets.make(folder, {})
    # Grafana's image can't be made everywhere, and nothing depends on it.
    with stack_of_its_own(NAME, data, folder, without=("grafana",)) as up:
        yield up
    shutil.rmtree(folder)


@contextmanager
def stack_of_its_own(
    name: str, data: Path, kept: Path, only: Sequence[str] = (), without: Sequence[str] = (), **own: str
) -> Iterator[Stack]:
    """A stack on free ports and empty volumes, with the secrets in a folder; all gone at the end, but its log."""
    ports = {
        f"READMIT_{name}_PORT": str(port) for name, port in zip(PUBLISHED, free_ports(len(PUBLISHED)), strict=True)
    }
    settings = {
        "READMIT_DATA": str(data),
        "READMIT_SECRETS": str(kept),
        "READMIT_SOURCE_INTERVAL_SECONDS": "0",
        "READMIT_RETRY_DELAY_SECONDS": "0",
        # No day begins by itself while others are tested.
        "READMIT_SCHEDULE": "0 0 29 2 *",
        **{f"READMIT_{name}": "" for name in NOT_OF_THE_USER},
    }
    # Days run with outgoing traffic cut: nothing of ours needs the Internet, telemetry included.
    project = Project(name, {**settings, **ports, **own}, ("tests/e2e/no-outgoing.yaml",))
    found = project.services()
    addresses = {service.name: service.ports[0].address for service in found if service.ports}
    wanted = wanted_of(found, UpOptions(only, without, with_day=False, publish_stores=False))
    try:
        project.output("down", "--volumes", "--remove-orphans")
        stack = Stack(project, addresses, tuple(wanted))
        stack.up()
        yield stack
    finally:
        LOGS.mkdir(parents=True, exist_ok=True)
        (LOGS / f"{name}.log").write_text(project.output("logs", "--no-color", "--timestamps"))
        project.output("down", "--volumes", "--remove-orphans")

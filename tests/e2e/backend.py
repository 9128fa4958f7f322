"""What the acceptance tests need of a running stack, whether Docker Compose or Kubernetes runs it."""

import csv
import io
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from readmit.containers import flow_runs, secrets
from readmit.containers.flow_runs import TERMINAL_STATES, FlowRun

SETTINGS = {
    "READMIT_SOURCE_INTERVAL_SECONDS": "0",
    "READMIT_RETRY_DELAY_SECONDS": "0",
    # No scheduled day starts during the tests.
    "READMIT_SCHEDULE": "0 0 29 2 *",
    # A run takes one batch, so that tests may look at the results in between.
    "READMIT_DAY_MAX_BATCHES": "1",
}
"""Settings of a stack under test, whatever those of the user are."""
DAY_TIMEOUT_SECONDS = 600.0
POLL_SECONDS = 0.5


class Backend(ABC):
    """A stack under test. `addresses`: of each service, by name."""

    addresses: Mapping[str, str]

    @property
    @abstractmethod
    def secrets_folder(self) -> Path:
        """The folder with the secrets of the stack."""

    @abstractmethod
    def exec(self, service: str, *command: str) -> str:
        """Return the output of a command in the container of a service."""

    @abstractmethod
    def run_one_off(self, code: str) -> str:
        """Return the output of a Python program in a new container that may reach the stores."""

    @abstractmethod
    def restart(self) -> None:
        """Stop all services, start them, and wait until they are ready."""

    def get(self, service: str, path: str, **query: str) -> Any:
        """Return the JSON response of a service."""
        headers = self.source_headers if service == "ec2-api" else {}
        address = f"{self.addresses[service]}{path}"
        response = httpx.get(address, params=query, headers=headers, timeout=60.0, trust_env=False)
        return response.raise_for_status().json()

    @property
    def source_headers(self) -> dict[str, str]:
        """The header with the token of the data API."""
        return {"Authorization": f"Bearer {(self.secrets_folder / 'source_token').read_text()}"}

    @property
    def prefect(self) -> flow_runs.PrefectServer:
        """The Prefect server, with its login."""
        login = (self.secrets_folder / secrets.PREFECT_LOGIN).read_text()
        return flow_runs.PrefectServer(self.addresses["prefect"], login)

    def prefect_request(self, method: str, path: str, **body: object) -> Any:
        """Return the JSON response of Prefect's API, whose 503 while its database is locked is retried."""
        return flow_runs.request(self.prefect, method, path, body)

    def run_day(self, **parameters: int | bool) -> FlowRun:
        """Start a day in Prefect and wait for its end."""
        return self.finished(flow_runs.start(self.prefect, parameters))

    def finished(self, run: FlowRun) -> FlowRun:
        """Return a run at its end."""
        deadline = time.monotonic() + DAY_TIMEOUT_SECONDS
        while (run := flow_runs.refresh(self.prefect, run)).state not in TERMINAL_STATES:
            assert time.monotonic() < deadline, f"{run.name} is {run.state} after {DAY_TIMEOUT_SECONDS:.0f} s"
            time.sleep(POLL_SECONDS)
        return run

    def sql(self, query: str) -> list[dict[str, str]]:
        """Return the rows of a query."""
        return list(csv.DictReader(io.StringIO(self.run_cli("sql", query))))

    def run_cli(self, *command: str) -> str:
        """Return the output of a `readmit` command, run as by `just`."""
        return self.exec("flows", "python", "-m", "readmit.cli", *command)

    def output_in_flows(self, code: str) -> str:
        """Return the output of a Python program in the container of the flows."""
        return self.exec("flows", "python", "-c", code)

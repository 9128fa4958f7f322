"""Runs of Airflow's DAG, through its API."""

import time
from dataclasses import dataclass, field
from typing import Any

import httpx

from readmit.pipeline import DAG
from tests.e2e.containers import Stack

RUN_TIMEOUT_SECONDS = 600.0
POLL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class DagRun:
    """A finished run: its state, and that of each of its tasks."""

    id: str
    state: str
    tasks: dict[str, str]


@dataclass
class Airflow:
    """The Airflow of a stack, as its user `admin`."""

    stack: Stack
    password: str
    token: str = field(default="", init=False)

    def start(self, **conf: int | bool) -> str:
        """Start a run of the DAG, as soon as Airflow has loaded it, and return its id."""
        deadline = time.monotonic() + 120
        while self._request("GET", f"/api/v2/dags/{DAG}").status_code == 404 and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        body = {"logical_date": None, "conf": conf}
        return str(self._json("POST", f"/api/v2/dags/{DAG}/dagRuns", body)["dag_run_id"])

    def runs(self) -> list[str]:
        """Return the ids of all runs of the DAG."""
        return [run["dag_run_id"] for run in self._json("GET", f"/api/v2/dags/{DAG}/dagRuns")["dag_runs"]]

    def wait_for_end(self, run: str) -> DagRun:
        """Wait for the end of a run and return it."""
        address, deadline = f"/api/v2/dags/{DAG}/dagRuns/{run}", time.monotonic() + RUN_TIMEOUT_SECONDS
        while (state := self._json("GET", address)["state"]) not in ("success", "failed"):
            assert time.monotonic() < deadline, state
            time.sleep(POLL_SECONDS)
        tasks = self._json("GET", f"{address}/taskInstances")["task_instances"]
        return DagRun(run, state, {task["task_id"]: task["state"] for task in tasks})

    def log(self, run: str, task: str, attempt: int) -> str:
        """Return the log of an attempt at a task."""
        return self._request("GET", f"/api/v2/dags/{DAG}/dagRuns/{run}/taskInstances/{task}/logs/{attempt}").text

    def _json(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        content: dict[str, Any] = self._request(method, path, body).raise_for_status().json()
        return content

    def _request(self, method: str, path: str, body: object = None) -> httpx.Response:
        self.token = self.token or self._new_token()
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}
        address = f"{self.stack.addresses['airflow']}{path}"
        return httpx.request(method, address, json=body, headers=headers, timeout=60.0, trust_env=False)

    def _new_token(self) -> str:
        login = {"username": "admin", "password": self.password}
        address = f"{self.stack.addresses['airflow']}/auth/token"
        return str(
            httpx.post(address, json=login, timeout=60.0, trust_env=False).raise_for_status().json()["access_token"]
        )

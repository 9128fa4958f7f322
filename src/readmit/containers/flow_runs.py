"""Flow runs, started and watched through Prefect's API. `just up` starts the first day, which trains a model."""

import time
import uuid
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from readmit.containers.project import Project
from readmit.containers.secrets import PREFECT_LOGIN
from readmit.stacks.errors import StackError

TERMINAL_STATES = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
RETRY_TIMEOUT_SECONDS = 60.0
"""How long requests to a busy or unavailable server are retried."""
REQUEST_TIMEOUT_SECONDS, RETRY_DELAY_SECONDS = 30.0, 1.0
LOG_PAGE_SIZE, LOG_OVERLAP = 200, 50
"""A line may arrive after later ones, so the last LOG_OVERLAP lines are read again."""
MIN_LOG_LEVEL = 20


@dataclass(frozen=True, slots=True)
class PrefectServer:
    """Address of a Prefect server, and the login of its API as `user:password`."""

    address: str
    login: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FlowRun:
    """A run of a deployment. `state` as in Prefect: SCHEDULED, RUNNING, COMPLETED ...; `message`: its reason."""

    id: str
    name: str
    state: str
    message: str


def prefect_server(project: Project) -> PrefectServer:
    """Return the Prefect server of a project. Raises StackError when the file with its login is missing."""
    address = next(service.ports[0].address for service in project.services() if service.name == "prefect")
    file = project.secrets_folder / PREFECT_LOGIN
    try:
        return PrefectServer(address, file.read_text())
    except FileNotFoundError as error:
        raise StackError(f"{file}, which contains the Prefect login, is missing: run `just up` to create it") from error


def start(prefect: PrefectServer, parameters: Mapping[str, int | bool], flow: str = "daily") -> FlowRun:
    """Start a run of a flow. `parameters`: those of the flow; without `batch` it takes the next batch.

    Raises StackError when Prefect does not respond as expected.
    """
    deployment = _request_object(prefect, "GET", f"/deployments/name/{flow}/{flow}")
    # The idempotency key makes it a single run even when the request is retried.
    body = {"parameters": dict(parameters), "state": {"type": "SCHEDULED"}, "idempotency_key": uuid.uuid4().hex}
    return _flow_run(_request_object(prefect, "POST", f"/deployments/{deployment['id']}/create_flow_run", body))


def refresh(prefect: PrefectServer, run: FlowRun) -> FlowRun:
    """Return the run in its current state."""
    return _flow_run(_request_object(prefect, "GET", f"/flow_runs/{run.id}"))


def page_url(prefect: PrefectServer, run: FlowRun) -> str:
    """Return the address of a run's page."""
    return f"{prefect.address}/runs/flow-run/{run.id}"


def log_lines(prefect: PrefectServer, run: FlowRun, known: Container[str], count: int) -> Iterator[tuple[str, str]]:
    """Yield the id and text of the lines of a run's log that are not among the `count` known ones."""
    log_filter = {"flow_run_id": {"any_": [run.id]}, "level": {"ge_": MIN_LOG_LEVEL}}
    page = {"sort": "TIMESTAMP_ASC", "offset": max(0, count - LOG_OVERLAP), "limit": LOG_PAGE_SIZE}
    logs = request(prefect, "POST", "/logs/filter", {"logs": log_filter, **page})
    if not isinstance(logs, list):
        raise StackError(f"Prefect at {prefect.address}: {logs}")
    yield from ((str(log["id"]), str(log["message"])) for log in logs if str(log["id"]) not in known)


def _flow_run(fields: Mapping[str, Any]) -> FlowRun:
    state = fields["state"] or {}
    return FlowRun(str(fields["id"]), str(fields["name"]), str(fields["state_type"]), str(state.get("message") or ""))


def _request_object(prefect: PrefectServer, method: str, path: str, body: object = None) -> Mapping[str, Any]:
    content = request(prefect, method, path, body)
    if not isinstance(content, dict):
        raise StackError(f"Prefect at {prefect.address}: {content}")
    return content


def request(prefect: PrefectServer, method: str, path: str, body: object = None) -> object:
    """Return the JSON response of Prefect's API; None when it is empty. A busy server's 503 is retried.

    Raises StackError when Prefect rejects the request, or is still busy or unavailable after RETRY_TIMEOUT_SECONDS.
    """
    deadline = time.monotonic() + RETRY_TIMEOUT_SECONDS
    while True:
        try:
            return _request(prefect, method, path, body)
        except (httpx.HTTPError, ValueError) as error:
            is_final = isinstance(error, httpx.HTTPStatusError) and error.response.status_code < 500
            if is_final or time.monotonic() > deadline:
                raise StackError(f"Prefect at {prefect.address}: {error}") from error
        time.sleep(RETRY_DELAY_SECONDS)


def _request(prefect: PrefectServer, method: str, path: str, body: object) -> object:
    user, _, password = prefect.login.partition(":")
    response = httpx.request(
        method,
        f"{prefect.address}/api{path}",
        json=body,
        auth=(user, password),
        timeout=REQUEST_TIMEOUT_SECONDS,
        trust_env=False,
    )
    content: object = response.raise_for_status().json() if response.content else None
    return content

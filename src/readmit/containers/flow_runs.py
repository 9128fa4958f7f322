"""Runs asked of Prefect, by its API. Where nothing has come yet, `just up` does so, that there be a model to serve."""

import time
import uuid
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from readmit.containers.project import Project
from readmit.containers.secrets import PREFECT_LOGIN
from readmit.stacks.errors import StackError

ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
PATIENCE_SECONDS = 60.0
"""So long a server that is busy, or just away, is asked again."""
ANSWER_WITHIN_SECONDS, ASK_AGAIN_SECONDS = 30.0, 1.0
LINES_AT_ONCE, MAY_COME_LATE = 200, 50
"""A line may come after younger ones: so many before the end are looked at again."""
INFO = 20


@dataclass(frozen=True, slots=True)
class PrefectServer:
    """Address of a Prefect server, and the login of its API as `user:password`."""

    address: str
    login: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FlowRun:
    """One run of a deployment. `state` as Prefect names it: SCHEDULED, RUNNING, COMPLETED ...; `why`: its message."""

    id: str
    name: str
    state: str
    why: str


def server_of(project: Project) -> PrefectServer:
    """Return the Prefect server of a project. Raises StackRefused when the file with its login is missing."""
    address = next(service.ports[0].address for service in project.services() if service.name == "prefect")
    file = Path(project.variables["READMIT_SECRETS"]) / PREFECT_LOGIN
    try:
        return PrefectServer(address, file.read_text())
    except FileNotFoundError as error:
        raise StackError(f"{file} is missing, and Prefect asks for the login in it: just up makes it") from error


def start(prefect: PrefectServer, parameters: Mapping[str, int | bool], flow: str = "daily") -> FlowRun:
    """Asks Prefect at this address for a run of a flow. StackRefused: it does not answer as it should.

    `parameters` of the flow, such as `batch`; without, it takes the next batch.
    """
    deployment = _mapping(prefect, "GET", f"/deployments/name/{flow}/{flow}")
    # With a key of its own it is one run, however often it has to be asked for.
    asked = {"parameters": dict(parameters), "state": {"type": "SCHEDULED"}, "idempotency_key": uuid.uuid4().hex}
    return _flow_run(_mapping(prefect, "POST", f"/deployments/{deployment['id']}/create_flow_run", asked))


def look(prefect: PrefectServer, run: FlowRun) -> FlowRun:
    """The same run as it is now."""
    return _flow_run(_mapping(prefect, "GET", f"/flow_runs/{run.id}"))


def page(prefect: PrefectServer, run: FlowRun) -> str:
    """Where a person sees it."""
    return f"{prefect.address}/runs/flow-run/{run.id}"


def said(prefect: PrefectServer, run: FlowRun, known: Container[str], count: int) -> Iterator[tuple[str, str]]:
    """Number and text of the lines of a run's log that are not among `count` known ones."""
    about = {"flow_run_id": {"any_": [run.id]}, "level": {"ge_": INFO}}
    page = {"sort": "TIMESTAMP_ASC", "offset": max(0, count - MAY_COME_LATE), "limit": LINES_AT_ONCE}
    told = _asked(prefect, "POST", "/logs/filter", {"logs": about, **page})
    if not isinstance(told, list):
        raise StackError(f"Prefect at {prefect.address}: {told}")
    yield from ((str(each["id"]), str(each["message"])) for each in told if str(each["id"]) not in known)


def _flow_run(told: Mapping[str, Any]) -> FlowRun:
    state = told["state"] or {}
    return FlowRun(str(told["id"]), str(told["name"]), str(told["state_type"]), str(state.get("message") or ""))


def _mapping(prefect: PrefectServer, method: str, path: str, body: object = None) -> Mapping[str, Any]:
    told = _asked(prefect, method, path, body)
    if not isinstance(told, dict):
        raise StackError(f"Prefect at {prefect.address}: {told}")
    return told


def _asked(prefect: PrefectServer, method: str, path: str, body: object = None) -> object:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return _answer(prefect, method, path, body)
        except (httpx.HTTPError, ValueError) as error:
            is_over = isinstance(error, httpx.HTTPStatusError) and error.response.status_code < 500
            if is_over or time.monotonic() > deadline:
                raise StackError(f"Prefect at {prefect.address}: {error}") from error
        time.sleep(ASK_AGAIN_SECONDS)


def _answer(prefect: PrefectServer, method: str, path: str, body: object) -> object:
    user, _, password = prefect.login.partition(":")
    answer = httpx.request(
        method,
        f"{prefect.address}/api{path}",
        json=body,
        auth=(user, password),
        timeout=ANSWER_WITHIN_SECONDS,
        trust_env=False,
    )
    told: object = answer.raise_for_status().json()
    return told

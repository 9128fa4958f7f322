"""Runs asked of Prefect, by its API. Where nothing has come yet, `just up` does so, that there be a model to serve."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from readmit.stacks.refusal import StackRefused

ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
PATIENCE_SECONDS = 30.0
LINES_AT_ONCE = 200
INFO = 20


@dataclass(frozen=True, slots=True)
class FlowRun:
    """One run of a deployment. `state` as Prefect names it: SCHEDULED, RUNNING, COMPLETED ...; `why`: its message."""

    id: str
    name: str
    state: str
    why: str


def start(prefect: str, parameters: Mapping[str, int | bool], flow: str = "daily") -> FlowRun:
    """Asks Prefect at this address for a run of a flow. StackRefused: it does not answer as it should.

    `parameters` of the flow, such as `batch`; without, it takes the next batch.
    """
    deployment = _mapping(prefect, "GET", f"/deployments/name/{flow}/{flow}")
    asked = {"parameters": dict(parameters), "state": {"type": "SCHEDULED"}}
    return _flow_run(_mapping(prefect, "POST", f"/deployments/{deployment['id']}/create_flow_run", asked))


def look(prefect: str, run: FlowRun) -> FlowRun:
    """The same run as it is now."""
    return _flow_run(_mapping(prefect, "GET", f"/flow_runs/{run.id}"))


def page(prefect: str, run: FlowRun) -> str:
    """Where a person sees it."""
    return f"{prefect}/runs/flow-run/{run.id}"


def said(prefect: str, run: FlowRun, after: int) -> Iterator[str]:
    """The lines of a run's log from that number on."""
    about = {"flow_run_id": {"any_": [run.id]}, "level": {"ge_": INFO}}
    asked = {"logs": about, "sort": "TIMESTAMP_ASC", "offset": after, "limit": LINES_AT_ONCE}
    told = _asked(prefect, "POST", "/logs/filter", asked)
    if not isinstance(told, list):
        raise StackRefused(f"Prefect at {prefect}: {told}")
    yield from (str(each["message"]) for each in told)


def _flow_run(told: Mapping[str, Any]) -> FlowRun:
    state = told["state"] or {}
    return FlowRun(str(told["id"]), str(told["name"]), str(told["state_type"]), str(state.get("message") or ""))


def _mapping(prefect: str, method: str, path: str, body: object = None) -> Mapping[str, Any]:
    told = _asked(prefect, method, path, body)
    if not isinstance(told, dict):
        raise StackRefused(f"Prefect at {prefect}: {told}")
    return told


def _asked(prefect: str, method: str, path: str, body: object = None) -> object:
    try:
        answer = httpx.request(method, f"{prefect}/api{path}", json=body, timeout=PATIENCE_SECONDS, trust_env=False)
        told: object = answer.raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        raise StackRefused(f"Prefect at {prefect}: {error}") from error
    return told

"""A day asked of Prefect, by its API. Where nothing has come yet, `just up` does so, that there be a model to serve."""

from dataclasses import dataclass
from typing import Any

import httpx

from readmit.stacks.refusal import StackRefused

DEPLOYMENT = "daily/daily"
PATIENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class FlowRun:
    """One run of the deployment. `state` as Prefect names it: SCHEDULED, RUNNING, COMPLETED, FAILED, CRASHED ..."""

    id: str
    state: str


def start(prefect: str, **parameters: int | bool) -> FlowRun:
    """Asks Prefect at this address for a run of the deployment. StackRefused: it does not answer as it should.

    `parameters` of the flow, such as `batch`; without, it takes the next batch.
    """
    deployment = _asked("GET", f"{prefect}/api/deployments/name/{DEPLOYMENT}", None)
    asked = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
    return _flow_run(_asked("POST", f"{prefect}/api/deployments/{deployment['id']}/create_flow_run", asked))


def look(prefect: str, run: FlowRun) -> FlowRun:
    """The same run as it is now."""
    return _flow_run(_asked("GET", f"{prefect}/api/flow_runs/{run.id}", None))


def _flow_run(told: dict[str, Any]) -> FlowRun:
    return FlowRun(str(told["id"]), str(told["state_type"]))


def _asked(method: str, address: str, body: object) -> dict[str, Any]:
    try:
        answer = httpx.request(method, address, json=body, timeout=PATIENCE_SECONDS, trust_env=False)
        told = answer.raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        raise StackRefused(f"Prefect at {address}: {error}") from error
    if not isinstance(told, dict):
        raise StackRefused(f"Prefect at {address}: {answer.text[:200]}")
    return told

"""Attacks on every published port by a page in the operator's browser: no change and no patient row.

Without Grafana: its image is not available everywhere. tests/stack/test_compose.py checks its configuration.
"""

import json
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidHandshake
from websockets.sync.client import connect

from readmit.pipeline import DAG
from tests.e2e.containers import ROOT, Stack
from tests.e2e.dag_runs import Airflow

pytestmark = pytest.mark.e2e

Record = Callable[[str, object], None]
EVIL, EVIL_HOST = "http://evil.example", "evil.example"
EXAMPLE = json.loads((ROOT / "api/example.json").read_text())
BY_NAME = ("locust", "airflow")
"""Services that start only by name."""


@dataclass(frozen=True, slots=True)
class Target:
    """A request that would read rows or change something, and the expected statuses by attack.

    `foreign_host`, `foreign_origin`, `simple`: empty where the request is harmless with any status.
    """

    service: str
    path: str
    method: str = "POST"
    body: Mapping[str, object] = field(default_factory=dict)
    foreign_host: tuple[int, ...] = ()
    foreign_origin: tuple[int, ...] = ()
    simple: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.service} {self.method} {self.path}"


PULL_STEP = {"prefect.deployments.steps.run_shell_script": {"script": "cat /run/secrets/* > /tmp/stolen"}}
DEPLOYMENT = {"name": "attack", "flow_id": "FLOW", "entrypoint": "daily.py:daily", "pull_steps": [PULL_STEP]}
TARGETS = (
    Target("api", "/predict", body=EXAMPLE, foreign_host=(400,), foreign_origin=(403,), simple=(403,)),
    Target("api", "/days", "GET", foreign_host=(400,), foreign_origin=(403,)),
    Target("api", "/quarantine", "GET", foreign_host=(400,), foreign_origin=(403,)),
    Target("api", "/rollback", body={"version": "1"}, foreign_host=(400,), foreign_origin=(403,), simple=(403,)),
    Target("api", "/reload_model", foreign_host=(400,), foreign_origin=(403,), simple=(403,)),
    Target("ec2-api", "/batches/1", "GET", foreign_host=(400,), foreign_origin=(403,)),
    Target(
        "mlflow",
        "/api/2.0/mlflow/experiments/create",
        body={"name": "attack"},
        foreign_host=(403,),
        foreign_origin=(403,),
        simple=(403,),
    ),
    Target(
        "mlflow",
        "/ajax-api/2.0/mlflow/registered-models/create",
        body={"name": "attack"},
        foreign_host=(403,),
        foreign_origin=(403,),
        simple=(403,),
    ),
    Target("mlflow", "/graphql", body={"query": "{__typename}"}, foreign_host=(403,), simple=(400,)),
    Target("prefect", "/api/deployments/", body=DEPLOYMENT, foreign_host=(400,), foreign_origin=(403,), simple=(403,)),
    Target(
        "prefect",
        "/api/deployments/DAILY/create_flow_run",
        body={"state": {"type": "SCHEDULED"}},
        foreign_host=(400,),
        foreign_origin=(403,),
        simple=(403,),
    ),
    Target("prefect", "/api/flow_runs/filter", foreign_host=(400,), foreign_origin=(403,), simple=(403,)),
    Target(
        "airflow",
        f"/api/v2/dags/{DAG}/dagRuns",
        body={"logical_date": None},
        foreign_host=(400,),
        foreign_origin=(403,),
        simple=(403,),
    ),
    Target("prometheus", "/api/v1/query", body={"query": "up"}),
    Target("prometheus", "/-/quit", foreign_host=(403,), foreign_origin=(403,), simple=(403,)),
    Target("prometheus", "/-/reload", foreign_host=(403,), foreign_origin=(403,), simple=(403,)),
    Target(
        "prometheus",
        "/api/v1/admin/tsdb/delete_series?match[]=up",
        # "admin APIs disabled": the status depends on the version.
        foreign_host=(500, 503),
        foreign_origin=(500, 503),
        simple=(500, 503),
    ),
    Target("prometheus", "/api/v1/write", foreign_host=(404,), foreign_origin=(404,), simple=(404,)),
    Target("prometheus", "/api/v1/otlp/v1/metrics", foreign_host=(404,), foreign_origin=(404,), simple=(404,)),
    Target(
        "locust",
        "/swarm",
        body={"user_count": "1", "spawn_rate": "1", "host": EVIL},
        foreign_host=(400,),
        foreign_origin=(403,),
        simple=(403,),
    ),
    Target("ui", "/", "GET"),
)


def attacks(attack: str, targets: tuple[Target, ...] = TARGETS) -> pytest.MarkDecorator:
    """Return a parametrization by target with the mark of the attack."""
    cases = [
        pytest.param(target, id=target.name, marks=pytest.mark.attack(attack, target.service)) for target in targets
    ]
    return pytest.mark.parametrize("target", cases)


POSTS = tuple(target for target in TARGETS if target.method == "POST")


@pytest.fixture(scope="module")
def stack(containers: Stack) -> Iterator[Stack]:
    """The containers, including the services that start only by name."""
    containers.project.output("up", "--detach", "--build", "--wait", *BY_NAME)
    if not containers.prefect_request("POST", "/flow_runs/filter"):
        assert containers.run_day(batch=1).state == "COMPLETED"
    yield containers
    containers.project.output("rm", "--stop", "--force", *BY_NAME)


@dataclass(frozen=True, slots=True)
class Attacker:
    """Sends a target's request to a stack, without any login."""

    stack: Stack

    def send(self, target: Target, headers: Mapping[str, str], form: bool = False) -> httpx.Response:
        fields = {name: str(value) for name, value in target.body.items()}
        content = httpx.QueryParams(fields) if form else json.dumps(target.body)
        path = target.path.replace("DAILY", self._daily()) if "DAILY" in target.path else target.path
        with httpx.Client(base_url=self.stack.addresses[target.service], timeout=60.0, trust_env=False) as client:
            return client.request(target.method, path, content=str(content), headers=dict(headers))

    def _daily(self) -> str:
        return str(self.stack.prefect_request("GET", "/deployments/name/daily/daily")["id"])


def state(stack: Stack, service: str) -> object:
    """Return what an attack on a service would change."""
    if service == "prefect":
        kinds = ("deployments", "flow_runs", "flows", "block_documents", "automations")
        return [len(stack.prefect_request("POST", f"/{kind}/filter")) for kind in kinds]
    if service == "mlflow":
        experiments = stack.get("mlflow", "/api/2.0/mlflow/experiments/search", max_results="1000")
        models = stack.get("mlflow", "/api/2.0/mlflow/registered-models/search")
        return [experiment["name"] for experiment in experiments["experiments"]], len(models["registered_models"])
    if service == "airflow":
        return airflow(stack).runs()
    if service == "prometheus":
        return stack.get("prometheus", "/api/v1/status/runtimeinfo")["data"]["startTime"]
    if service == "locust":
        return stack.get("locust", "/health")
    if service == "api":
        return stack.get("api", "/health")["model_version"], stack.get("api", "/versions")
    return stack.get("ec2-api", "/health")["batches"]


def airflow(stack: Stack) -> Airflow:
    folder = ROOT / stack.project.variables["READMIT_SECRETS"]
    return Airflow(stack, (folder / "airflow_password").read_text())


@contextmanager
def unchanged(stack: Stack, service: str) -> Iterator[None]:
    before = state(stack, service)
    yield
    assert state(stack, service) == before


def require_rejection(response: httpx.Response, statuses: tuple[int, ...]) -> None:
    """Check that a response has one of the statuses, grants no origin and contains no patient row."""
    assert "patient_nbr" not in response.text
    assert "access-control-allow-origin" not in response.headers
    if statuses:
        assert response.status_code in statuses, response.text[:500]


@attacks("foreign Host")
def test_a_foreign_host_gets_no_patient_row_and_changes_nothing(
    stack: Stack, target: Target, record_property: Record
) -> None:
    with unchanged(stack, target.service):
        response = Attacker(stack).send(target, {"Host": EVIL_HOST, "Content-Type": "application/json"})
    record_property("answer", str(response.status_code))
    require_rejection(response, target.foreign_host)


@attacks("foreign Origin")
@pytest.mark.parametrize("origin", [EVIL, "null"])
def test_a_foreign_origin_gets_no_patient_row_and_changes_nothing(
    stack: Stack, target: Target, origin: str, record_property: Record
) -> None:
    with unchanged(stack, target.service):
        response = Attacker(stack).send(target, {"Origin": origin, "Content-Type": "application/json"})
    record_property("answer", str(response.status_code))
    require_rejection(response, target.foreign_origin)


@attacks("cross-site simple POST", POSTS)
@pytest.mark.parametrize("kind", ["text/plain", None, "application/x-www-form-urlencoded"])
def test_a_simple_post_of_another_site_changes_nothing(
    stack: Stack, target: Target, kind: str | None, record_property: Record
) -> None:
    headers = {"Origin": EVIL} | ({} if kind is None else {"Content-Type": kind})
    with unchanged(stack, target.service):
        response = Attacker(stack).send(target, headers, form=kind is not None and "form" in kind)
    record_property("answer", str(response.status_code))
    require_rejection(response, target.simple)


@attacks("preflight", POSTS)
def test_a_preflight_of_another_site_is_not_granted(stack: Stack, target: Target, record_property: Record) -> None:
    headers = {
        "Origin": EVIL,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type, authorization",
    }
    with unchanged(stack, target.service):
        response = httpx.options(
            f"{stack.addresses[target.service]}{target.path}", headers=headers, timeout=60.0, trust_env=False
        )
    record_property("answer", str(response.status_code))
    assert "access-control-allow-origin" not in response.headers


SOCKETS = [
    *(
        pytest.param(
            "prefect", f"/api/{path}", ["prefect"], id=path, marks=pytest.mark.attack("foreign Origin", "prefect")
        )
        for path in ("events/in", "events/out", "logs/out", "task_runs/subscriptions/scheduled")
    ),
    pytest.param("ui", "/_stcore/stream", None, id="stream", marks=pytest.mark.attack("foreign Origin", "ui")),
]


@pytest.mark.parametrize(("service", "path", "protocols"), SOCKETS)
def test_a_web_socket_of_another_site_is_rejected(
    stack: Stack, service: str, path: str, protocols: Any, record_property: Record
) -> None:
    address = stack.addresses[service].replace("http", "ws")
    with pytest.raises(InvalidHandshake):
        connect(f"{address}{path}", subprotocols=protocols, origin=EVIL, proxy=None)
    record_property("answer", "403")


@pytest.mark.attack("foreign Host", "ui")
def test_the_page_opens_no_session_for_a_foreign_host(stack: Stack, record_property: Record) -> None:
    # As with a DNS name of the attacker that resolves to this machine.
    port = httpx.URL(stack.addresses["ui"]).port
    with socket.create_connection(("127.0.0.1", port)) as connection, pytest.raises(InvalidHandshake):
        connect(f"ws://{EVIL_HOST}:{port}/_stcore/stream", sock=connection, proxy=None)
    record_property("answer", "403")


@pytest.mark.attack("unsigned request", "airflow")
def test_airflow_requires_a_login_on_every_route_but_its_health(stack: Stack, record_property: Record) -> None:
    with httpx.Client(base_url=stack.addresses["airflow"], timeout=60.0, trust_env=False) as anonymous:
        routes = anonymous.get("/openapi.json").json()["paths"]
        reads = [path for path, methods in routes.items() if "get" in methods and "{" not in path]
        open_to_all = {path for path in reads if anonymous.get(path).status_code not in (401, 403)}
    record_property("answer", "401")
    assert open_to_all <= {"/api/v2/monitor/health", "/api/v2/version", "/api/v2/auth/login", "/api/v2/auth/logout"}


@pytest.mark.parametrize("service", ["prefect", "mlflow", "airflow", "prometheus", "locust"])
def test_responses_prevent_sniffing_and_framing(stack: Stack, service: str) -> None:
    headers = httpx.get(stack.addresses[service], timeout=60.0, trust_env=False).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"].upper() in ("DENY", "SAMEORIGIN")
    if service in ("prefect", "locust", "airflow"):
        assert headers["referrer-policy"] == "same-origin"


def test_no_secret_is_in_the_configuration_of_a_container(stack: Stack) -> None:
    folder = ROOT / stack.project.variables["READMIT_SECRETS"]
    passwords = {file.name: file.read_text().strip() for file in folder.iterdir() if file.is_file()}
    configuration = stack.project.output("config", "--format", "json")
    exposed = [name for name, secret in passwords.items() if secret and secret in configuration]
    assert not exposed

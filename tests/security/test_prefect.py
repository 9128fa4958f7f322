"""Prefect of the containers: a page in the operator's browser reads nothing and starts nothing."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import connect

from readmit.containers.project import ROOT
from readmit.embedded.environment import variables
from tests.security.prefect_server import Server, prefect_server

Record = Callable[[str, object], None]
EVIL = "http://evil.example"
FLOW = {"name": "attack"}
DEPLOYMENT = {
    "name": "attack",
    "flow_id": "00000000-0000-0000-0000-000000000000",
    "entrypoint": "flows/daily.py:daily",
    "pull_steps": [
        {"prefect.deployments.steps.run_shell_script": {"script": "cat /run/secrets/*", "stream_output": True}}
    ],
}
JSON = {"Content-Type": "application/json"}
SIMPLE = {
    "text/plain": {"Content-Type": "text/plain"},
    "no content type": {},
    "form": {"Content-Type": "application/x-www-form-urlencoded"},
}
SOCKETS = ("events/in", "events/out", "logs/out", "task_runs/subscriptions/scheduled")
OPEN = {("get", "/api/health"), ("get", "/api/ready")}
"""Routes without a login: health probes only."""


@pytest.fixture(scope="module")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with prefect_server(tmp_path_factory.mktemp("prefect")) as server:
        yield server


@pytest.mark.parametrize("body", [FLOW, DEPLOYMENT], ids=["flow", "deployment that runs a shell"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param(JSON, 401, marks=pytest.mark.attack("unsigned request", "prefect"), id="no login"),
        pytest.param(
            JSON | {"Host": "evil.example"}, 400, marks=pytest.mark.attack("foreign Host", "prefect"), id="Host"
        ),
        pytest.param(JSON | {"Origin": EVIL}, 403, marks=pytest.mark.attack("foreign Origin", "prefect"), id="Origin"),
        pytest.param(JSON | {"Origin": "null"}, 403, marks=pytest.mark.attack("foreign Origin", "prefect"), id="null"),
        *(
            pytest.param(
                simple | origin,
                status,
                marks=pytest.mark.attack("cross-site simple POST", "prefect"),
                id=f"{name} {status}",
            )
            for name, simple in SIMPLE.items()
            for origin, status in (({"Origin": EVIL}, 403), ({}, 401))
        ),
    ],
)
def test_a_foreign_page_can_not_create_anything(
    prefect: Server, body: Mapping[str, object], headers: dict[str, str], status: int, record_property: Record
) -> None:
    before, path = prefect.counts(), "/api/flows/" if body is FLOW else "/api/deployments/"
    response = httpx.post(
        f"{prefect.address}{path}", content=json.dumps(body), headers=headers, timeout=60.0, trust_env=False
    )
    record_property("answer", str(response.status_code))
    assert response.status_code == status
    assert prefect.counts() == before


@pytest.mark.attack("preflight", "prefect")
@pytest.mark.parametrize("origin", [EVIL, "null", "http://127.0.0.1"])
def test_a_preflight_from_another_origin_is_not_granted(prefect: Server, origin: str, record_property: Record) -> None:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    response = httpx.options(f"{prefect.address}/api/deployments/", headers=headers, timeout=60.0, trust_env=False)
    record_property("answer", str(response.status_code))
    assert response.status_code == 403
    assert "access-control-allow-origin" not in response.headers


def test_its_own_page_may_use_the_api_with_the_login(prefect: Server) -> None:
    with prefect.client() as client:
        response = client.post("/api/flows/filter", json={}, headers={"Origin": prefect.address})
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == prefect.address


@pytest.mark.attack("unsigned request", "prefect")
def test_every_api_route_requires_the_login(prefect: Server, record_property: Record) -> None:
    with prefect.client() as client:
        routes = client.get("/api/openapi.json").raise_for_status().json()["paths"]
    all_routes = {(method, f"/api{path}") for path, methods in routes.items() for method in methods}
    assert len(all_routes) > 100
    with httpx.Client(base_url=prefect.address, timeout=60.0, trust_env=False) as anonymous:
        statuses = {(method, path): anonymous.request(method, path).status_code for method, path in all_routes}
    record_property("answer", "401")
    assert {route for route, status in statuses.items() if status != 401} == OPEN


@pytest.mark.attack("unsigned request", "prefect")
@pytest.mark.parametrize("path", SOCKETS)
def test_a_web_socket_without_the_login_is_closed(prefect: Server, path: str, record_property: Record) -> None:
    address = f"{prefect.address.replace('http', 'ws')}/api/{path}"
    with pytest.raises(InvalidStatus, match="403"):
        connect(address, proxy=None)
    for token in ("", "admin:guessed"):
        with connect(address, subprotocols=["prefect"], proxy=None) as socket:
            socket.send(json.dumps({"type": "auth", "token": token}))
            with pytest.raises(ConnectionClosedError, match="1008"):
                socket.recv(timeout=60)
    record_property("answer", "403")


@pytest.mark.attack("foreign Origin", "prefect")
@pytest.mark.parametrize("path", SOCKETS)
def test_a_web_socket_of_another_origin_is_rejected_even_with_the_login(
    prefect: Server, path: str, record_property: Record
) -> None:
    address = f"{prefect.address.replace('http', 'ws')}/api/{path}"
    with pytest.raises(InvalidStatus, match="403"):
        connect(address, subprotocols=["prefect"], origin=EVIL, proxy=None)
    with connect(address, subprotocols=["prefect"], origin=prefect.address, proxy=None) as socket:
        socket.send(json.dumps({"type": "auth", "token": prefect.login}))
        assert json.loads(socket.recv(timeout=60)) == {"type": "auth_success"}
    record_property("answer", "403")


@pytest.mark.attack("foreign Host", "prefect")
@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil.example:4200", "localhost@evil.example"]
)
def test_a_foreign_host_gets_no_page_and_a_probe_by_ip_address_is_served(
    prefect: Server, host: str, record_property: Record
) -> None:
    response = httpx.get(prefect.address, headers={"Host": host}, timeout=60.0, trust_env=False)
    record_property("answer", str(response.status_code))
    assert response.status_code == 400
    assert httpx.get(
        f"{prefect.address}/api/ready", headers={"Host": "10.42.0.7:4200"}, timeout=60.0, trust_env=False
    ).is_success


@pytest.mark.parametrize("path", ["/", "/ui-settings", "/api/ready", "/api/flows/filter"])
def test_responses_prevent_sniffing_framing_and_referrer_leaks(prefect: Server, path: str) -> None:
    headers = httpx.get(f"{prefect.address}{path}", timeout=60.0, trust_env=False).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "frame-ancestors 'self'"
    assert headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/", "/ui-settings", "/openapi.json", "/docs"])
def test_pages_without_a_login_contain_no_secret(prefect: Server, path: str) -> None:
    assert (
        prefect.login.partition(":")[2] not in httpx.get(f"{prefect.address}{path}", timeout=60.0, trust_env=False).text
    )


def test_without_a_login_it_does_not_start(tmp_path: Path) -> None:
    environment = {"PREFECT_HOME": str(tmp_path), "PREFECT_PROFILES_PATH": str(tmp_path / "absent")}
    command = [sys.executable, str(ROOT / "compose/prefect_server.py")]
    completed = subprocess.run(
        command, env=os.environ | environment, cwd=tmp_path, capture_output=True, text=True, timeout=400
    )
    assert completed.returncode == 1
    assert "PREFECT_SERVER_API_AUTH_STRING is not set" in completed.stderr


EPHEMERAL = """
import httpx
from prefect.client.orchestration import get_client
from prefect.server.api.server import SubprocessASGIServer

with get_client(sync_client=True) as client:
    before = len(client.read_flows())
    address = SubprocessASGIServer().api_url
    for headers in ({}, {"Origin": "http://evil.example", "Content-Type": "text/plain"}):
        body = '{"name": "attack"}'
        response = httpx.post(f"{address}/flows/", content=body, headers=headers, timeout=60.0, trust_env=False)
        print(response.status_code, response.headers.get("access-control-allow-origin"))
    print(len(client.read_flows()) - before)
"""


@pytest.mark.attack("cross-site simple POST", "flows")
def test_the_server_of_a_day_without_containers_requires_a_login(tmp_path: Path, record_property: Record) -> None:
    addresses = dict.fromkeys(("ec2-api", "s3", "mlflow", "api", "ui"), "http://127.0.0.1:1")
    environment = variables(tmp_path, addresses)
    command = [sys.executable, "-c", EPHEMERAL]
    completed = subprocess.run(
        command, env=os.environ | environment, cwd=tmp_path, capture_output=True, text=True, timeout=400
    )
    assert completed.stdout.splitlines() == ["401 None", "401 None", "0"], completed.stderr
    record_property("answer", "401")

"""MLflow of the embedded stack: a page in the operator's browser reads and changes nothing."""

import json
import os
from collections.abc import Callable, Iterator

import httpx
import pytest

from readmit.embedded.processes import Processes
from readmit.embedded.seaweedfs import INNER_PORTS
from readmit.embedded.services import services
from readmit.embedded.stack import free_ports

Record = Callable[[str, object], None]
EVIL = "http://evil.example"
CREATE = "/api/2.0/mlflow/experiments/create"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, names = tmp_path_factory.mktemp("mlflow"), ("s3", "mlflow", "ec2-api", "api")
    ports, inner_ports = dict(zip(names, free_ports(len(names)), strict=True)), dict.fromkeys(INNER_PORTS, 0)
    quick = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    all_services = services(folder, "127.0.0.1", ports, inner_ports, os.environ | quick, {})
    (server,) = (service for service in all_services if service.name == "mlflow")
    processes = Processes(folder / "processes")
    processes.start(server)
    try:
        processes.wait_until_healthy(server)
        yield f"http://127.0.0.1:{ports['mlflow']}"
    finally:
        processes.stop()


def experiments(address: str) -> list[str]:
    path = f"{address}/api/2.0/mlflow/experiments/search"
    result = httpx.get(path, params={"max_results": 100}, timeout=30.0, trust_env=False).raise_for_status().json()
    return [experiment["name"] for experiment in result["experiments"]]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param(
            JSON | {"Host": "evil.example"}, 403, marks=pytest.mark.attack("foreign Host", "mlflow"), id="Host"
        ),
        *(
            pytest.param(
                JSON | {"Origin": origin}, 403, marks=pytest.mark.attack("foreign Origin", "mlflow"), id=origin
            )
            for origin in (EVIL, "null", "http://127.0.0.1.evil.example")
        ),
        *(
            pytest.param(
                kind | origin,
                status,
                marks=pytest.mark.attack("cross-site simple POST", "mlflow"),
                id=f"{kind.get('Content-Type')} {status}",
            )
            for kind in ({"Content-Type": "text/plain"}, {}, {"Content-Type": "application/x-www-form-urlencoded"})
            for origin, status in (({"Origin": EVIL}, 403), ({}, 400))
        ),
    ],
)
def test_a_foreign_page_can_not_create_an_experiment(
    mlflow: str, headers: dict[str, str], status: int, record_property: Record
) -> None:
    before = experiments(mlflow)
    body = json.dumps({"name": "attack"})
    response = httpx.post(f"{mlflow}{CREATE}", content=body, headers=headers, timeout=30.0, trust_env=False)
    record_property("answer", str(response.status_code))
    assert response.status_code == status
    assert "access-control-allow-origin" not in response.headers
    assert experiments(mlflow) == before


@pytest.mark.attack("preflight", "mlflow")
def test_a_preflight_from_another_origin_is_not_granted(mlflow: str, record_property: Record) -> None:
    headers = {
        "Origin": EVIL,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    response = httpx.options(f"{mlflow}{CREATE}", headers=headers, timeout=30.0, trust_env=False)
    record_property("answer", str(response.status_code))
    assert response.status_code == 400
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.attack("foreign Host", "mlflow")
def test_a_foreign_host_reads_nothing(mlflow: str, record_property: Record) -> None:
    response = httpx.get(f"{mlflow}/", headers={"Host": "evil.example"}, timeout=30.0, trust_env=False)
    record_property("answer", str(response.status_code))
    assert response.status_code == 403


def test_responses_prevent_sniffing_and_framing(mlflow: str) -> None:
    headers = httpx.get(f"{mlflow}/", timeout=30.0, trust_env=False).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "SAMEORIGIN"

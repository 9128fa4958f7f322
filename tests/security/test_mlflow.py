"""MLflow as the stack without containers serves it: a page in the operator's browser reads and changes nothing."""

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
    ports, inner = dict(zip(names, free_ports(len(names)), strict=True)), dict.fromkeys(INNER_PORTS, 0)
    quick = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    every = services(folder, "127.0.0.1", ports, inner, os.environ | quick, {})
    (server,) = (each for each in every if each.name == "mlflow")
    processes = Processes(folder / "processes")
    processes.start(server)
    try:
        processes.wait_until_healthy(server)
        yield f"http://127.0.0.1:{ports['mlflow']}"
    finally:
        processes.stop()


def experiments(address: str) -> list[str]:
    path = f"{address}/api/2.0/mlflow/experiments/search"
    found = httpx.get(path, params={"max_results": 100}, timeout=30.0, trust_env=False).raise_for_status().json()
    return [each["name"] for each in found["experiments"]]


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
def test_a_page_in_a_browser_makes_no_experiment(
    mlflow: str, headers: dict[str, str], status: int, record_property: Record
) -> None:
    before = experiments(mlflow)
    body = json.dumps({"name": "attack"})
    answer = httpx.post(f"{mlflow}{CREATE}", content=body, headers=headers, timeout=30.0, trust_env=False)
    record_property("answer", str(answer.status_code))
    assert answer.status_code == status
    assert "access-control-allow-origin" not in answer.headers
    assert experiments(mlflow) == before


@pytest.mark.attack("preflight", "mlflow")
def test_a_preflight_from_another_origin_is_granted_nothing(mlflow: str, record_property: Record) -> None:
    asked = {"Origin": EVIL, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    answer = httpx.options(f"{mlflow}{CREATE}", headers=asked, timeout=30.0, trust_env=False)
    record_property("answer", str(answer.status_code))
    assert answer.status_code == 400
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.attack("foreign Host", "mlflow")
def test_a_foreign_host_reads_nothing(mlflow: str, record_property: Record) -> None:
    answer = httpx.get(f"{mlflow}/", headers={"Host": "evil.example"}, timeout=30.0, trust_env=False)
    record_property("answer", str(answer.status_code))
    assert answer.status_code == 403


def test_answers_are_neither_sniffed_nor_framed(mlflow: str) -> None:
    headers = httpx.get(f"{mlflow}/", timeout=30.0, trust_env=False).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "SAMEORIGIN"

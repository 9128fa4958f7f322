"""Grafana itself, where its image can be had: it loads the boards, and without a login it is read-only."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from readmit.containers import secrets
from tests.e2e.containers import temporary_stack
from tests.stack.compose_files import services
from tools.boards.__main__ import BOARDS, FOLDER
from tools.boards.grafana_json import SCHEMA_VERSION

pytestmark = pytest.mark.e2e
IMAGE = services()["grafana"].config["image"]
PULL_SECONDS = 300


@pytest.fixture(scope="module")
def grafana(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start Grafana with its dependencies, and return its address."""
    if not _has_image():
        pytest.skip(f"{IMAGE} can neither be found nor pulled here")
    folder = tmp_path_factory.mktemp("grafana") / "secrets"
    secrets.create_missing(folder, {})
    with temporary_stack("readmit-grafana", data, folder, only=("grafana",)) as stack:
        yield stack.addresses["grafana"]
    shutil.rmtree(folder)


def _has_image() -> bool:
    found = subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True, check=False)
    if found.returncode == 0:
        return True
    try:
        pulled = subprocess.run(
            ["docker", "pull", "--quiet", IMAGE], capture_output=True, check=False, timeout=PULL_SECONDS
        )
    except subprocess.TimeoutExpired:
        return False
    return pulled.returncode == 0


def get(address: str, path: str) -> httpx.Response:
    return httpx.get(f"{address}{path}", timeout=60.0, trust_env=False)


def test_it_loads_every_board_read_only(grafana: str) -> None:
    found = get(grafana, "/api/search?type=dash-db").raise_for_status().json()
    assert {board["uid"]: board["title"] for board in found} == {board.uid: board.title for board in BOARDS}
    for board in BOARDS:
        loaded = get(grafana, f"/api/dashboards/uid/{board.uid}").raise_for_status().json()
        assert loaded["meta"]["provisioned"]
        assert not loaded["meta"]["canSave"]
        assert loaded["dashboard"]["schemaVersion"] == SCHEMA_VERSION, "Grafana migrated the board"
        committed = json.loads((FOLDER / f"{board.uid}.json").read_text())
        assert loaded["dashboard"]["panels"] == committed["panels"]


def test_it_opens_with_the_overview(grafana: str) -> None:
    home = get(grafana, "/api/dashboards/home").raise_for_status().json()
    assert home["dashboard"]["title"] == BOARDS[0].title


def test_it_queries_prometheus_without_a_login(grafana: str) -> None:
    query = {"refId": "A", "datasource": {"uid": "prometheus"}, "expr": "vector(1)", "instant": True}
    body = {"queries": [query], "from": "now-5m", "to": "now"}
    response = httpx.post(f"{grafana}/api/ds/query", json=body, timeout=60.0, trust_env=False).raise_for_status()
    assert response.json()["results"]["A"]["frames"][0]["data"]["values"][1] == [1]


@pytest.mark.parametrize("path", ["/api/dashboards/db", "/api/datasources", "/api/folders", "/api/admin/users"])
def test_without_a_login_it_changes_nothing(grafana: str, path: str) -> None:
    response = httpx.post(f"{grafana}{path}", json={}, timeout=60.0, trust_env=False)
    assert response.status_code in (401, 403)


def test_it_redirects_a_request_for_another_host(grafana: str) -> None:
    response = httpx.get(grafana, headers={"Host": "rebound.example"}, timeout=60.0, trust_env=False)
    assert response.is_redirect
    assert response.headers["location"].startswith("http://127.0.0.1:")

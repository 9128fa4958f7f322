"""No tool sends telemetry: each is queried itself, in the environment of its service."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from readmit.embedded.environment import TELEMETRY_OFF, variables
from readmit.embedded.seaweedfs import INNER_PORTS
from readmit.embedded.services import services as embedded_services
from readmit.embedded.stack import SERVICES
from tests.embedded.demos import CI_VARIABLES
from tests.stack.compose_files import services

RecordProperty = Callable[[str, object], None]
TELEMETRY_CHECKS = {
    "mlflow": "from mlflow.telemetry.utils import is_telemetry_disabled as off; import mlflow.telemetry as t\n"
    "answer = off() and t.get_telemetry_client() is None",
    "prefect": "from prefect._internal.analytics.enabled import is_telemetry_enabled as on\n"
    "from prefect.settings import get_current_settings as settings\n"
    "answer = not on() and not settings().server.analytics_enabled",
    # Streamlit reads variables like command-line options.
    "streamlit": "import subprocess, sys\n"
    "shown = subprocess.check_output([sys.executable, '-m', 'streamlit', 'config', 'show'], text=True)\n"
    "answer = 'gatherUsageStats = false' in shown.splitlines()",
}
"""Code per tool that sets `answer`: whether the tool itself considers its telemetry off."""
ADDRESSES = {name: f"http://127.0.0.1:{20_000 + number}" for number, name in enumerate((*SERVICES, "ui"))}


def _reports_nothing(tool: str, environment: dict[str, str], folder: Path) -> bool:
    """Query a tool in a separate process. MLflow and Prefect switch telemetry off when they detect a test or CI."""
    assert not [name for name in environment if CI_VARIABLES.match(name)]
    code = f"{TELEMETRY_CHECKS[tool]}\nimport json\nprint(json.dumps(bool(answer)))"
    machine = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    completed = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, **machine},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr
    return bool(json.loads(completed.stdout.splitlines()[-1]))


def _container_environment(name: str) -> dict[str, str]:
    """Return the environment in a Compose file, without interpolated values and container paths."""
    environment = services()[name].environment
    return {
        variable: str(value)
        for variable, value in environment.items()
        if value is not None and "$" not in str(value) and not str(value).startswith("/")
    }


@pytest.mark.attack("telemetry", "flows")
@pytest.mark.parametrize("tool", TELEMETRY_CHECKS)
def test_no_tool_of_the_embedded_stack_reports(tool: str, tmp_path: Path, record_property: RecordProperty) -> None:
    assert _reports_nothing(tool, variables(tmp_path, ADDRESSES), tmp_path)
    record_property("answer", "off")


@pytest.mark.parametrize(
    ("service", "tool"),
    [
        pytest.param("mlflow", "mlflow", marks=pytest.mark.attack("telemetry", "mlflow")),
        pytest.param("prefect", "prefect", marks=pytest.mark.attack("telemetry", "prefect")),
        pytest.param("ui", "streamlit", marks=pytest.mark.attack("telemetry", "ui")),
    ],
)
def test_no_tool_in_a_container_reports(
    service: str, tool: str, tmp_path: Path, record_property: RecordProperty
) -> None:
    assert _reports_nothing(tool, _container_environment(service), tmp_path)
    record_property("answer", "off")


@pytest.mark.attack("telemetry", "flows")
def test_every_own_service_has_the_same_variables_as_the_embedded_stack(record_property: RecordProperty) -> None:
    own_services = [
        name for name, service in services().items() if str(service.config.get("image", "")).startswith("readmit-")
    ]
    assert {"api", "ui", "mlflow", "prefect", "flows", "airflow", "ec2-api", "locust"} <= set(own_services)
    for name in own_services:
        assert TELEMETRY_OFF.items() <= _container_environment(name).items(), name
    record_property("answer", "off")


@pytest.mark.parametrize("tool", TELEMETRY_CHECKS)
def test_without_the_variables_a_tool_would_report(tool: str, tmp_path: Path) -> None:
    assert not _reports_nothing(tool, {"DO_NOT_TRACK": "1"} if tool == "mlflow" else {}, tmp_path)


@pytest.mark.attack("telemetry", "airflow")
def test_airflow_reports_nothing(record_property: RecordProperty) -> None:
    settings = _container_environment("airflow")
    assert settings["AIRFLOW__USAGE_DATA_COLLECTION__ENABLED"].lower() == "false"
    assert settings["SCARF_ANALYTICS"].lower() == "false"
    record_property("answer", "off")


@pytest.mark.attack("telemetry", "grafana")
@pytest.mark.parametrize(
    "setting",
    ["GF_ANALYTICS_REPORTING_ENABLED", "GF_ANALYTICS_CHECK_FOR_UPDATES", "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES",
     "GF_NEWS_NEWS_FEED_ENABLED", "GF_SNAPSHOTS_EXTERNAL_ENABLED"],
)  # fmt: skip
def test_grafana_reports_and_fetches_nothing(setting: str, record_property: RecordProperty) -> None:
    assert _container_environment("grafana")[setting] == "false"
    record_property("answer", "off")


@pytest.mark.attack("telemetry", "s3")
def test_seaweedfs_reports_nothing(tmp_path: Path, record_property: RecordProperty) -> None:
    inner_ports = dict.fromkeys(INNER_PORTS, 1)
    ports = {name: int(address.rpartition(":")[2]) for name, address in ADDRESSES.items()}
    s3 = embedded_services(tmp_path, "127.0.0.1", ports, inner_ports, {}, {})[0]
    assert "-master.telemetry=false" in s3.command
    assert "-master.telemetry=false" in services()["s3"].config["command"]
    record_property("answer", "off")

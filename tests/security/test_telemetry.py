"""Nothing reports to whoever made it: each tool is asked itself, in the environment that its service has."""

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
from tests.embedded.demos import SIGN_OF_CI
from tests.stack.compose_files import services

RecordProperty = Callable[[str, object], None]
QUESTIONS = {
    "mlflow": "from mlflow.telemetry.utils import is_telemetry_disabled as off; import mlflow.telemetry as t\n"
    "answer = off() and t.get_telemetry_client() is None",
    "prefect": "from prefect._internal.analytics.enabled import is_telemetry_enabled as on\n"
    "from prefect.settings import get_current_settings as settings\n"
    "answer = not on() and not settings().server.analytics_enabled",
    # It reads its variables as those of its command line.
    "streamlit": "import subprocess, sys\n"
    "shown = subprocess.check_output([sys.executable, '-m', 'streamlit', 'config', 'show'], text=True)\n"
    "answer = 'gatherUsageStats = false' in shown.splitlines()",
}
"""Whether a tool reports nothing, as the tool itself sees it. None looks for settings in the folder of a test."""
ADDRESSES = {name: f"http://127.0.0.1:{20_000 + number}" for number, name in enumerate((*SERVICES, "ui"))}


def _reports_nothing(tool: str, environment: dict[str, str], folder: Path) -> bool:
    """Ask a tool in a process of its own. MLflow and Prefect switch themselves off where they see a test or CI."""
    assert not [name for name in environment if SIGN_OF_CI.match(name)]
    code = f"{QUESTIONS[tool]}\nimport json\nprint(json.dumps(bool(answer)))"
    machine = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    asked = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, **machine},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert asked.returncode == 0, asked.stderr
    return bool(json.loads(asked.stdout.splitlines()[-1]))


def _container_environment(name: str) -> dict[str, str]:
    """What a Compose file sets, but for what has its value from elsewhere and for paths of the container."""
    found = services()[name].environment
    return {
        variable: str(value)
        for variable, value in found.items()
        if value is not None and "$" not in str(value) and not str(value).startswith("/")
    }


@pytest.mark.attack("telemetry", "flows")
@pytest.mark.parametrize("tool", QUESTIONS)
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
def test_every_service_of_ours_has_the_same_variables_as_the_embedded_stack(record_property: RecordProperty) -> None:
    ours = [name for name, service in services().items() if str(service.told.get("image", "")).startswith("readmit-")]
    assert {"api", "ui", "mlflow", "prefect", "flows", "airflow", "ec2-api", "locust"} <= set(ours)
    for name in ours:
        assert TELEMETRY_OFF.items() <= _container_environment(name).items(), name
    record_property("answer", "off")


@pytest.mark.parametrize("tool", QUESTIONS)
def test_a_tool_that_is_not_told_would_report(tool: str, tmp_path: Path) -> None:
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
    inner = dict.fromkeys(INNER_PORTS, 1)
    ports = {name: int(address.rpartition(":")[2]) for name, address in ADDRESSES.items()}
    s3 = embedded_services(tmp_path, "127.0.0.1", ports, inner, {}, {})[0]
    assert "-master.telemetry=false" in s3.command
    assert "-master.telemetry=false" in services()["s3"].told["command"]
    record_property("answer", "off")

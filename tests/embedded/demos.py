"""`just demo` as a user runs it, in its own process and folder; and checks of its report and page."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from readmit.core.model import CANDIDATES
from readmit.pipeline import STEPS

UnknownNumbers = Callable[[Mapping[str, Any], str], list[str]]
ROOT = Path(__file__).parents[2]
CI_VARIABLES = re.compile(r"CI$|PYTEST_|GITHUB_|GITLAB_CI|CIRCLECI|JENKINS_URL|TRAVIS|TF_BUILD|BUILDKITE|TEAMCITY_")
FIGURES = {
    *("roc_auc", "pr_auc", "log_loss", "brier", "ece", "observed_expected", "sensitivity", "ppv", "flagged"),
    *("accuracy", "f1", "skill", "base_rate"),
}


def without_ci_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment in which a tool cannot detect that it is tested: some turn off telemetry by themselves then."""
    return {name: value for name, value in environment.items() if not CI_VARIABLES.match(name)}


def start(folder: Path, **extra: str) -> subprocess.Popen[str]:
    path = f"{ROOT / 'src'}:{ROOT}"
    environment = {**without_ci_variables(os.environ), "PYTHONPATH": path, "COLUMNS": "200", **extra}
    return subprocess.Popen(
        [sys.executable, "-m", "readmit.embedded.demo"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def output_of(demo: subprocess.Popen[str], seconds: float) -> str:
    """A demo's output until it exits. After the timeout it is stopped with all its services, and the test fails."""
    try:
        return demo.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired:
        demo.terminate()
        demo.communicate(timeout=60)
        raise


def run(folder: Path, **extra: str) -> tuple[str, dict[str, Any]]:
    demo = start(folder, **extra)
    # The timeout detects a hang, not slowness: other tests run at the same time, on any machine.
    output = output_of(demo, 900)
    assert demo.returncode == 0, output
    return output, json.loads((folder / "var/demo/report.json").read_text())


def check_page(folder: Path, report: dict[str, Any], find_unknown_numbers: UnknownNumbers) -> None:
    html = (folder / "var/demo/results.html").read_text()
    assert find_unknown_numbers(report, html) == []
    sections = ["data", "prospective", "candidates", "verdicts", "production", "time"]
    assert re.findall(r'<section id="(\w+)"', html) == sections
    assert html.count('<figure class="chart">') == 3 + 1 + 4, "of the candidates, the verdicts, the one in production"
    assert ("say nothing about patients" in html) == (report["data"]["source"] == "sample")


def leftover_processes(folder: Path) -> list[str]:
    """Processes with the folder in their command or environment."""
    leftovers = []
    for process in psutil.process_iter():
        try:
            text = " ".join([*process.cmdline(), *process.environ().values()])
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
        if str(folder) in text and process.pid != os.getpid():
            leftovers.append(text[:200])
    return leftovers


def check_report(report: dict[str, Any]) -> None:
    rows = report["rows"]
    assert rows["raw"] == rows["clean"] + rows["quarantined"] + rows["excluded"] == report["data"]["rows"]
    assert rows["clean"] == rows["train"] + rows["validation"] + rows["test"]
    assert [item["name"] for item in report["candidates"]] == [candidate.name for candidate in CANDIDATES]
    assert all({"roc_auc", "log_loss", "fit_seconds"} <= set(item) for item in report["candidates"])
    assert all(item["curves"]["roc"] for item in report["candidates"])
    assert sum(item["chosen"] for item in report["candidates"]) == 1
    assert [day["batch"] for day in report["days"]] == list(range(1, report["data"]["batches"] + 1))
    assert all(list(day["seconds"]) == [step.name for step in STEPS] and day["verdict"] for day in report["days"])
    assert all(sum(day["rows"][part] for day in report["days"]) == rows[part] for part in report["days"][0]["rows"])
    assert sum(reason["encounters"] for reason in report["excluded"]) == rows["excluded"]
    assert report["production"]["tested_on_batch"] == report["data"]["batches"]
    later = report["prospective"]
    assert [item["batch"] for item in later] == list(range(2, report["data"]["batches"] + 1))
    assert all(item["trained_on"] < item["batch"] for item in later)
    assert [item["encounters"] for item in later] == [day["rows"]["clean"] for day in report["days"][1:]]
    assert report["production"]["consulted"] == report["data"]["batches"]
    test = report["production"]["test"]
    assert set(test) >= FIGURES
    assert report["production"]["test_rows"] == rows["test"]
    assert report["production"]["judged"]["curves"]["calibration"]
    assert report["evaluation"]["version"] == report["production"]["version"]
    assert report["evaluation"]["importances"]
    assert 0 < test["flagged"] < 1
    assert report["prediction"]["model_version"] == report["production"]["version"]
    assert report["prediction"]["threshold"] == report["production"]["threshold"] == pytest.approx(1 / 7)

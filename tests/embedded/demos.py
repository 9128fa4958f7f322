"""`just demo` as a person runs it: a process of its own, in a folder of its own; and what has to be in its report."""

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

StrangeNumbers = Callable[[Mapping[str, Any], str], list[str]]
ROOT = Path(__file__).parents[2]
SIGN_OF_CI = re.compile(r"CI$|PYTEST_|GITHUB_|GITLAB_CI|CIRCLECI|JENKINS_URL|TRAVIS|TF_BUILD|BUILDKITE|TEAMCITY_")
FIGURES = {
    *("roc_auc", "pr_auc", "log_loss", "brier", "ece", "observed_expected", "sensitivity", "ppv", "flagged"),
    *("accuracy", "f1", "skill", "base_rate"),
}


def outside_of_ci(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment in which a tool cannot see that it is tested: some stop reporting by themselves then."""
    return {name: value for name, value in environment.items() if not SIGN_OF_CI.match(name)}


def start(folder: Path, **own: str) -> subprocess.Popen[str]:
    environment = {**outside_of_ci(os.environ), "PYTHONPATH": str(ROOT), "COLUMNS": "200", **own}
    return subprocess.Popen(
        [sys.executable, "-m", "readmit.embedded.demo"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def ended(demo: subprocess.Popen[str], seconds: float) -> str:
    """What a demo said until it ended. Too late: it is stopped with all that it started, and the test fails."""
    try:
        return demo.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired:
        demo.terminate()
        demo.communicate(timeout=60)
        raise


def run(folder: Path, **own: str) -> tuple[str, dict[str, Any]]:
    demo = start(folder, **own)
    # Against hanging, not against being slow: other tests run beside it, on whatever machine.
    said = ended(demo, 900)
    assert demo.returncode == 0, said
    return said, json.loads((folder / "var/demo/report.json").read_text())


def check_page(folder: Path, report: dict[str, Any], strange_numbers: StrangeNumbers) -> None:
    shown = (folder / "var/demo/results.html").read_text()
    assert strange_numbers(report, shown) == []
    assert re.findall(r'<section id="(\w+)"', shown) == ["data", "candidates", "verdicts", "production", "time"]
    assert shown.count('<figure class="chart">') == 3 + 1 + 3, "of the candidates, the verdicts, the one in production"
    assert ("say nothing about patients" in shown) == (report["data"]["source"] == "sample")


def left_of(folder: Path) -> list[str]:
    """Processes that have the folder in their command or environment."""
    found = []
    for process in psutil.process_iter():
        try:
            text = " ".join([*process.cmdline(), *process.environ().values()])
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
        if str(folder) in text and process.pid != os.getpid():
            found.append(text[:200])
    return found


def check_report(report: dict[str, Any]) -> None:
    rows = report["rows"]
    assert rows["raw"] == rows["clean"] + rows["quarantined"] + rows["excluded"] == report["data"]["rows"]
    assert rows["clean"] == rows["train"] + rows["validation"] + rows["test"]
    assert [each["name"] for each in report["candidates"]] == [candidate.name for candidate in CANDIDATES]
    assert all({"roc_auc", "log_loss", "fit_seconds"} <= set(each) for each in report["candidates"])
    assert all(each["curves"]["roc"] and len(each["importances"]) == 15 for each in report["candidates"])
    assert sum(each["chosen"] for each in report["candidates"]) == 1
    assert [day["batch"] for day in report["days"]] == list(range(1, report["data"]["batches"] + 1))
    assert all(list(day["seconds"]) == [step.name for step in STEPS] and day["verdict"] for day in report["days"])
    assert all(sum(day["rows"][part] for day in report["days"]) == rows[part] for part in report["days"][0]["rows"])
    assert sum(reason["encounters"] for reason in report["excluded"]) == rows["excluded"]
    assert report["production"]["tested_on_batch"] == report["data"]["batches"]
    test = report["production"]["test"]
    assert set(test) >= FIGURES
    assert report["production"]["test_rows"] == rows["test"]
    assert report["production"]["judged"]["curves"]["calibration"]
    assert 0 < test["flagged"] < 1
    assert report["prediction"]["model_version"] == report["production"]["version"]
    assert report["prediction"]["threshold"] == report["production"]["threshold"] == pytest.approx(1 / 7)

"""`just load` as a gate: exit codes and output against a stub of the API."""

import json
import subprocess
import sys
from pathlib import Path

from tests.locust.conftest import Serve

ROOT = Path(__file__).parents[2]
SHORT = ("--users", "20", "--seconds", "2", "--wait", "0.4", "0.6")


def run_load(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "locust/run.py", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def failed_thresholds(output: str) -> list[str]:
    """Return the names of the failed thresholds in a table."""
    return [line[:12].strip() for line in output.splitlines() if line.endswith("FAIL")]


def test_it_passes_on_a_fast_api_and_writes_its_reports(serve: Serve, tmp_path: Path) -> None:
    completed = run_load("ci", *SHORT, "--host", serve(), "--reports", str(tmp_path))
    assert completed.returncode == 0, completed.stdout + completed.stderr
    assert failed_thresholds(completed.stdout) == []
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["passed"] is True
    assert summary["failures"] == 0 < summary["requests"]
    assert "<title>Locust" in (tmp_path / "locust.html").read_text()
    rows = (tmp_path / "locust_stats.csv").read_text().splitlines()
    assert rows[-1].startswith(f",Aggregated,{summary['requests']},0,")


def test_it_fails_when_500_ms_are_injected(serve: Serve, tmp_path: Path) -> None:
    completed = run_load("ci", *SHORT, "--host", serve(seconds=0.5), "--reports", str(tmp_path))
    assert completed.returncode == 1
    assert "p95" in failed_thresholds(completed.stdout)
    assert "error rate" not in failed_thresholds(completed.stdout)


def test_responses_that_violate_the_contract_are_failures(serve: Serve, tmp_path: Path) -> None:
    host = serve(predict={"prediction": 2, "probability": 0.2, "model_version": "1"})
    completed = run_load("ci", *SHORT, "--host", host, "--reports", str(tmp_path))
    assert completed.returncode == 1
    assert failed_thresholds(completed.stdout) == ["error rate"]
    assert "the prediction is neither 0 nor 1" in (tmp_path / "locust_failures.csv").read_text()


def test_a_capacity_test_reports_the_last_passing_step_and_the_failing_one(serve: Serve, tmp_path: Path) -> None:
    # 50 responses a second: enough for 5 users, who send 20 requests, and not for 50.
    steps = ("--users", "5", "--growth", "10", "--seconds", "1", "--wait", "0.2", "0.3")
    limits = ("--share", "0.5", "--p95", "9999", "--p99", "9999")
    host = serve(seconds=0.02, serial=True)
    completed = run_load("capacity", *steps, *limits, "--host", host, "--reports", str(tmp_path))
    assert completed.returncode == 0, completed.stdout + completed.stderr
    report = json.loads((tmp_path / "capacity.json").read_text())
    assert report["greatest"]["users"] == 5
    assert (report["broke"]["users"], report["broke"]["by"]) == (50, ["offered rate"])
    for text in (completed.stdout, (tmp_path / "capacity.md").read_text()):
        assert "Capacity: 5 users" in text
        assert "Failed at 50 users: offered rate was " in text


def test_another_host_is_refused(tmp_path: Path) -> None:
    completed = run_load("--host", "http://example.org", "--reports", str(tmp_path))
    assert completed.returncode == 1
    assert completed.stderr.startswith("http://example.org is not allowed: ")
    assert list(tmp_path.iterdir()) == []


def test_an_api_without_a_model_is_refused(serve: Serve, tmp_path: Path) -> None:
    host = serve(health={"model_loaded": False})
    completed = run_load("--host", host, "--reports", str(tmp_path))
    assert (completed.returncode, completed.stderr) == (1, f"the API at {host} has no model yet: run a day first\n")

"""`just load` as a gate: what it exits with, and what it says, on an API that is played."""

import json
import subprocess
import sys
from pathlib import Path

from tests.locust.conftest import Serve

ROOT = Path(__file__).parents[2]
SHORT = ("--users", "20", "--seconds", "2", "--wait", "0.4", "0.6")


def loaded(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "locust/run.py", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def failing(said: str) -> list[str]:
    """Names of the thresholds that a table says have failed."""
    return [line[:12].strip() for line in said.splitlines() if line.endswith("FAIL")]


def test_it_passes_on_an_api_that_answers_at_once_and_leaves_its_reports(serve: Serve, tmp_path: Path) -> None:
    done = loaded("ci", *SHORT, "--host", serve(), "--reports", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert failing(done.stdout) == []
    told = json.loads((tmp_path / "summary.json").read_text())
    assert told["passed"] is True
    assert told["failures"] == 0 < told["requests"]
    assert "<title>Locust" in (tmp_path / "locust.html").read_text()
    rows = (tmp_path / "locust_stats.csv").read_text().splitlines()
    assert rows[-1].startswith(f",Aggregated,{told['requests']},0,")


def test_it_fails_when_500_ms_are_injected(serve: Serve, tmp_path: Path) -> None:
    done = loaded("ci", *SHORT, "--host", serve(seconds=0.5), "--reports", str(tmp_path))
    assert done.returncode == 1
    assert "p95" in failing(done.stdout)
    assert "error rate" not in failing(done.stdout)


def test_answers_that_break_the_contract_are_failures(serve: Serve, tmp_path: Path) -> None:
    host = serve(predict={"prediction": 2, "probability": 0.2, "model_version": "1"})
    done = loaded("ci", *SHORT, "--host", host, "--reports", str(tmp_path))
    assert done.returncode == 1
    assert failing(done.stdout) == ["error rate"]
    assert "the prediction is neither 0 nor 1" in (tmp_path / "locust_failures.csv").read_text()


def test_a_capacity_says_how_many_users_held_and_where_it_broke(serve: Serve, tmp_path: Path) -> None:
    # 50 answers a second: enough for 5 users, who ask for 20, and not for 50.
    steps = ("--users", "5", "--growth", "10", "--seconds", "1", "--wait", "0.2", "0.3")
    limits = ("--share", "0.5", "--p95", "9999", "--p99", "9999")
    host = serve(seconds=0.02, in_turn=True)
    done = loaded("capacity", *steps, *limits, "--host", host, "--reports", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads((tmp_path / "capacity.json").read_text())
    assert told["greatest"]["users"] == 5
    assert (told["broke"]["users"], told["broke"]["by"]) == (50, ["offered rate"])
    for said in (done.stdout, (tmp_path / "capacity.md").read_text()):
        assert "Within the thresholds: up to 5 users" in said
        assert "It broke at 50 users: offered rate was " in said


def test_another_host_is_refused(tmp_path: Path) -> None:
    done = loaded("--host", "http://example.org", "--reports", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.strip().endswith("not on http://example.org")
    assert list(tmp_path.iterdir()) == []


def test_an_api_without_a_model_is_refused(serve: Serve, tmp_path: Path) -> None:
    host = serve(health={"model_loaded": False})
    done = loaded("--host", host, "--reports", str(tmp_path))
    assert (done.returncode, done.stderr) == (1, f"the API at {host} serves no model yet: the first day makes one\n")

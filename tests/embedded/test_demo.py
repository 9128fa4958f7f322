"""`just demo` as a person runs it: a process of its own, in a folder of its own."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from readmit.core.model import CANDIDATES
from readmit.pipeline import STEPS

StrangeNumbers = Callable[[Mapping[str, Any], str], list[str]]
PROXY_THAT_IS_AWAY = {"http_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9", "no_proxy": ""}
ROOT = Path(__file__).parents[2]
FIGURES = {
    *("roc_auc", "pr_auc", "log_loss", "brier", "ece", "observed_expected", "sensitivity", "ppv", "flagged"),
    *("accuracy", "f1", "skill", "base_rate"),
}


def start(folder: Path, **own: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **own}
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
    said = ended(demo, 400)
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


def test_with_nothing_to_download_the_sample_is_announced_and_a_second_run_finds_nothing_new(
    tmp_path: Path, strange_numbers: StrangeNumbers
) -> None:
    own = {"READMIT_SOURCE_DOWNLOAD_URL": "", "READMIT_DATA": "", **PROXY_THAT_IS_AWAY}
    said, first = run(tmp_path, **own)
    assert "synthetic sample" in said
    assert re.search(r"2 batches: 2 of them to do, which takes (about|less than) ", said), (
        "it says how long it will take"
    )
    assert re.search(r"batch 1 of 2 · done; 15,000 of 30,000 encounters so far, .* left", said)
    assert (first["data"]["source"], first["data"]["rows"], first["new_days"]) == ("sample", 30_000, 2)
    check_report(first)
    check_page(tmp_path, first, strange_numbers)
    said, second = run(tmp_path, **own)
    assert "Nothing new" in said
    assert "READMIT_TARGET" not in said
    assert second["new_days"] == 0
    check_page(tmp_path, second, strange_numbers)
    for part in ("data", "rows", "candidates", "production", "days"):
        assert second[part] == first[part], part
    assert left_of(tmp_path) == []


def test_ctrl_c_stops_all_that_was_started_though_the_terminal_is_closed_meanwhile(
    tmp_path: Path, sample: Path
) -> None:
    demo = start(tmp_path, READMIT_DATA=str(sample))
    deadline = time.monotonic() + 60
    while "flow" not in {file.stem for file in tmp_path.glob("var/demo/*/processes/*.mark")}:
        assert demo.poll() is None, "the demo ended by itself"
        assert time.monotonic() < deadline, "the flow was not started"
        time.sleep(0.1)
    demo.send_signal(signal.SIGINT)
    time.sleep(0.5)
    demo.send_signal(signal.SIGHUP)
    said = ended(demo, 60)
    assert demo.returncode == 130
    assert "stopping" in said
    assert "all that was started is stopped" in said
    assert left_of(tmp_path) == []


def test_a_source_that_can_not_be_opened_ends_the_demo_with_its_reason(tmp_path: Path) -> None:
    stale = [tmp_path / "var/demo" / name for name in ("report.json", "results.html")]
    stale[0].parent.mkdir(parents=True)
    for file in stale:
        file.write_text("{}")
    demo = start(tmp_path, READMIT_DATA=str(tmp_path / "nowhere.csv"))
    said = ended(demo, 60)
    assert demo.returncode == 1
    assert "READMIT_DATA" in said
    assert "Traceback" not in said
    assert not any(file.exists() for file in stale), "a run that fails leaves no report of an earlier one"
    assert left_of(tmp_path) == []


@pytest.mark.skipif("READMIT_DATA" not in os.environ, reason="READMIT_DATA is unset: only the real file shows this")
def test_the_real_file_leads_to_a_model_that_reaches_the_bar(tmp_path: Path, strange_numbers: StrangeNumbers) -> None:
    said, report = run(tmp_path)
    check_report(report)
    check_page(tmp_path, report, strange_numbers)
    assert report["data"]["batches"] == 6
    assert report["production"]["test"]["roc_auc"] >= 0.675
    assert report["production"]["test"]["ece"] <= 0.015
    assert 0.95 <= report["production"]["test"]["observed_expected"] <= 1.05
    assert "Of 100 discharges it flags" in said

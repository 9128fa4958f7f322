import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from readmit.embedded.eta import Plan, in_words
from readmit.embedded.processes import Processes
from readmit.embedded.progress import ProgressView, why_it_failed
from readmit.io.database import ledger
from readmit.io.database.connection import connect
from readmit.io.database.schema import migrate
from readmit.io.source_client import SourceState
from readmit.stacks.terminal import console


def test_a_flow_that_gave_up_says_why_in_plain_words_and_where_its_log_is(tmp_path: Path) -> None:
    connect(f"sqlite:///{tmp_path / 'db'}")
    migrate()
    processes = Processes(tmp_path)
    processes.log("flow").write_text("Traceback (most recent call last):\n  File ...\nBatchRefused: too damaged\n")
    assert "Traceback" in why_it_failed(0, 1, processes), "the ledger knows nothing"
    for error in ("SourceAway: no answer", "BatchRefused: 12 % of batch 2 are quarantined: [age] of 1,800"):
        ledger.end_step(ledger.begin_step("run", "upload", 2), 2, 1.0, error)
    said = why_it_failed(0, 1, processes)
    assert "batch 2 · upload: 12 % of batch 2 are quarantined: [age] of 1,800" in said
    assert str(processes.log("flow")) in said
    assert "Traceback" not in said
    killed = ledger.begin_step("run", "train", 3)
    assert "ended with code -9" in why_it_failed(killed - 1, -9, processes)


def test_the_bar_says_batch_step_rows_and_the_time_that_is_left(tmp_path: Path) -> None:
    connect(f"sqlite:///{tmp_path / 'db'}")
    migrate()
    for batch in (1, 2):
        ledger.update_batch(batch, rows=15_000)
    ledger.end_step(ledger.begin_step("run", "signal", 1), 1, 2.0, {})
    ledger.begin_step("run", "train", 2)
    shown = io.StringIO()
    data, plan = SourceState("file", 45_000, 3, 3, False), Plan.of([1, 2, 3], 15_000)
    watch = ProgressView(Console(file=shown, force_terminal=True, width=140), 0, data, plan)
    assert watch.follow(lambda _: 0) == 0
    said = re.sub(r"\x1b\[[^a-zA-Z]*[a-zA-Z]", "", shown.getvalue())
    assert "batch 1 of 3 · done; 15,000 of 45,000 encounters so far, about " in said
    assert re.search(r"batch 2 of 3: train · 30,000 of 45,000 rows .* (about .*minutes?|less than a minute) left", said)


def test_training_anew_for_another_target_is_what_is_left_then(tmp_path: Path) -> None:
    connect(f"sqlite:///{tmp_path / 'db'}")
    migrate()
    ledger.update_batch(2, rows=15_000)
    ledger.end_step(ledger.begin_step("run", "check_source", None), 2, 0.1, {"batch": 2, "training_alone": True})
    shown = io.StringIO()
    data, plan = SourceState("file", 30_000, 2, 2, True), Plan.of([], 15_000)
    ProgressView(Console(file=shown, force_terminal=True, width=140), 0, data, plan).follow(lambda _: 0)
    assert in_words(Plan.of([2], 15_000, training_alone=True).left({})) + " left" in shown.getvalue()


def test_output_into_a_pipe_is_not_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    console().print("word " * 100)
    assert capsys.readouterr().out.count("\n") == 1

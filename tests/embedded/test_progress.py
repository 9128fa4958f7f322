import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from readmit.embedded.eta import Plan, format_duration
from readmit.embedded.processes import Processes
from readmit.embedded.progress import ProgressView, failure_message
from readmit.io.database import ledger
from readmit.io.database.connection import connect
from readmit.io.database.schema import migrate
from readmit.io.source_client import SourceState
from readmit.stacks.terminal import console


def test_the_message_of_a_failed_flow_has_its_error_and_the_path_of_its_log(tmp_path: Path) -> None:
    connect(f"sqlite:///{tmp_path / 'db'}")
    migrate()
    processes = Processes(tmp_path)
    processes.log_path("flow").write_text(
        "Traceback (most recent call last):\n  File ...\nBatchRejected: too damaged\n"
    )
    assert "Traceback" in failure_message(0, 1, processes), "the ledger has no attempt"
    for error in ("SourceUnavailable: no answer", "BatchRejected: 12 % of batch 2 are quarantined: [age] of 1,800"):
        ledger.finish_step(ledger.start_step("run", "upload", 2), 2, 1.0, error)
    message = failure_message(0, 1, processes)
    assert "batch 2 · upload: 12 % of batch 2 are quarantined: [age] of 1,800" in message
    assert str(processes.log_path("flow")) in message
    assert "Traceback" not in message
    killed = ledger.start_step("run", "train", 3)
    assert "exited with code -9" in failure_message(killed - 1, -9, processes)


def test_the_bar_shows_batch_step_rows_and_the_remaining_time(tmp_path: Path) -> None:
    connect(f"sqlite:///{tmp_path / 'db'}")
    migrate()
    for batch in (1, 2):
        ledger.update_batch(batch, rows=15_000)
    ledger.finish_step(ledger.start_step("run", "signal", 1), 1, 2.0, {})
    ledger.start_step("run", "train", 2)
    terminal = io.StringIO()
    data, plan = SourceState("file", 45_000, 3, 3, False), Plan.of([1, 2, 3], 15_000)
    view = ProgressView(Console(file=terminal, force_terminal=True, width=140), 0, data, plan)
    assert view.follow(lambda _: 0) == 0
    output = re.sub(r"\x1b\[[^a-zA-Z]*[a-zA-Z]", "", terminal.getvalue())
    assert "batch 1 of 3 · done; 15,000 of 45,000 encounters so far, about " in output
    assert re.search(
        r"batch 2 of 3: train · 30,000 of 45,000 rows .* (about .*minutes?|less than a minute) left", output
    )


def test_after_a_change_of_target_the_remaining_time_is_that_of_the_training(tmp_path: Path) -> None:
    connect(f"sqlite:///{tmp_path / 'db'}")
    migrate()
    ledger.update_batch(2, rows=15_000)
    ledger.finish_step(ledger.start_step("run", "check_source", None), 2, 0.1, {"batch": 2, "training_alone": True})
    terminal = io.StringIO()
    data, plan = SourceState("file", 30_000, 2, 2, True), Plan.of([], 15_000)
    ProgressView(Console(file=terminal, force_terminal=True, width=140), 0, data, plan).follow(lambda _: 0)
    assert (
        format_duration(Plan.of([2], 15_000, training_alone=True).remaining_seconds({})) + " left"
        in terminal.getvalue()
    )


def test_output_into_a_pipe_is_not_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    console().print("word " * 100)
    assert capsys.readouterr().out.count("\n") == 1

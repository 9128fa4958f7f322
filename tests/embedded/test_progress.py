from pathlib import Path

import pytest

from readmit.embedded.processes import Processes
from readmit.embedded.progress import why_it_failed
from readmit.embedded.terminal import console
from readmit.io.database import ledger
from readmit.io.database.connection import connect
from readmit.io.database.tables import migrate


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


def test_output_into_a_pipe_is_not_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    console().print("word " * 100)
    assert capsys.readouterr().out.count("\n") == 1

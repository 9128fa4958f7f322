"""The command line: retries, output and exit codes."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from readmit import cli, rollback
from readmit.core.errors import MissingBatches, ReloadUnconfirmed, RollbackRejected, SourceUnavailable
from readmit.core.version import Version
from readmit.io.database import ledger
from readmit.io.database.connection import connect
from readmit.io.database.schema import migrate
from readmit.pipeline import BY_NAME, STEPS, Facts, RunRequest, Step
from tests.step_facts import ADMISSION, facts_of

FETCH = BY_NAME["fetch"]


class Attempts:
    """A fake `attempt`: each step returns facts, `failing` raises `error` the first `times` times."""

    def __init__(self, failing: str = "", error: Exception | None = None, times: int = 0) -> None:
        self.steps: list[str] = []
        self._failing, self._error, self._times = failing, error, times

    def __call__(self, step: Step, _: RunRequest) -> Facts:
        self.steps.append(step.name)
        if step.name == self._failing and self._error and self.steps.count(step.name) <= self._times:
            raise self._error
        return facts_of(step.name) | ({"batch": 1} if step.name == "check_source" else {})


@pytest.fixture(autouse=True)
def isolated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("READMIT_RETRY_DELAY_SECONDS", "0")
    monkeypatch.setattr("readmit.step_attempt.release_lease", lambda _: None)
    monkeypatch.chdir(tmp_path)


def run_day(monkeypatch: pytest.MonkeyPatch, attempts: Attempts) -> int:
    monkeypatch.setattr(cli, "attempt", attempts)
    return cli.main(["day"])


@pytest.mark.parametrize("error", [SourceUnavailable("no answer"), ConnectionError("a library's own error")])
def test_a_failed_step_is_retried_as_often_as_the_table_says(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = Attempts("fetch", error, times=FETCH.retries)
    assert run_day(monkeypatch, attempts) == 0
    assert attempts.steps == ["check_source", *["fetch"] * (1 + FETCH.retries), *(step.name for step in STEPS[2:])]


@pytest.mark.parametrize(
    "command",
    [["day", "--batch", "1"], ["step", "clean", "--batch", "1"], ["release", "--batch", "1"], ["backfill", "1"]],
    ids=lambda command: command[0],
)
def test_a_batch_that_was_asked_for_while_the_source_is_stopped_is_an_error_that_says_so(
    command: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("READMIT_DATABASE_URL", f"sqlite:///{tmp_path / 'db'}")
    connect(f"sqlite:///{tmp_path / 'db'}")
    migrate()
    ledger.update_batch(1, rows=1)
    stopped = ADMISSION | {"go_on": False, "batch": 1, "not_today": "i-1 is stopped"}
    monkeypatch.setattr(cli, "attempt", lambda *_: stopped)
    monkeypatch.setattr(cli, "released", lambda: 1)
    assert cli.main(command) == 1
    assert "readmit: batch 1 was not run, because the source is stopped: i-1 is stopped" in capsys.readouterr().err


def test_a_step_that_always_fails_ends_the_day_with_its_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    attempts = Attempts("fetch", SourceUnavailable("no answer"), times=99)
    assert run_day(monkeypatch, attempts) == 1
    assert attempts.steps.count("fetch") == 1 + FETCH.retries
    assert "readmit: no answer" in capsys.readouterr().err


def test_a_final_error_is_not_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = Attempts("fetch", MissingBatches("batch 1 is missing"), times=99)
    assert run_day(monkeypatch, attempts) == 1
    assert attempts.steps == ["check_source", "fetch"]


@pytest.mark.parametrize("batch", ["0", "-3", "two"])
def test_an_invalid_batch_number_is_wrong_usage(batch: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exited:
        cli.main(["day", f"--batch={batch}"])
    assert exited.value.code == 2
    assert "is not a batch number: batches are numbered from 1" in capsys.readouterr().err


def test_a_step_other_than_the_first_needs_a_batch(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["step", "clean"]) == 1
    assert "step clean needs a batch number" in capsys.readouterr().err


def test_a_command_that_does_not_train_imports_no_model_library() -> None:
    code = "import sys, readmit.cli; print(*{'sklearn', 'mlflow', 'lightgbm', 'prefect'} & set(sys.modules))"
    imported = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert imported.split() == []


@pytest.mark.usefixtures("one_batch_done")
@pytest.mark.parametrize(("arguments", "batches"), [(["2", "4"], [2, 3, 4]), (["5"], [5, 6]), ([], [1, 2, 3, 4, 5, 6])])
def test_a_backfill_runs_a_whole_day_for_each_batch_in_order(
    arguments: list[str], batches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    days: list[RunRequest] = []
    monkeypatch.setattr(cli, "run_day", days.append)
    monkeypatch.setattr(cli, "released", lambda: 6)
    assert cli.main(["backfill", *arguments]) == 0
    assert [(request.batch, request.train, request.ingest) for request in days] == [
        (batch, True, True) for batch in batches
    ]


@pytest.mark.usefixtures("one_batch_done")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["4", "2"], "there are no batches from 4 to 2"), (["2", "9"], "there is no batch 9 yet")],
)
def test_a_backfill_of_missing_batches_is_rejected_before_it_begins(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "released", lambda: 6)
    assert cli.main(["backfill", *arguments]) == 1
    assert message in capsys.readouterr().err


def test_training_alone_is_a_command_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    days: list[RunRequest] = []
    monkeypatch.setattr(cli, "run_day", days.append)
    assert cli.main(["train", "--batch", "3"]) == 0
    assert [(request.batch, request.ingest) for request in days] == [(3, False)]


def test_an_unexpected_error_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConnectionError):
        run_day(monkeypatch, Attempts("fetch", ConnectionError("a bug"), times=99))


@pytest.fixture
def one_batch_done(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path / 'db'}"
    monkeypatch.setenv("READMIT_DATABASE_URL", address)
    connect(address)
    migrate()
    ledger.update_batch(1, rows=10, clean=7, quarantined=2, excluded=1)
    ledger.mark_done(1)


@pytest.mark.usefixtures("one_batch_done")
def test_a_released_batch_is_reopened_before_its_first_step(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    attempts, done = Attempts(), {}

    def record_done(step: Step, request: RunRequest) -> Facts:
        done[step.name] = ledger.done_batches()
        return attempts(step, request)

    monkeypatch.setattr(cli, "attempt", record_done)
    assert cli.main(["release", "--batch", "1"]) == 0
    assert attempts.steps == [step.name for step in STEPS]
    assert (done["check_source"], done["fetch"]) == ({1}, set())
    assert "Batch 1 before: 10 encounters = 7 clean + 2 quarantined + 1 excluded" in capsys.readouterr().out


@pytest.mark.usefixtures("one_batch_done")
def test_a_release_after_another_run_did_the_batch_fails_and_leaves_it_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "attempt", lambda *_: ADMISSION | {"go_on": False, "batch": 1})
    assert cli.main(["release", "--batch", "1"]) == 1
    assert "batch 1 was completed by another run in the meantime" in capsys.readouterr().err
    assert ledger.done_batches() == {1}


VERSION = Version("4", "lightgbm", "any", 0.5, 1, "snapshot", "code", "run")
Calls = list[tuple[object, ...]]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Record the calls of registry and APIs: a rollback from version 5 to 4, which two APIs confirm."""
    calls: Calls = []

    class FakeRegistry:
        def __init__(self, _: str) -> None: ...

        def roll_back(self, to: str | None, by: str, why: str, at: datetime) -> tuple[Version, Version]:
            assert abs((datetime.now(UTC) - at).total_seconds()) < 60
            calls.append((to, by, why))
            if to == "9":
                raise RollbackRejected("there is no version '9'")
            return replace(VERSION, number="5"), VERSION

    def reload_all(urls: Sequence[str], token: str, version: str) -> int:
        calls.append((*urls, token, version))
        return len(urls)

    monkeypatch.setattr(rollback, "RestRegistry", FakeRegistry)
    monkeypatch.setattr(rollback.api_reload, "reload_all", reload_all)
    monkeypatch.setattr("getpass.getuser", lambda: "ana")
    monkeypatch.setenv("READMIT_API_URLS", "http://one:8000,http://two:8000")
    monkeypatch.setenv("READMIT_RELOAD_TOKEN", "token")
    return calls


def test_a_rollback_moves_the_alias_reloads_every_api_and_prints_what_serves_now(
    calls: Calls, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["rollback", "--why", "flags everybody"]) == 0
    assert calls == [(None, "ana", "flags everybody"), ("http://one:8000", "http://two:8000", "token", "4")]
    output = capsys.readouterr().out
    assert "Version 4 is in production, replacing version 5; recorded on both: ana: flags everybody" in output
    assert "Every API serves it now; confirmations: 2" in output


def test_a_rollback_can_name_the_version_and_the_person(calls: Calls) -> None:
    assert cli.main(["rollback", "--version", "3", "--why", "why", "--by", "ben"]) == 0
    assert calls[0] == ("3", "ben", "why")


def test_an_api_that_does_not_confirm_a_rollback_is_reported_with_the_moved_alias(
    calls: Calls, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> int:
        raise ReloadUnconfirmed("http://two:8000: no answer")

    monkeypatch.setattr(rollback.api_reload, "reload_all", fail)
    assert cli.main(["rollback", "--why", "why"]) == 1
    assert len(calls) == 1
    assert (
        "readmit: version 4 is in production, replacing version 5, but not every API confirms that it serves it: "
        "http://two:8000: no answer" in capsys.readouterr().err
    )


@pytest.mark.usefixtures("calls")
@pytest.mark.parametrize("confirmed", [True, False])
def test_a_rollback_is_logged_with_both_versions_and_whether_it_is_served_and_without_its_reason(
    confirmed: bool, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> int:
        raise ReloadUnconfirmed("no answer")

    if not confirmed:
        monkeypatch.setattr(rollback.api_reload, "reload_all", fail)
    cli.main(["rollback", "--why", "patient 918273645 was flagged"])
    (line,) = (json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{"))
    assert (line["logger"], line["replaced"], line["version"], line["by"]) == ("readmit.rollbacks", "5", "4", "ana")
    assert line["outcome"] == ("served" if confirmed else "unconfirmed")
    assert line["seconds"] >= 0
    assert "918273645" not in json.dumps(line)


@pytest.mark.parametrize(("version", "reason"), [("9", "there is no version '9'"), ("4", "READMIT_RELOAD_TOKEN")])
def test_a_rejected_rollback_reloads_no_api(
    version: str, reason: str, calls: Calls, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if version == "4":
        monkeypatch.delenv("READMIT_RELOAD_TOKEN")
    assert cli.main(["rollback", "--version", version, "--why", "why"]) == 1
    assert reason in capsys.readouterr().err
    assert not any("token" in call for call in calls)


def test_a_rollback_needs_a_reason(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["rollback"])
    assert "--why" in capsys.readouterr().err


@pytest.mark.usefixtures("one_batch_done")
def test_a_closed_pipe_causes_no_traceback() -> None:
    command = [sys.executable, "-m", "readmit.cli", "quarantine"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as listing:
        assert listing.stdout
        assert listing.stderr
        listing.stdout.close()
        assert listing.stderr.read() == b""
    assert listing.returncode == 0

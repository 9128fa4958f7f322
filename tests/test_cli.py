"""The command line: what is tried again, what is said, and how it exits."""

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
from tests.step_facts import DOOR, facts_of

FETCH = BY_NAME["fetch"]


class Attempts:
    """Stands for `attempt`: each step says a fact, `failing` raises `error` the first `times` times."""

    def __init__(self, failing: str = "", error: Exception | None = None, times: int = 0) -> None:
        self.made: list[str] = []
        self._failing, self._error, self._times = failing, error, times

    def __call__(self, step: Step, _: RunRequest) -> Facts:
        self.made.append(step.name)
        if step.name == self._failing and self._error and self.made.count(step.name) <= self._times:
            raise self._error
        return facts_of(step.name) | ({"batch": 1} if step.name == "check_source" else {})


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("READMIT_RETRY_DELAY_SECONDS", "0")
    monkeypatch.setattr("readmit.attempt.release_lease", lambda _: None)
    monkeypatch.chdir(tmp_path)


def day(monkeypatch: pytest.MonkeyPatch, attempts: Attempts) -> int:
    monkeypatch.setattr(cli, "attempt", attempts)
    return cli.main(["day"])


@pytest.mark.parametrize("error", [SourceUnavailable("no answer"), ConnectionError("a bug of somebody else's")])
def test_a_step_that_fails_is_tried_again_as_often_as_the_table_says(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = Attempts("fetch", error, times=FETCH.retries)
    assert day(monkeypatch, attempts) == 0
    assert attempts.made == ["check_source", *["fetch"] * (1 + FETCH.retries), *(step.name for step in STEPS[2:])]


def test_a_step_that_never_works_ends_the_day_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    attempts = Attempts("fetch", SourceUnavailable("no answer"), times=99)
    assert day(monkeypatch, attempts) == 1
    assert attempts.made.count("fetch") == 1 + FETCH.retries
    assert "readmit: no answer" in capsys.readouterr().err


def test_what_gives_the_same_result_again_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = Attempts("fetch", MissingBatches("batch 1 is missing"), times=99)
    assert day(monkeypatch, attempts) == 1
    assert attempts.made == ["check_source", "fetch"]


@pytest.mark.parametrize("batch", ["0", "-3", "two"])
def test_what_is_no_number_of_a_batch_is_wrong_usage(batch: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["day", f"--batch={batch}"])
    assert ended.value.code == 2
    assert "is no number of a batch: they count from 1" in capsys.readouterr().err


def test_a_step_other_than_the_first_needs_a_batch(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["step", "clean"]) == 1
    assert "step clean needs the number of a batch" in capsys.readouterr().err


def test_a_command_that_trains_nothing_loads_no_library_of_models() -> None:
    code = "import sys, readmit.cli; print(*{'sklearn', 'mlflow', 'lightgbm', 'prefect'} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert loaded.split() == []


@pytest.mark.parametrize(("asked", "taken"), [(["2", "4"], [2, 3, 4]), (["5"], [5, 6]), ([], [1, 2, 3, 4, 5, 6])])
def test_a_backfill_takes_each_batch_in_order_as_a_whole_day(
    asked: list[str], taken: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    days: list[RunRequest] = []
    monkeypatch.setattr(cli, "run_day", days.append)
    monkeypatch.setattr(cli, "released", lambda: 6)
    assert cli.main(["backfill", *asked]) == 0
    assert [(ticket.batch, ticket.train, ticket.ingest) for ticket in days] == [(each, True, True) for each in taken]


@pytest.mark.parametrize(
    ("asked", "word"), [(["4", "2"], "there is no batch from 4 to 2"), (["2", "9"], "there is no batch 9 yet")]
)
def test_a_backfill_of_what_is_not_there_is_refused_before_it_begins(
    asked: list[str], word: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "released", lambda: 6)
    assert cli.main(["backfill", *asked]) == 1
    assert word in capsys.readouterr().err


def test_training_alone_is_asked_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    days: list[RunRequest] = []
    monkeypatch.setattr(cli, "run_day", days.append)
    assert cli.main(["train", "--batch", "3"]) == 0
    assert [(ticket.batch, ticket.ingest) for ticket in days] == [(3, False)]


def test_an_error_that_nobody_foresaw_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConnectionError):
        day(monkeypatch, Attempts("fetch", ConnectionError("a bug"), times=99))


@pytest.fixture
def one_batch_done(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path / 'db'}"
    monkeypatch.setenv("READMIT_DATABASE_URL", address)
    connect(address)
    migrate()
    ledger.update_batch(1, rows=10, clean=7, quarantined=2, excluded=1)
    ledger.mark_done(1)


@pytest.mark.usefixtures("one_batch_done")
def test_a_batch_that_is_released_is_open_from_before_its_first_step(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    attempts, done = Attempts(), {}

    def watched(step: Step, ticket: RunRequest) -> Facts:
        done[step.name] = ledger.done_batches()
        return attempts(step, ticket)

    monkeypatch.setattr(cli, "attempt", watched)
    assert cli.main(["release", "--batch", "1"]) == 0
    assert attempts.made == [step.name for step in STEPS]
    assert (done["check_source"], done["fetch"]) == ({1}, set())
    assert "Batch 1 before: 10 encounters = 7 clean + 2 quarantined + 1 excluded" in capsys.readouterr().out


@pytest.mark.usefixtures("one_batch_done")
def test_a_release_that_comes_after_another_run_of_the_batch_says_so_and_leaves_it_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "attempt", lambda *_: DOOR | {"go_on": False, "batch": 1})
    assert cli.main(["release", "--batch", "1"]) == 1
    assert "batch 1 was done by another run meanwhile" in capsys.readouterr().err
    assert ledger.done_batches() == {1}


VERSION = Version("4", "lightgbm", "any", 0.5, 1, "snapshot", "code", "run")
Told = list[tuple[object, ...]]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """What the registry and the APIs were told: it goes back from version 5 to 4, and two APIs confirm it."""
    found: Told = []

    class Shelf:
        def __init__(self, _: str) -> None: ...

        def roll_back(self, to: str | None, by: str, why: str, at: datetime) -> tuple[Version, Version]:
            assert abs((datetime.now(UTC) - at).total_seconds()) < 60
            found.append((to, by, why))
            if to == "9":
                raise RollbackRejected("there is no version '9'")
            return replace(VERSION, number="5"), VERSION

    def reload_everywhere(urls: Sequence[str], token: str, version: str) -> int:
        found.append((*urls, token, version))
        return len(urls)

    monkeypatch.setattr(rollback, "RestRegistry", Shelf)
    monkeypatch.setattr(rollback.serving, "reload_everywhere", reload_everywhere)
    monkeypatch.setattr("getpass.getuser", lambda: "ana")
    monkeypatch.setenv("READMIT_API_URLS", "http://one:8000,http://two:8000")
    monkeypatch.setenv("READMIT_RELOAD_TOKEN", "token")
    return found


def test_a_rollback_moves_the_alias_tells_every_api_and_says_what_serves_now(
    told: Told, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["rollback", "--why", "flags everybody"]) == 0
    assert told == [(None, "ana", "flags everybody"), ("http://one:8000", "http://two:8000", "token", "4")]
    said = capsys.readouterr().out
    assert "Version 4 is in production, in the place of version 5; noted on both: ana: flags everybody" in said
    assert "Every API serves it now; so many confirmed it: 2" in said


def test_a_rollback_can_name_the_version_and_the_person(told: Told) -> None:
    assert cli.main(["rollback", "--version", "3", "--why", "why", "--by", "ben"]) == 0
    assert told[0] == ("3", "ben", "why")


def test_an_api_that_does_not_confirm_a_rollback_is_told_though_the_alias_is_moved(
    told: Told, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def away(*_: object) -> int:
        raise ReloadUnconfirmed("http://two:8000: no answer")

    monkeypatch.setattr(rollback.serving, "reload_everywhere", away)
    assert cli.main(["rollback", "--why", "why"]) == 1
    assert len(told) == 1
    assert (
        "readmit: version 4 is in production, in the place of version 5, but not every API confirms that it serves it: "
        "http://two:8000: no answer" in capsys.readouterr().err
    )


@pytest.mark.parametrize(("asked", "reason"), [("9", "there is no version '9'"), ("4", "READMIT_RELOAD_TOKEN")])
def test_a_rollback_that_can_not_be_done_tells_no_api(
    asked: str, reason: str, told: Told, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if asked == "4":
        monkeypatch.delenv("READMIT_RELOAD_TOKEN")
    assert cli.main(["rollback", "--version", asked, "--why", "why"]) == 1
    assert reason in capsys.readouterr().err
    assert not any("token" in each for each in told)


def test_a_rollback_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["rollback"])
    assert "--why" in capsys.readouterr().err


@pytest.mark.usefixtures("one_batch_done")
def test_who_reads_only_the_beginning_of_a_listing_gets_no_traceback() -> None:
    command = [sys.executable, "-m", "readmit.cli", "quarantine"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as listing:
        assert listing.stdout
        assert listing.stderr
        listing.stdout.close()
        assert listing.stderr.read() == b""
    assert listing.returncode == 0

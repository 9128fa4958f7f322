"""`readmit day` and `readmit step`: what is tried again, what is said, and how it exits."""

from pathlib import Path

import pytest

from readmit import cli
from readmit.core.refusal import GapInBatches, SourceAway
from readmit.pipeline import BY_NAME, STEPS, Facts, Step, Ticket

FETCH = BY_NAME["fetch"]


class Attempts:
    """Stands for `attempt`: each step says a fact, `failing` raises `error` the first `times` times."""

    def __init__(self, failing: str = "", error: Exception | None = None, times: int = 0) -> None:
        self.made: list[str] = []
        self._failing, self._error, self._times = failing, error, times

    def __call__(self, step: Step, _: Ticket) -> Facts:
        self.made.append(step.name)
        if step.name == self._failing and self._error and self.made.count(step.name) <= self._times:
            raise self._error
        return {"go_on": True, "batch": 1} if step.name == "check_source" else {"rows": 3}


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("READMIT_RETRY_DELAY_SECONDS", "0")
    monkeypatch.setattr("readmit.attempt.let_go", lambda _: None)
    monkeypatch.chdir(tmp_path)


def day(monkeypatch: pytest.MonkeyPatch, attempts: Attempts) -> int:
    monkeypatch.setattr(cli, "attempt", attempts)
    return cli.main(["day"])


@pytest.mark.parametrize("error", [SourceAway("no answer"), ConnectionError("a bug of somebody else's")])
def test_a_step_that_fails_is_tried_again_as_often_as_the_table_says(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = Attempts("fetch", error, times=FETCH.retries)
    assert day(monkeypatch, attempts) == 0
    assert attempts.made == ["check_source", *["fetch"] * (1 + FETCH.retries), *(step.name for step in STEPS[2:])]


def test_a_step_that_never_works_ends_the_day_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    attempts = Attempts("fetch", SourceAway("no answer"), times=99)
    assert day(monkeypatch, attempts) == 1
    assert attempts.made.count("fetch") == 1 + FETCH.retries
    assert "readmit: no answer" in capsys.readouterr().err


def test_what_gives_the_same_result_again_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = Attempts("fetch", GapInBatches("batch 1 is missing"), times=99)
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
    assert "step clean needs --batch" in capsys.readouterr().err


def test_an_error_that_nobody_foresaw_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConnectionError):
        day(monkeypatch, Attempts("fetch", ConnectionError("a bug"), times=99))

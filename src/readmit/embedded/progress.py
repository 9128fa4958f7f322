"""What the days are doing, as they do it: read from the ledger, shown as a bar and a few lines per day."""

import math
import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from readmit.core import errors
from readmit.embedded.eta import Plan, Task, in_words
from readmit.embedded.processes import Processes
from readmit.io.database import ledger
from readmit.io.database.tables import StepRun
from readmit.io.source_client import SourceState
from readmit.pipeline import STEPS
from readmit.settings import SettingError

LOOK_AGAIN_SECONDS = 0.3


class ProgressView:
    """Follows the attempts above number `after` at what a plan has, and shows them."""

    def __init__(self, console: Console, after: int, data: SourceState, plan: Plan) -> None:
        self._console, self._after, self._data, self._plan = console, after, data, plan
        self._told: set[int] = set()
        self._done: dict[Task, float] = {}
        self._since = time.monotonic()

    def follow(self, ended: Callable[[float], int | None]) -> int:
        """Until `ended` gives an exit code, which is returned; `ended(seconds)` waits that long at most."""
        columns = (TextColumn("{task.description}"), BarColumn(20), TextColumn("{task.fields[left]}"))
        with Progress(*columns, TimeElapsedColumn(), console=self._console, transient=True) as progress:
            bar = progress.add_task("starting the flow", left="")
            while True:
                code = ended(LOOK_AGAIN_SECONDS)
                runs = ledger.step_runs(self._after)
                for run in runs:
                    self._note(run)
                if runs:
                    self._show(runs[-1], progress, bar)
                if code is not None:
                    return code

    def _note(self, run: StepRun) -> None:
        """Takes in an attempt that has ended, once."""
        if run.state == "running" or run.number in self._told:
            return
        self._told.add(run.number)
        self._since = time.monotonic()
        if run.state == "done" and run.batch is not None:
            if ledger.facts_of(run).get("training_alone"):
                self._plan = Plan.of([run.batch], self._plan.rows, training_alone=True)
            self._done[run.batch, run.step] = run.seconds or 0.0
        _tell(run, self._console)
        if run.state == "done" and run.step == STEPS[-1].name:
            self._console.print(f"{_where(run)} of {self._data.batches} · done; {self._ahead(run)}")

    def _show(self, run: StepRun, progress: Progress, bar: TaskID) -> None:
        left, spent = self._left(), sum(self._done.values()) + time.monotonic() - self._since
        where = self._where_it_is(run)
        progress.update(bar, description=where, completed=spent, total=spent + left, left=f"{in_words(left)} left")

    def _left(self) -> float:
        return self._plan.left(self._done, time.monotonic() - self._since)

    def _ahead(self, run: StepRun) -> str:
        rows = f"{_rows_until(run.batch or 0):,} of {self._data.rows:,} encounters so far"
        return f"{rows}, {in_words(left)} left" if (left := self._left()) > 0 else rows

    def _where_it_is(self, run: StepRun) -> str:
        if run.batch is None:
            return f"{_where(run)}: {run.step}"
        rows = f"{_rows_until(run.batch):,} of {self._data.rows:,} rows"
        return f"{_where(run)} of {self._data.batches}: {run.step} · {rows}"


def why_it_failed(after: int, code: int, processes: Processes) -> str:
    """Why the flow gave up, as the ledger notes it of the last attempt; if it knows nothing, as the log ends."""
    runs = ledger.step_runs(after)
    if runs and runs[-1].state == "failed":
        last = runs[-1]
        return f"The flow gave up. {_where(last)} · {last.step}: {_error_of(last)}\nIts log: {processes.log('flow')}"
    return f"the flow ended with code {code}\n{processes.tail('flow')}"


def _error_of(run: StepRun) -> str:
    """What was wrong. Our own errors speak for themselves; of others the kind is needed, too."""
    kind, _, text = str(run.error).partition(": ")
    ours = hasattr(errors, kind) or kind == SettingError.__name__
    return text if ours and text else str(run.error)


def _where(run: StepRun) -> str:
    return "the door" if run.batch is None else f"batch {run.batch}"


def _rows_until(batch: int) -> int:
    """Encounters of batches 1 to n that have come."""
    return sum(row.rows or 0 for row in ledger.batch_rows() if row.batch <= batch)


def _tell(run: StepRun, console: Console) -> None:
    """One line for what a reader wants to keep: rows, candidates, verdict, and every failure."""
    where, facts = _where(run), ledger.facts_of(run)
    said = {
        "clean": "{raw:,} encounters: {clean:,} clean, {quarantined:,} quarantined, {excluded:,} excluded",
        "upload": "so far {train:,} to learn from, {validation:,} to choose by, {test:,} to judge by",
        "promote": "version {version}: {reason}",
    }
    if run.state == "failed":
        console.print(f"{where} · {run.step} failed: {_error_of(run)}", style="red", markup=False)
    elif run.step == "train":
        aucs = {name.removesuffix(".roc_auc"): auc for name, auc in facts.items() if name.endswith(".roc_auc")}
        told = ", ".join(f"{name} {math.nan if auc is None else auc:.3f}" for name, auc in aucs.items())
        console.print(f"{where} · trained in {run.seconds or 0:.0f} s, ROC-AUC on validation: {told}")
    elif run.step in said:
        console.print(f"{where} · {said[run.step].format(**facts)}", markup=False)

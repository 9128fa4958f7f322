"""Progress of the days, read from the ledger and shown as a bar and a few lines per day."""

import math
import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from readmit.core import errors
from readmit.embedded.eta import Plan, Task, format_duration
from readmit.embedded.processes import Processes
from readmit.io.database import ledger
from readmit.io.database.tables import StepRun
from readmit.io.source_client import SourceState
from readmit.pipeline import STEPS
from readmit.settings import SettingError

POLL_SECONDS = 0.3


class ProgressView:
    """A progress display of a plan's tasks, from the ledger's attempts above number `after`."""

    def __init__(self, console: Console, after: int, data: SourceState, plan: Plan) -> None:
        self._console, self._after, self._data, self._plan = console, after, data, plan
        self._recorded: set[int] = set()
        self._done: dict[Task, float] = {}
        self._since = time.monotonic()

    def follow(self, ended: Callable[[float], int | None]) -> int:
        """Show progress until `ended` returns an exit code, and return it. `ended(seconds)` waits that long at most."""
        columns = (TextColumn("{task.description}"), BarColumn(20), TextColumn("{task.fields[left]}"))
        with Progress(*columns, TimeElapsedColumn(), console=self._console, transient=True) as progress:
            bar = progress.add_task("starting the flow", left="")
            while True:
                code = ended(POLL_SECONDS)
                runs = ledger.list_step_runs(self._after)
                for run in runs:
                    self._record(run)
                if runs:
                    self._show(runs[-1], progress, bar)
                if code is not None:
                    return code

    def _record(self, run: StepRun) -> None:
        """Record an attempt that has ended, once."""
        if run.state == "running" or run.number in self._recorded:
            return
        self._recorded.add(run.number)
        self._since = time.monotonic()
        if run.state == "done" and run.batch is not None:
            if ledger.parse_facts(run).get("training_alone"):
                self._plan = Plan.of([run.batch], self._plan.rows, training_alone=True)
            self._done[run.batch, run.step] = run.seconds or 0.0
        _print_attempt(run, self._console)
        if run.state == "done" and run.step == STEPS[-1].name:
            self._console.print(f"{_batch_label(run)} of {self._data.batches} · done; {self._remaining_text(run)}")

    def _show(self, run: StepRun, progress: Progress, bar: TaskID) -> None:
        remaining, spent = self._remaining_seconds(), sum(self._done.values()) + time.monotonic() - self._since
        position = self._position_text(run)
        progress.update(
            bar,
            description=position,
            completed=spent,
            total=spent + remaining,
            left=f"{format_duration(remaining)} left",
        )

    def _remaining_seconds(self) -> float:
        return self._plan.remaining_seconds(self._done, time.monotonic() - self._since)

    def _remaining_text(self, run: StepRun) -> str:
        rows = f"{_rows_until(run.batch or 0):,} of {self._data.rows:,} encounters so far"
        remaining = self._remaining_seconds()
        return f"{rows}, {format_duration(remaining)} left" if remaining > 0 else rows

    def _position_text(self, run: StepRun) -> str:
        if run.batch is None:
            return f"{_batch_label(run)}: {run.step}"
        rows = f"{_rows_until(run.batch):,} of {self._data.rows:,} rows"
        return f"{_batch_label(run)} of {self._data.batches}: {run.step} · {rows}"


def failure_message(after: int, code: int, processes: Processes) -> str:
    """Return why the flow failed: the error of the last attempt in the ledger, else the end of the flow's log."""
    runs = ledger.list_step_runs(after)
    if runs and runs[-1].state == "failed":
        last = runs[-1]
        error = f"{_batch_label(last)} · {last.step}: {_error_text(last)}"
        return f"The flow failed. {error}\nLog of the flow: {processes.log_path('flow')}"
    return f"the flow exited with code {code}\n{processes.log_tail('flow')}"


def _error_text(run: StepRun) -> str:
    """Return an attempt's error. Our own errors explain themselves; for other errors the type is needed, too."""
    kind, _, text = str(run.error).partition(": ")
    is_own_error = hasattr(errors, kind) or kind == SettingError.__name__
    return text if is_own_error and text else str(run.error)


def _batch_label(run: StepRun) -> str:
    return "source check" if run.batch is None else f"batch {run.batch}"


def _rows_until(batch: int) -> int:
    """Return the encounters received in the batches up to one."""
    return sum(row.rows or 0 for row in ledger.list_batches() if row.batch <= batch)


def _print_attempt(run: StepRun, console: Console) -> None:
    """Print a line for what a reader wants to keep: rows, candidates, verdict, and every failure."""
    label, facts = _batch_label(run), ledger.parse_facts(run)
    templates = {
        "clean": "{raw:,} encounters: {clean:,} clean, {quarantined:,} quarantined, {excluded:,} excluded",
        "upload": "encounters so far: {train:,} train, {validation:,} validation, {test:,} test",
        "promote": "version {version}: {reason}",
    }
    if run.state == "failed":
        console.print(f"{label} · {run.step} failed: {_error_text(run)}", style="red", markup=False)
    elif run.step == "train":
        aucs = {name.removesuffix(".roc_auc"): auc for name, auc in facts.items() if name.endswith(".roc_auc")}
        figures = ", ".join(f"{name} {math.nan if auc is None else auc:.3f}" for name, auc in aucs.items())
        console.print(f"{label} · trained in {run.seconds or 0:.0f} s, ROC-AUC on validation: {figures}")
    elif run.step in templates:
        console.print(f"{label} · {templates[run.step].format(**facts)}", markup=False)

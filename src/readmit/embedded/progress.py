"""What the days are doing, as they do it: read from the ledger, shown as a bar and a line per day."""

import math
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from readmit.core import refusal
from readmit.embedded.processes import Processes
from readmit.io.database import ledger
from readmit.io.database.tables import StepRun
from readmit.pipeline import STEPS
from readmit.settings import SettingError

LOOK_AGAIN_SECONDS = 0.3


def follow(console: Console, after: int, batches: int, ended: Callable[[float], int | None]) -> int:
    """Shows the attempts above number `after` until `ended` gives an exit code, and returns that.

    `batches`: how many the source has released; `ended(seconds)` waits that long at most.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("starting the flow", total=batches * len(STEPS))
        told: set[int] = set()
        while True:
            code = ended(LOOK_AGAIN_SECONDS)
            for run in ledger.step_runs(after):
                _show(run, progress, bar, batches)
                if run.state != "running" and run.number not in told:
                    told.add(run.number)
                    _tell(run, console)
            if code is not None:
                return code


def why_it_failed(after: int, code: int, processes: Processes) -> str:
    """Why the flow gave up, as the ledger notes it of the last attempt; if it knows nothing, as the log ends."""
    runs = ledger.step_runs(after)
    if runs and runs[-1].state == "failed":
        last = runs[-1]
        return f"The flow gave up. {_where(last)} · {last.step}: {_in_words(last)}\nIts log: {processes.log('flow')}"
    return f"the flow ended with code {code}\n{processes.tail('flow')}"


def _in_words(run: StepRun) -> str:
    """What was wrong. Our own errors speak for themselves; of others the kind is needed, too."""
    kind, _, text = str(run.error).partition(": ")
    ours = hasattr(refusal, kind) or kind == SettingError.__name__
    return text if ours and text else str(run.error)


def _where(run: StepRun) -> str:
    return "the door" if run.batch is None else f"batch {run.batch}"


def _show(run: StepRun, progress: Progress, bar: TaskID, batches: int) -> None:
    names = [step.name for step in STEPS]
    where = _where(run) if run.batch is None else f"{_where(run)} of {batches}"
    done = 0 if run.batch is None else (run.batch - 1) * len(names) + names.index(run.step)
    progress.update(bar, description=f"{where}: {run.step}", completed=done + (run.state == "done"))


def _tell(run: StepRun, console: Console) -> None:
    """One line for what a reader wants to keep: rows, candidates, verdict, and every failure."""
    where, facts = _where(run), ledger.facts_of(run)
    said = {
        "clean": "{raw:,} encounters: {clean:,} clean, {quarantined:,} quarantined, {excluded:,} excluded",
        "upload": "so far {train:,} to learn from, {validation:,} to choose by, {test:,} to judge by",
        "promote": "version {version}: {reason}",
    }
    if run.state == "failed":
        console.print(f"{where} · {run.step} failed: {_in_words(run)}", style="red", markup=False)
    elif run.step == "train":
        aucs = {name.removesuffix(".roc_auc"): auc for name, auc in facts.items() if name.endswith(".roc_auc")}
        told = ", ".join(f"{name} {math.nan if auc is None else auc:.3f}" for name, auc in aucs.items())
        console.print(f"{where} · trained in {run.seconds or 0:.0f} s, ROC-AUC on validation: {told}")
    elif run.step in said:
        console.print(f"{where} · {said[run.step].format(**facts)}", markup=False)

"""The day: eleven steps that take one batch from the data API to a served model.

The table STEPS defines the day. Prefect (flows/daily.py), Airflow (flows/dags/daily.py) and `readmit day` are thin
readers of it. This module imports only the standard library and `readmit.retry`, so that any orchestrator's own
environment can import it; a step's module, `readmit.steps.<name>`, is loaded when the step runs.
"""

import importlib
import signal
import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import isfinite
from typing import Literal

from readmit.retry import FINAL, is_retryable

Facts = dict[str, int | float | str | bool | None]
"""The results of a step: a few small values that fit an orchestrator's page."""

SCHEDULE, TIME_ZONE = "30 9 * * *", "America/Lima"
"""When the day starts, as a cron expression: the source is up by then."""
LEASE_SECONDS = 60.0
"""How long a lease lasts without renewal, and so how long a killed run keeps its batch."""
RENEW_SECONDS = 15.0
WAIT_SECONDS = 3 * 3600.0
"""How long a run waits for a batch that another run has leased: longer than a day's work ever takes."""


@dataclass(frozen=True, slots=True)
class Step:
    """A row of the table. `original_task`: the task's name in the project that Readmit replaces."""

    name: str
    group: Literal["ingestion", "training"]
    needs: tuple[str, ...]
    original_task: str
    timeout_seconds: int = 600
    retries: int = 2
    retry_delay_seconds: float = 300.0

    def describe(self, retry_delay_seconds: float) -> str:
        """Return a description for an orchestrator's page. The retry delay is the table's, or the setting's."""
        return (
            f"Group: {self.group}. Timeout: {self.timeout_seconds} s. Up to {1 + self.retries} attempts, "
            f"{retry_delay_seconds:.0f} s apart. Original task: {self.original_task}."
        )


STEPS: tuple[Step, ...] = (
    Step("check_source", "ingestion", (), "check_ec2_status", timeout_seconds=4 * 3600),
    Step("fetch", "ingestion", ("check_source",), "fetch_data_from_api"),
    Step("store_raw", "ingestion", ("fetch",), "store_raw_data_mysql"),
    Step("clean", "ingestion", ("store_raw",), "clean_and_transform_data"),
    Step("store_clean", "ingestion", ("clean",), "store_clean_data_mysql"),
    Step("split", "ingestion", ("store_clean",), "create_train_val_test_split"),
    Step("upload", "ingestion", ("split",), "upload_processed_data_minio"),
    Step("train", "training", ("upload",), "train_ml_models", timeout_seconds=3600),
    Step("register", "training", ("train",), "register_best_model", timeout_seconds=1800),
    Step("promote", "training", ("register",), "promote_to_production"),
    Step("signal", "training", ("promote",), "signal_services_ready"),
)
BY_NAME = {step.name: step for step in STEPS}
DAG = "mlops_diabetes_pipeline"
"""The day's name in Airflow, which it had in the project that Readmit replaces."""
SKIP_EXIT_CODE = 99
"""Exit code of a process that was started for a step which this day skips."""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A run of the day on one batch; `batch` None: `check_source` chooses it.

    Without `train` the day ends after `upload`; without `ingest` it begins at `train`.
    """

    run_id: str
    batch: int | None
    train: bool = True
    ingest: bool = True

    @property
    def last_step(self) -> str:
        """Name of the step that ends the day."""
        return steps(self.train)[-1].name


def steps(train: bool = True) -> tuple[Step, ...]:
    """Return the day's steps in order, without the training group unless `train`."""
    return tuple(step for step in STEPS if train or step.group == "ingestion")


def attempt(name: str, request: RunRequest) -> Facts:
    """Run one step once, under the run's lease. Any error is recorded in the ledger and raised again."""
    facts: Facts = importlib.import_module("readmit.step_attempt").attempt(BY_NAME[name], request)
    return facts


def is_due(step: Step, request: RunRequest, admission: Mapping[str, object] | None) -> bool:
    """Return whether the day runs a step. `admission`: the facts of `check_source`; None before it has run."""
    if admission is None:
        return not step.needs
    skipped = bool(admission.get("training_alone")) if step.group == "ingestion" else not request.train
    return bool(admission["go_on"]) and not skipped


def with_admitted_batch(admission: Mapping[str, object], request: RunRequest) -> RunRequest:
    """Return the request with the batch that `check_source` admitted: all later steps work on that one."""
    return replace(request, batch=int(str(admission["batch"]))) if admission["go_on"] else request


def day(request: RunRequest, execute: Callable[[Step, RunRequest], Facts]) -> Generator[tuple[str, Facts]]:
    """Execute the due steps of the table in order and yield the name and facts of each.

    However the day ends, the lease of its batch is released.
    """
    admission: Facts | None = None
    try:
        for step in STEPS:
            if is_due(step, request, admission):
                facts = execute(step, request)
                if admission is None:
                    admission, request = facts, with_admitted_batch(facts, request)
                yield step.name, facts
    finally:
        importlib.import_module("readmit.step_attempt").release_lease(request)


def has_next_batch(requested: int | None, limit: int | None, admission: Mapping[str, object]) -> bool:
    """Return whether a run goes on with another batch after this one. `admission`: the facts of its `check_source`.

    A run that was given a batch does that one alone; others take all that are released and not done, oldest first.
    `limit`: how many batches the run may take, this one included; None: any number.
    """
    return requested is None and limit != 1 and bool(admission["go_on"]) and bool(admission.get("remaining"))


def run_step_in_process(name: str, request: RunRequest, admission: Mapping[str, object] | None) -> Facts:
    """Run one step, for an orchestrator that starts a process for each.

    `admission`: the facts that its `check_source` returned. A number that is not finite becomes None, because facts
    travel as JSON. Raises SystemExit with SKIP_EXIT_CODE when the day skips the step, TimeoutError when the step takes
    too long, and RuntimeError with FINAL in its text when a retry is of no use.
    """
    step = BY_NAME[name]
    if not is_due(step, request, admission):
        sys.exit(SKIP_EXIT_CODE)
    try:
        with _time_limit(step.timeout_seconds, name):
            facts = attempt(name, request if admission is None else with_admitted_batch(admission, request))
    # The outermost handler of the step's process: the orchestrator receives the text of any error, and no exception.
    except Exception as error:
        if is_retryable(error):
            raise
        raise RuntimeError(f"{error} ({FINAL})") from error
    return {fact: None if isinstance(value, float) and not isfinite(value) else value for fact, value in facts.items()}


@contextmanager
def _time_limit(seconds: float, name: str) -> Iterator[None]:
    """Raise TimeoutError in this process after some seconds.

    The orchestrator's own timeout would wait for the process that it wants to end.
    """

    def on_alarm(*_: object) -> None:
        raise TimeoutError(f"{name} took longer than {seconds:.0f} s")

    previous = signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)

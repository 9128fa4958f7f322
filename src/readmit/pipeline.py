"""The day: eleven steps that take one batch from the data API to a served model.

Read the table and you know the day. Prefect (flows/daily.py), Airflow (flows/dags/daily.py) and `readmit day` are thin
readers of it. Standard library alone, so that any orchestrator's own environment can import it; what a step does
is loaded when it runs, from the module `readmit.steps.<name>`.
"""

import importlib
import signal
import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import isfinite
from typing import Literal

Facts = dict[str, int | float | str | bool | None]
"""What a step says about its work: a few small values that fit an orchestrator's page."""

SCHEDULE, TIME_ZONE = "30 9 * * *", "America/Lima"
"""When the day begins, as cron says it: the source is up by then."""
LEASE_SECONDS = 60.0
"""How long a lease lasts that nobody renews: so long a killed run keeps its batch."""
RENEW_SECONDS = 15.0
WAIT_SECONDS = 3 * 3600.0
"""How long a run waits for a batch that another one has leased: longer than a day's work ever takes."""


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the table. `original_task`: its name in the project that Readmit succeeds."""

    name: str
    group: Literal["ingestion", "training"]
    needs: tuple[str, ...]
    original_task: str
    timeout_seconds: int = 600
    retries: int = 2
    retry_delay_seconds: float = 300.0

    def in_words(self, retry_delay_seconds: float) -> str:
        """For an orchestrator's page. `retry_delay_seconds`: the table's, or what a setting makes of it."""
        return (
            f"Group {self.group}. At most {self.timeout_seconds} s; tried {1 + self.retries} times, "
            f"{retry_delay_seconds:.0f} s apart. In the original: {self.original_task}."
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
"""The day's name in Airflow, which it had in the project that Readmit succeeds."""
SKIP_EXIT_CODE = 99
"""With this code a process ends that was started for a step which this day leaves out."""
FINAL = "another try would give the same result"


@dataclass(frozen=True, slots=True)
class RunRequest:
    """One run's hold on one batch. `train` false: the day ends after `upload`; `ingest` false: it begins at `train`."""

    run_id: str
    batch: int | None
    train: bool = True
    ingest: bool = True

    @property
    def last_step(self) -> str:
        return steps(self.train)[-1].name


def steps(train: bool = True) -> tuple[Step, ...]:
    """The day's steps in order, without the training group if it is left out."""
    return tuple(step for step in STEPS if train or step.group == "ingestion")


def attempt(name: str, ticket: RunRequest) -> Facts:
    """One try at one step, under the ticket's lease. Raises whatever went wrong, after noting it in the ledger."""
    made: Facts = importlib.import_module("readmit.attempt").attempt(BY_NAME[name], ticket)
    return made


def is_retryable(error: object) -> bool:
    """Not what gives the same result again, which says so by `final`; nor an interruption, which is no failure."""
    return isinstance(error, Exception) and not getattr(error, "final", False)


def is_due(step: Step, ticket: RunRequest, door: Mapping[str, object] | None) -> bool:
    """Whether the day carries out a step. `door`: what `check_source` said; None: that comes first."""
    if door is None:
        return not step.needs
    left_out = bool(door.get("training_alone")) if step.group == "ingestion" else not ticket.train
    return bool(door["go_on"]) and not left_out


def with_admitted_batch(door: Mapping[str, object], ticket: RunRequest) -> RunRequest:
    """The ticket after `check_source`, which decides the batch once: what comes after works on no other."""
    return replace(ticket, batch=int(str(door["batch"]))) if door["go_on"] else ticket


def day(ticket: RunRequest, carry_out: Callable[[Step, RunRequest], Facts]) -> Generator[tuple[str, Facts]]:
    """Carries the ticket through the table and yields the facts of each step that is due.

    However the day ends, it lets go of its batch.
    """
    door: Facts | None = None
    try:
        for step in STEPS:
            if is_due(step, ticket, door):
                facts = carry_out(step, ticket)
                if door is None:
                    door, ticket = facts, with_admitted_batch(facts, ticket)
                yield step.name, facts
    finally:
        importlib.import_module("readmit.attempt").let_go(ticket)


def run_step_in_process(name: str, ticket: RunRequest, door: Mapping[str, object] | None) -> Facts:
    """One step, for an orchestrator that starts a process for each. `door`: what its `check_source` returned.

    A figure that is no number becomes None, because the way between processes knows none. SystemExit with NOT_ITS_TURN:
    the day leaves the step out. TimeoutError: it took too long. RuntimeError: it failed, and FINAL stands in the text.
    """
    step = BY_NAME[name]
    if not is_due(step, ticket, door):
        sys.exit(SKIP_EXIT_CODE)
    try:
        with _at_most(step.timeout_seconds, name):
            facts = attempt(name, ticket if door is None else with_admitted_batch(door, ticket))
    except Exception as error:
        if is_retryable(error):
            raise
        raise RuntimeError(f"{error} ({FINAL})") from error
    return {fact: None if isinstance(told, float) and not isfinite(told) else told for fact, told in facts.items()}


@contextmanager
def _at_most(seconds: float, name: str) -> Iterator[None]:
    """The orchestrator's own limit would wait for the process that it wants to end: the process ends itself."""

    def too_long(*_: object) -> None:
        raise TimeoutError(f"{name} took longer than {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

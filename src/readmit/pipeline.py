"""The day: eleven steps that take one batch from the data API to a served model.

Read the table and you know the day. Prefect (flows/daily.py), Airflow and `readmit day` are thin readers
of it. Standard library alone, so that any orchestrator's own environment can import it; what a step does
is loaded when it runs, from the module `readmit.steps.<name>`.
"""

import importlib
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Literal

Facts = dict[str, int | float | str | bool | None]
"""What a step says about its work: a few small values that fit an orchestrator's page."""

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


@dataclass(frozen=True, slots=True)
class Ticket:
    """One run's hold on one batch. `train` false: the day ends after `upload`."""

    run_id: str
    batch: int | None
    train: bool = True

    @property
    def last_step(self) -> str:
        return steps(self.train)[-1].name


def steps(train: bool = True) -> tuple[Step, ...]:
    """The day's steps in order, without the training group if it is left out."""
    return tuple(step for step in STEPS if train or step.group == "ingestion")


def attempt(name: str, ticket: Ticket) -> Facts:
    """One try at one step, under the ticket's lease. Raises whatever went wrong, after noting it in the ledger."""
    made: Facts = importlib.import_module("readmit.attempt").attempt(BY_NAME[name], ticket)
    return made


def worth_another_try(error: BaseException) -> bool:
    """Not what gives the same result again, which says so by `final`; nor an interruption, which is no failure."""
    return isinstance(error, Exception) and not getattr(error, "final", False)


def day(ticket: Ticket, carry_out: Callable[[Step, Ticket], Facts]) -> Generator[tuple[str, Facts]]:
    """Carries the ticket through the table and yields each step's facts; ends early when there is nothing to do.

    The batch is decided once, by `check_source`; what comes after works on that batch and no other. With all batches
    done and another target asked for, the training group alone is carried out on the last one. However the day ends,
    it lets go of its batch.
    """
    training_alone = False
    try:
        for step in steps(ticket.train):
            if training_alone and step.group == "ingestion":
                continue
            facts = carry_out(step, ticket)
            yield step.name, facts
            if step.name == "check_source":
                if not facts["go_on"]:
                    return
                ticket = Ticket(ticket.run_id, int(str(facts["batch"])), ticket.train)
                training_alone = bool(facts.get("training_alone"))
    finally:
        importlib.import_module("readmit.attempt").let_go(ticket)

"""The bench's own embedded stack: its days make a model; then S3 and MLflow alone stay up, for what serves it."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from readmit.embedded.environment import NOT_OURS, s3_variables, variables
from readmit.embedded.processes import Processes, ServiceFailed, ServiceProcess
from readmit.embedded.seaweedfs import INNER_PORTS
from readmit.embedded.services import services
from readmit.embedded.stack import HOST, SERVICES, Stack, free_ports, reach_the_stack_directly, running
from readmit.io import source_client
from readmit.io.database import ledger, rows
from readmit.settings import environment_with

OWN = {"READMIT_SOURCE_INTERVAL_SECONDS": "0", "READMIT_RETRY_DELAY_SECONDS": "3"}
STORES = ("s3", "mlflow")
PATIENCE_SECONDS = 3600.0
PYTHON = (sys.executable, "-m")


@dataclass(frozen=True, slots=True)
class Ground:
    """The stores are up. `api`: how the embedded stack starts its API, which does not run; `address`: where it would.

    `rows`: the clean rows of the batches that were taken, as Parquet.
    """

    folder: Path
    environment: Mapping[str, str]
    api: ServiceProcess
    address: str
    rows: Path


def make_model(folder: Path, batches: int, candidate: str | None) -> None:
    """Days until so many batches are done, else the training alone, which finds what the same code made before.

    Then the winner on validation, or the candidate that is named, is put into production.
    """
    with running(folder, _ports(), OWN) as stack:
        last = min(batches, source_client.state(stack.addresses["ec2-api"]).released)
        for number, command in enumerate(_days(last, ledger.done_batches()), 1):
            carry_out(stack.processes, ServiceProcess(f"day-{number}", command, stack.environment))
        _put_into_production(stack, last, candidate)
        taken = pl.concat([rows.clean_rows(batch) for batch in range(1, last + 1)])
        taken.write_parquet(folder / "rows.parquet")


def _days(last: int, done: set[int]) -> list[Sequence[str]]:
    readmit = (*PYTHON, "readmit.cli")
    if last in done:
        return [(*readmit, "train", "--batch", str(last))]
    return [
        (*readmit, "day", "--batch", str(batch), "--train", "yes" if batch == last else "no")
        for batch in range(1, last + 1)
        if batch not in done
    ]


def _put_into_production(stack: Stack, batch: int, candidate: str | None) -> None:
    command = (*PYTHON, "tests.bench.production", str(batch), *([candidate] if candidate else []))
    carry_out(stack.processes, ServiceProcess("production", command, stack.environment))


def carry_out(processes: Processes, service: ServiceProcess) -> None:
    """Runs what ends by itself. ServiceFailed: not well."""
    processes.start(service)
    code = processes.wait(service.name, PATIENCE_SECONDS)
    if code != 0:
        raise ServiceFailed(f"{service.name} ended with code {code}\n{processes.tail(service.name)}")


@contextmanager
def stores_up(folder: Path) -> Iterator[Ground]:
    """S3 and MLflow on what `make_model` left, idle while something else serves it."""
    ports, processes = _ports(), Processes(folder / "processes")
    processes.end_leftovers()
    addresses = {name: f"http://{HOST}:{port}" for name, port in ports.items()}
    reach_the_stack_directly()
    environment = environment_with(variables(folder, addresses), without=NOT_OURS)
    inner = dict(zip(INNER_PORTS, free_ports(len(INNER_PORTS)), strict=True))
    found = services(folder, HOST, ports, inner, environment, s3_variables(folder, HOST))
    known = {each.name: each for each in found}
    try:
        for name in STORES:
            processes.start(known[name])
        for name in STORES:
            processes.wait_until_healthy(known[name])
        ready = replace(known["api"], health=f"{addresses['api']}/health/ready")
        yield Ground(folder, environment, ready, addresses["api"], folder / "rows.parquet")
    finally:
        processes.stop()


def _ports() -> dict[str, int]:
    return dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))

"""The benchmark's embedded stack: days train a model, then only S3 and MLflow stay up for the servers."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from readmit.embedded.environment import s3_variables, stack_environment, variables
from readmit.embedded.processes import Processes, ServiceError, ServiceProcess
from readmit.embedded.seaweedfs import INNER_PORTS
from readmit.embedded.services import services
from readmit.embedded.stack import HOST, SERVICES, Stack, free_ports, running
from readmit.io import source_client
from readmit.io.database import ledger, rows
from readmit.io.source_client import SourceEndpoint

SETTINGS = {"READMIT_SOURCE_INTERVAL_SECONDS": "0", "READMIT_RETRY_DELAY_SECONDS": "3"}
STORES = ("s3", "mlflow")
TIMEOUT_SECONDS = 3600.0
PYTHON = (sys.executable, "-m")


@dataclass(frozen=True, slots=True)
class BenchStores:
    """Running stores. `api`: the embedded stack's API service, not running; `address`: its URL.

    `rows`: Parquet file of the clean rows of the training batches.
    """

    folder: Path
    environment: Mapping[str, str]
    api: ServiceProcess
    address: str
    rows: Path


def make_model(folder: Path, batches: int, candidate: str) -> None:
    """Run days until `batches` are done, or the training alone if they are; then put `candidate` into production."""
    with running(folder, _ports(), SETTINGS) as stack:
        last_batch = min(batches, source_client.fetch_state(SourceEndpoint(stack.addresses["ec2-api"])).released)
        for number, command in enumerate(_day_commands(last_batch, ledger.done_batches()), 1):
            run_to_completion(stack.processes, ServiceProcess(f"day-{number}", command, stack.environment))
        _set_production(stack, last_batch, candidate)
        clean_rows = pl.concat([rows.clean_rows(batch) for batch in range(1, last_batch + 1)])
        clean_rows.write_parquet(folder / "rows.parquet")


def _day_commands(last_batch: int, done: set[int]) -> list[Sequence[str]]:
    readmit = (*PYTHON, "readmit.cli")
    if last_batch in done:
        return [(*readmit, "train", "--batch", str(last_batch))]
    return [
        (*readmit, "day", "--batch", str(batch), "--train", "yes" if batch == last_batch else "no")
        for batch in range(1, last_batch + 1)
        if batch not in done
    ]


def _set_production(stack: Stack, batch: int, candidate: str) -> None:
    command = (*PYTHON, "tests.bench.production", str(batch), candidate)
    run_to_completion(stack.processes, ServiceProcess("production", command, stack.environment))


def run_to_completion(processes: Processes, service: ServiceProcess) -> None:
    """Run a process to its end. Raises ServiceError when it fails."""
    processes.start(service)
    code = processes.wait(service.name, TIMEOUT_SECONDS)
    if code != 0:
        raise ServiceError(f"{service.name} exited with code {code}\n{processes.log_tail(service.name)}")


@contextmanager
def stores_up(folder: Path) -> Iterator[BenchStores]:
    """Yield S3 and MLflow with the model of `make_model`."""
    ports, processes = _ports(), Processes(folder / "processes")
    processes.end_leftovers()
    addresses = {name: f"http://{HOST}:{port}" for name, port in ports.items()}
    environment = stack_environment(variables(folder, addresses))
    inner_ports = dict(zip(INNER_PORTS, free_ports(len(INNER_PORTS)), strict=True))
    all_services = services(folder, HOST, ports, inner_ports, environment, {"s3": s3_variables(folder, HOST)})
    by_name = {service.name: service for service in all_services}
    try:
        for name in STORES:
            processes.start(by_name[name])
        for name in STORES:
            processes.wait_until_healthy(by_name[name])
        api_service = replace(by_name["api"], health=f"{addresses['api']}/health/ready")
        yield BenchStores(folder, environment, api_service, addresses["api"], folder / "rows.parquet")
    finally:
        processes.stop()


def _ports() -> dict[str, int]:
    return dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))

"""`just bench`: benchmark of the API against FastAPI as in the original, MLflow's scoring server and a bare uvicorn.

Not a test: the results depend on the machine as much as on the code. docs/benchmarks.md describes the measurements.
"""

import argparse
import logging
import re
import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import httpx
from rich.console import Console

from readmit.core.errors import ReadmitError
from readmit.core.model import CANDIDATES
from readmit.embedded.paths import folder_of
from readmit.embedded.processes import ServiceError
from readmit.embedded.stop_signals import treat_signals_as_interrupt
from readmit.settings import SettingError, load
from readmit.stacks.errors import StackError
from readmit.stacks.terminal import console
from tests.bench import batches, beside, machine, singles
from tests.bench.bodies import Batch, batch_of
from tests.bench.lines import Measured
from tests.bench.machine import BenchRefused, Cores
from tests.bench.own_stack import BenchStores, make_model, stores_up
from tests.bench.report import Report, Served
from tests.bench.rivals import ServerRunner, competitor_servers, readmit_server, request_prediction

FOLDER = Path("var/bench")
REPORT, PAGE = FOLDER / "report.json", Path("docs/benchmarks.md")
TREES = "lightgbm"
"""The candidate that is served unless another is named: which one is the winner differs between installations."""


def main(options: Sequence[str]) -> int:
    """Return the exit code: 0 when measured, whatever the figures; 1 when not possible; 130 on interrupt."""
    args, terminal = _parse_args(options), console()
    logging.disable(logging.WARNING)
    treat_signals_as_interrupt()
    try:
        report = _report(args, machine.cores(), terminal)
        REPORT.write_text(report.to_json())
        for table in report.tables():
            terminal.print(table)
        terminal.print(f"{report.summary()}\nAll samples: {REPORT}", markup=False)
        if args.write:
            _write(report, args.candidate)
    except (BenchRefused, ServiceError, StackError, SettingError, ReadmitError) as error:
        terminal.print(str(error), style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parse_args(options: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="just bench", description=__doc__)
    parser.add_argument("--rounds", type=_positive_int, default=5, help="number of rounds; medians are reported (5)")
    parser.add_argument("--seconds", type=_positive_int, default=10, help="duration of each load (10)")
    parser.add_argument(
        "--batches", type=_positive_int, default=2, help="batches of the source to train the model on (2)"
    )
    names = [candidate.name for candidate in CANDIDATES]
    parser.add_argument("--candidate", choices=names, default=TREES, help=f"candidate to serve ({TREES})")
    parser.add_argument("--fresh", action="store_true", help="rebuild the benchmark's stack and its models")
    parser.add_argument("--write", action="store_true", help=f"write the figures to {PAGE}")
    return parser.parse_args(options)


def _positive_int(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _report(args: argparse.Namespace, cores: Cores, terminal: Console) -> Report:
    if cores.server is None:
        terminal.print("This system can't pin processes to a core: the figures are not pinned.")
    this_machine, folder = machine.this_machine(cores), (FOLDER / folder_of(load()).name).absolute()
    if args.fresh:
        shutil.rmtree(folder, ignore_errors=True)
    terminal.print(f"Training a model in the benchmark's stack: {folder}")
    make_model(folder, args.batches, args.candidate)
    machine.pin_this_process(cores.load)
    with stores_up(folder) as stores:
        batch = batch_of(stores.rows, folder)
        served, measured = _measure(args, stores, batch, ServerRunner(folder, cores), terminal)
    return Report(datetime.now(UTC).date().isoformat(), args.rounds, args.seconds, this_machine, served, measured)


def _measure(
    args: argparse.Namespace, stores: BenchStores, batch: Batch, runner: ServerRunner, terminal: Console
) -> tuple[Served, Measured]:
    readmit = readmit_server(stores)
    with runner.running(readmit):
        response, model = (
            request_prediction(readmit),
            httpx.get(f"{stores.address}/model", timeout=60).raise_for_status().json(),
        )
    served = Served(model["version"], model["candidate"], model["batch"], batch.distinct)
    terminal.print(f"Serving version {served.version}, {served.candidate}.")
    servers = [readmit, *competitor_servers(stores, response, runner)]
    return served, Measured(
        singles=singles.rounds(runner, servers, args.rounds, args.seconds, terminal.print),
        batches=batches.rounds(runner, stores, readmit, batch, args.rounds, terminal.print),
        beside=beside.rounds(runner, readmit, batch, args.rounds, args.seconds, terminal.print),
    )


def _write(report: Report, candidate: str) -> None:
    """Replace the section of the candidate. Raises BenchRefused when the page has no markers for it."""
    mark = f"bench {candidate}"
    section = re.compile(f"<!-- {mark} -->\n.*?<!-- /{mark} -->", re.DOTALL)
    text, replacements = section.subn(
        lambda _: f"<!-- {mark} -->\n{report.markdown()}\n<!-- /{mark} -->", PAGE.read_text()
    )
    if replacements != 1:
        raise BenchRefused(f"{PAGE} has no markers for this section: <!-- {mark} --> and <!-- /{mark} -->")
    PAGE.write_text(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

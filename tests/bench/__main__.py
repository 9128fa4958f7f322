"""`just bench`: our API against a FastAPI server as the original's, MLflow's own and a bare uvicorn, all in one go.

Never a test: it judges the machine as much as the code. docs/benchmarks.md says what is measured and how.
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
from readmit.embedded.processes import ServiceFailed
from readmit.embedded.signals import end_as_by_ctrl_c
from readmit.settings import SettingError, load
from readmit.stacks.errors import StackError
from readmit.stacks.terminal import console
from tests.bench import batches, beside, machine, singles
from tests.bench.bodies import Batch, batch_of
from tests.bench.lines import Measured
from tests.bench.machine import BenchRefused, Cores
from tests.bench.own_stack import Ground, make_model, stores_up
from tests.bench.report import Report, Served
from tests.bench.rivals import Arena, ask, others, ours

FOLDER = Path("var/bench")
REPORT, PAGE = FOLDER / "report.json", Path("docs/benchmarks.md")


def main(options: Sequence[str]) -> int:
    """0: measured, whatever the figures; 1: it could not be, with the reason; 130: interrupted."""
    asked, terminal = _asked(options), console()
    logging.disable(logging.WARNING)
    end_as_by_ctrl_c()
    try:
        report = _report(asked, machine.cores(), terminal)
        REPORT.write_text(report.to_json())
        for table in report.tables():
            terminal.print(table)
        terminal.print(f"{report.words()}\nAll samples: {REPORT}", markup=False)
        if asked.write:
            _write(report, asked.candidate)
    except (BenchRefused, ServiceFailed, StackError, SettingError, ReadmitError) as error:
        terminal.print(str(error), style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _asked(options: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="just bench", description=__doc__)
    parser.add_argument("--rounds", type=_from_one, default=5, help="how often each is measured; medians are told (5)")
    parser.add_argument("--seconds", type=_from_one, default=10, help="how long each load lasts (10)")
    parser.add_argument("--batches", type=_from_one, default=2, help="of the source, from which the model is made (2)")
    names = [candidate.name for candidate in CANDIDATES]
    parser.add_argument("--candidate", choices=names, help="which candidate to serve; the winner on validation")
    parser.add_argument("--fresh", action="store_true", help="makes the bench's stack anew, and its models")
    parser.add_argument("--write", action="store_true", help=f"writes the figures into {PAGE}")
    return parser.parse_args(options)


def _from_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def _report(asked: argparse.Namespace, cores: Cores, terminal: Console) -> Report:
    if cores.server is None:
        terminal.print("This system pins no process to a core: the figures are not pinned.")
    here, folder = machine.this_machine(cores), (FOLDER / folder_of(load()).name).absolute()
    if asked.fresh:
        shutil.rmtree(folder, ignore_errors=True)
    terminal.print(f"A model first, in the bench's own stack: {folder}")
    make_model(folder, asked.batches, asked.candidate)
    machine.keep_to(cores.load)
    with stores_up(folder) as ground:
        batch = batch_of(ground.rows, folder)
        served, measured = _measured(asked, ground, batch, Arena(folder, cores), terminal)
    return Report(datetime.now(UTC).date().isoformat(), asked.rounds, asked.seconds, here, served, measured)


def _measured(
    asked: argparse.Namespace, ground: Ground, batch: Batch, arena: Arena, terminal: Console
) -> tuple[Served, Measured]:
    us = ours(ground)
    with arena.alone(us):
        answer, told = ask(us), httpx.get(f"{ground.address}/model", timeout=60).raise_for_status().json()
    served = Served(told["version"], told["candidate"], told["batch"], batch.distinct)
    terminal.print(f"Serving version {served.version}, {served.candidate}.")
    rivals = [us, *others(ground, answer, arena)]
    return served, Measured(
        singles=singles.rounds(arena, rivals, asked.rounds, asked.seconds, terminal.print),
        batches=batches.rounds(arena, ground, us, batch, asked.rounds, terminal.print),
        beside=beside.rounds(arena, us, batch, asked.rounds, asked.seconds, terminal.print),
    )


def _write(report: Report, candidate: str | None) -> None:
    """Between the marks of the winner, or of the candidate that was named. BenchRefused: the page has none."""
    mark = f"bench {candidate}" if candidate else "bench"
    between = re.compile(f"<!-- {mark} -->\n.*?<!-- /{mark} -->", re.DOTALL)
    text, times = between.subn(lambda _: f"<!-- {mark} -->\n{report.markdown()}\n<!-- /{mark} -->", PAGE.read_text())
    if times != 1:
        raise BenchRefused(f"{PAGE} has no place for this: <!-- {mark} --> and <!-- /{mark} -->")
    PAGE.write_text(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

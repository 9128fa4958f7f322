"""What can be asked of days, on a command line: of `readmit` itself, and of the stack of containers."""

import argparse
from typing import TYPE_CHECKING

from readmit.settings import SettingError

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add_days(commands: "Commands") -> None:
    """Adds `day`, `train` and `backfill`."""
    whole = commands.add_parser("day", help="the eleven steps for one batch")
    whole.add_argument("--batch", type=number, help="number of the batch; the next one if left out")
    add_train(whole)
    alone = commands.add_parser("train", help="the training group alone, after a change of target, candidates or code")
    alone.add_argument("--batch", type=number, help="number of the batch; the last one that is uploaded if left out")
    many = commands.add_parser("backfill", help="some batches again, in order; all that are released if none is named")
    many.add_argument("first", type=number, nargs="?", help="number of the first batch; 1 if left out")
    many.add_argument("last", type=number, nargs="?", help="number of the last batch; the last released if left out")


def add_train(command: argparse.ArgumentParser) -> None:
    """Adds the option that leaves the training out."""
    command.add_argument("--train", choices=["yes", "no"], default="yes", help="no: the day ends after upload")


def batches(first: int | None, last: int | None, released: int) -> range:
    """Those that a backfill takes. SettingError: there is none between them, or one that is not released."""
    wanted = range(first or 1, (last or released) + 1)
    if not wanted:
        raise SettingError(f"backfill: there is no batch from {wanted.start} to {wanted.stop - 1}")
    if wanted[-1] > released:
        raise SettingError(f"backfill: there is no batch {wanted[-1]} yet; the source has released 1 to {released}")
    return wanted


def number(text: str) -> int:
    """The number of a batch."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of a batch: they count from 1")
    return int(text)

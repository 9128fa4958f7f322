"""Command-line arguments for running days, shared by `readmit` and the stack of containers."""

import argparse
from collections.abc import Collection
from typing import TYPE_CHECKING

from readmit.settings import SettingError

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add_days(commands: "Commands") -> None:
    """Add `day`, `train` and `backfill`."""
    day = commands.add_parser("day", help="run the eleven steps for one batch")
    day.add_argument("--batch", type=batch_number, help="batch number; default: the next batch")
    add_train(day)
    train = commands.add_parser("train", help="run training only, after a change of target, candidates or code")
    train.add_argument("--batch", type=batch_number, help="batch number; default: the last uploaded batch")
    backfill = commands.add_parser("backfill", help="run batches again, in order, except those that are set aside")
    backfill.add_argument("first", type=batch_number, nargs="?", help="number of the first batch; default: 1")
    backfill.add_argument("last", type=batch_number, nargs="?", help="number of the last batch; default: the last one")


def add_train(command: argparse.ArgumentParser) -> None:
    """Add the option that skips the training."""
    command.add_argument("--train", choices=["yes", "no"], default="yes", help="no: end the day after upload")


def backfill_range(first: int | None, last: int | None, released: int, set_aside: Collection[int]) -> list[int]:
    """Return the batches of a backfill, without those that are set aside.

    Raises SettingError when the range is empty or one is not released.
    """
    batches = range(first or 1, (last or released) + 1)
    if not batches:
        raise SettingError(f"backfill: there are no batches from {batches.start} to {batches.stop - 1}")
    if batches[-1] > released:
        raise SettingError(
            f"backfill: there is no batch {batches[-1]} yet: the source has released batches 1 to {released}"
        )
    return [batch for batch in batches if batch not in set_aside]


def batch_number(text: str) -> int:
    """Parse the number of a batch, as an argparse type."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a batch number: batches are numbered from 1")
    return int(text)

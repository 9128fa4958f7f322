"""What a load is asked to be: a profile, and what the command line says otherwise."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from locustfile import USERS, ApiUser, SingleUser
from thresholds import LoadLimits

REPORTS = Path(__file__).parents[1] / "var/load"
MIXES: dict[str, tuple[type[ApiUser], ...]] = {**{each.__name__.lower(): (each,) for each in USERS}, "all": USERS}


@dataclass(frozen=True, slots=True)
class Profile:
    """`users`: of a capacity, those of its first step; `seconds`: measured, in each step."""

    users: int
    seconds: float
    mix: str
    limits: LoadLimits


LIMITS = LoadLimits(errors=0.0, p95=1000, p99=2000, share=0.95)
PROFILES = {
    "load": Profile(200, 60, "single", LIMITS),
    # Wide enough for a machine that does other things, too; half a second more breaks them.
    "ci": Profile(100, 50, "all", LoadLimits(errors=0.01, p95=400, p99=2000, share=0.9)),
    "capacity": Profile(1000, 15, "single", LIMITS),
}


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """`host`, `source`: addresses as they were named, if they were; `made`: no source is asked for rows.

    `growth` from one step of a capacity to the next, up to `most` users; None: as many as this machine can connect.
    """

    profile: str
    users: int
    seconds: float
    mix: tuple[type[ApiUser], ...]
    waits: tuple[float, float]
    limits: LoadLimits
    host: str | None
    source: str | None
    made: bool
    reports: Path
    growth: float
    most: int | None


def asked(arguments: Sequence[str] | None) -> LoadOptions:
    """What the command line says."""
    parser = _parser()
    told = parser.parse_args(arguments)
    usual = PROFILES[told.profile]
    for name in ("users", "seconds", "mix"):
        if getattr(told, name) is None:
            setattr(told, name, getattr(usual, name))
    low, high = told.wait
    if not 0 <= low <= high or not high:
        parser.error(f"--wait {low} {high}: seconds from the least to the most")
    return LoadOptions(
        profile=told.profile,
        users=told.users,
        seconds=told.seconds,
        mix=MIXES[told.mix],
        waits=(low, high),
        limits=_limits(told, usual.limits),
        host=told.host,
        source=told.source,
        made=told.made,
        reports=(told.reports or REPORTS / told.profile).absolute(),
        growth=told.growth,
        most=told.most,
    )


def _limits(told: argparse.Namespace, usual: LoadLimits) -> LoadLimits:
    names = ("errors", "p95", "p99", "share")
    said = {name: getattr(usual, name) if getattr(told, name) is None else getattr(told, name) for name in names}
    return LoadLimits(**said)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="just load", description="Load on the inference API of the stack that is up.")
    parser.add_argument("profile", nargs="?", choices=PROFILES, default="load", help="what to make; load if left out")
    parser.add_argument("--users", type=_whole, help="so many; of a capacity, those of its first step")
    parser.add_argument("--seconds", type=_positive, help="measured so long, once all users are there")
    parser.add_argument("--mix", choices=MIXES, help="who the users are")
    parser.add_argument(
        "--wait",
        nargs=2,
        type=float,
        default=SingleUser.waits,
        metavar=("LEAST", "MOST"),
        help="seconds between an answer and the next request",
    )
    parser.add_argument("--host", help="address of the API; that of the stack that is up if left out")
    parser.add_argument("--source", help="address of the data API whose rows are posted; that of the stack likewise")
    parser.add_argument("--made", action="store_true", help="post encounters made by chance, and ask no source")
    parser.add_argument("--reports", type=Path, help="their folder; var/load/PROFILE if left out")
    limits = parser.add_argument_group("thresholds")
    limits.add_argument("--errors", type=float, help="greatest share of requests that may fail")
    limits.add_argument("--p95", type=float, help="ms")
    limits.add_argument("--p99", type=float, help="ms")
    limits.add_argument("--share", type=float, help="least share of the offered rate")
    steps = parser.add_argument_group("steps of a capacity")
    steps.add_argument("--growth", type=_growth, default=1.25, help="from one step to the next")
    steps.add_argument("--most", type=_whole, help="users; as many as this machine can connect if left out")
    return parser


def _whole(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not above 0")
    return number


def _growth(text: str) -> float:
    if (number := _positive(text)) <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not above 1: the steps would not grow")
    return number

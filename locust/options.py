"""Options of a load test: a profile with overrides from the command line."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from locustfile import USERS, ApiUser, SingleUser
from thresholds import LoadLimits

REPORTS = Path(__file__).parents[1] / "var/load"
MIXES: dict[str, tuple[type[ApiUser], ...]] = {
    **{user_class.__name__.removesuffix("User").lower(): (user_class,) for user_class in USERS},
    "all": USERS,
}


@dataclass(frozen=True, slots=True)
class Profile:
    """Default options. `users`: of the first step of a capacity test; `seconds`: measured per step."""

    users: int
    seconds: float
    mix: str
    limits: LoadLimits


LIMITS = LoadLimits(errors=0.0, p95=1000, p99=2000, share=0.95)
PROFILES = {
    "load": Profile(200, 60, "single", LIMITS),
    # Wide enough for a shared machine, and narrow enough to fail with 500 ms of added latency.
    "ci": Profile(100, 50, "all", LoadLimits(errors=0.01, p95=400, p99=2000, share=0.9)),
    "capacity": Profile(1000, 15, "single", LIMITS),
}


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """Options of one run. `host`, `source`: URLs from the command line, or None; `synthetic`: use no source.

    `growth`: factor between the steps of a capacity test, up to `max_users`; None: as many as this machine can connect.
    """

    profile: str
    users: int
    seconds: float
    mix: tuple[type[ApiUser], ...]
    waits: tuple[float, float]
    limits: LoadLimits
    host: str | None
    source: str | None
    synthetic: bool
    reports: Path
    growth: float
    max_users: int | None


def parse_options(arguments: Sequence[str] | None) -> LoadOptions:
    """Parse the command line; exits with an error message on invalid arguments."""
    parser = _parser()
    args = parser.parse_args(arguments)
    profile = PROFILES[args.profile]
    for name in ("users", "seconds", "mix"):
        if getattr(args, name) is None:
            setattr(args, name, getattr(profile, name))
    low, high = args.wait
    if not 0 <= low <= high or not high:
        parser.error(f"--wait {low} {high}: MIN must be at least 0, and MAX above 0 and not below MIN")
    return LoadOptions(
        profile=args.profile,
        users=args.users,
        seconds=args.seconds,
        mix=MIXES[args.mix],
        waits=(low, high),
        limits=_limits(args, profile.limits),
        host=args.host,
        source=args.source,
        synthetic=args.made,
        reports=(args.reports or REPORTS / args.profile).absolute(),
        growth=args.growth,
        max_users=args.most,
    )


def _limits(args: argparse.Namespace, defaults: LoadLimits) -> LoadLimits:
    names = ("errors", "p95", "p99", "share")
    values = {name: getattr(defaults, name) if getattr(args, name) is None else getattr(args, name) for name in names}
    return LoadLimits(**values)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="just load", description="Load test of the running stack's inference API.")
    parser.add_argument("profile", nargs="?", choices=PROFILES, default="load", help="kind of test (default: load)")
    parser.add_argument("--users", type=_positive_int, help="number of users; for capacity, in the first step")
    parser.add_argument("--seconds", type=_positive, help="measured time once all users are running")
    parser.add_argument("--mix", choices=MIXES, help="kinds of users")
    parser.add_argument(
        "--wait",
        nargs=2,
        type=float,
        default=SingleUser.waits,
        metavar=("MIN", "MAX"),
        help="seconds between a response and the next request",
    )
    parser.add_argument("--host", help="URL of the API (default: the running stack's)")
    parser.add_argument("--source", help="URL of the data API whose rows are posted (default: the running stack's)")
    parser.add_argument("--made", action="store_true", help="post synthetic encounters, not those of the data API")
    parser.add_argument("--reports", type=Path, help="folder of the reports (default: var/load/PROFILE)")
    limits = parser.add_argument_group("thresholds")
    limits.add_argument("--errors", type=float, help="maximum share of failed requests")
    limits.add_argument("--p95", type=float, help="limit in ms")
    limits.add_argument("--p99", type=float, help="limit in ms")
    limits.add_argument("--share", type=float, help="minimum share of the offered rate")
    steps = parser.add_argument_group("steps of a capacity test")
    steps.add_argument("--growth", type=_growth, default=1.25, help="factor between steps")
    steps.add_argument(
        "--most", type=_positive_int, help="maximum number of users (default: as many as this machine can connect)"
    )
    return parser


def _positive_int(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not above 0")
    return number


def _growth(text: str) -> float:
    if (number := _positive(text)) <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not above 1")
    return number

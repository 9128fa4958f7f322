"""Capacity test: increase the number of users step by step until a threshold fails."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from locust import LoadTestShape
from locust.runners import LocalRunner

from load_runner import Window, allow_connections, connectable_users, running_locust, spawn_rate
from options import LoadOptions
from thresholds import Measured, Threshold, check_thresholds, summary_line


@dataclass(frozen=True, slots=True)
class LoadStep:
    """One step: the measurements and their thresholds."""

    measured: Measured
    thresholds: tuple[Threshold, ...]

    @property
    def holds(self) -> bool:
        """Whether every threshold holds."""
        return all(threshold.holds for threshold in self.thresholds)


@dataclass(frozen=True, slots=True)
class Capacity:
    """The steps in order; only the last one may fail."""

    steps: Sequence[LoadStep]

    @property
    def last_passing(self) -> LoadStep | None:
        """Last step within the thresholds, or None."""
        return next((step for step in reversed(self.steps) if step.holds), None)

    @property
    def first_failing(self) -> LoadStep | None:
        """Step that failed, or None."""
        return None if self.steps[-1].holds else self.steps[-1]

    def summary(self) -> str:
        """Return the result in two sentences."""
        passing = self.last_passing
        result = (
            "The first step already failed."
            if passing is None
            else f"Capacity: {passing.measured.users:,} users, {passing.measured.rate:,.1f} requests/s."
        )
        return f"{result} {self._failure_summary()}"

    def _failure_summary(self) -> str:
        if self.first_failing is None:
            return "No step failed; raise --most to test more users."
        names = "; ".join(
            f"{threshold.name} was {threshold.found} (limit: {threshold.limit})"
            for threshold in self.first_failing.thresholds
            if not threshold.holds
        )
        return f"Failed at {self.first_failing.measured.users:,} users: {names}."


class StepShape(LoadTestShape):
    """The number of users over time, polled by Locust every second; the load ends when a step fails."""

    def __init__(self, options: LoadOptions, max_users: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Locust does not annotate it
        self._options, self._max_users = options, max_users
        self._users = options.users
        self._settled_at: float | None = None
        self._window: Window | None = None
        self.steps: list[LoadStep] = []

    def tick(self) -> tuple[int, float] | None:
        """Return the users of the step and the spawn rate per second, or None at the end."""
        assert isinstance(self.runner, LocalRunner)
        if self._window is None:
            self._wait_until_settled(self.runner)
        elif self._window.seconds >= self._options.seconds:
            self._close(self._window.result())
            if not self.steps[-1].holds or self._users > self._max_users:
                return None
        return self._users, spawn_rate(self._users)

    def _wait_until_settled(self, runner: LocalRunner) -> None:
        """Start measuring once all users of the step have sent at least one request."""
        if runner.user_count < self._users:
            return
        if self._settled_at is None:
            self._settled_at = time.monotonic() + self._options.waits[1]
        elif time.monotonic() >= self._settled_at:
            self._window = Window(runner)

    def _close(self, measured: Measured) -> None:
        self.steps.append(LoadStep(measured, check_thresholds(measured, self._options.limits)))
        print(f"{summary_line(measured)}: {'pass' if self.steps[-1].holds else 'FAIL'}", flush=True)
        self._users = round_up(self._users * self._options.growth)
        self._settled_at = self._window = None


def round_up(users: float) -> int:
    """Round up to two significant digits: 1,953 to 2,000."""
    unit = int(10 ** max(0, math.floor(math.log10(users)) - 1))
    return math.ceil(users / unit) * unit


def measure_capacity(options: LoadOptions, host: str) -> Capacity:
    """Run steps until one fails or the maximum is reached. Raises LoadRefused when the users can't be started."""
    max_users = options.max_users or connectable_users()
    allow_connections(max_users)
    shape = StepShape(options, max_users)
    with running_locust(options, host, shape) as runner:
        runner.start_shape()
        assert runner.shape_greenlet is not None
        runner.shape_greenlet.get()
    return Capacity(shape.steps)

"""How many users the API bears: more of them, step by step, until a threshold breaks."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from locust import LoadTestShape
from locust.runners import LocalRunner

from load_runner import Window, allow_connections, locust, most_users, started_per_second
from options import LoadOptions
from thresholds import Measured, Threshold, in_words, judged


@dataclass(frozen=True, slots=True)
class LoadStep:
    """So many users, and what became of them."""

    measured: Measured
    thresholds: tuple[Threshold, ...]

    @property
    def holds(self) -> bool:
        return all(each.holds for each in self.thresholds)


@dataclass(frozen=True, slots=True)
class Capacity:
    """The steps in order; all hold but perhaps the last."""

    steps: Sequence[LoadStep]

    @property
    def greatest(self) -> LoadStep | None:
        """The last step that held; None: not even the first one."""
        return next((step for step in reversed(self.steps) if step.holds), None)

    @property
    def broke(self) -> LoadStep | None:
        """The step that broke; None: it was never reached."""
        return None if self.steps[-1].holds else self.steps[-1]

    def in_words(self) -> str:
        """Two sentences."""
        good = self.greatest
        found = (
            "The thresholds did not hold even in the first step."
            if good is None
            else f"Within the thresholds: up to {good.measured.users:,} users, {good.measured.rate:,.1f} requests/s."
        )
        return f"{found} {self._where_it_broke()}"

    def _where_it_broke(self) -> str:
        if self.broke is None:
            return "It did not break; --most lets more users come."
        names = "; ".join(
            f"{each.name} was {each.found}, and has to be {each.limit}"
            for each in self.broke.thresholds
            if not each.holds
        )
        return f"It broke at {self.broke.measured.users:,} users: {names}."


class Steps(LoadTestShape):
    """Locust asks it every second how many users there should be; when a step breaks, none."""

    def __init__(self, asked: LoadOptions, most: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._asked, self._most = asked, most
        self._users = asked.users
        self._settled_at: float | None = None
        self._window: Window | None = None
        self.steps: list[LoadStep] = []

    def tick(self) -> tuple[int, float] | None:
        """The users of the step and how many may start in a second; None: it is over."""
        assert isinstance(self.runner, LocalRunner)
        if self._window is None:
            self._wait_until_settled(self.runner)
        elif self._window.seconds >= self._asked.seconds:
            self._close(self._window.measured())
            if not self.steps[-1].holds or self._users > self._most:
                return None
        return self._users, started_per_second(self._users)

    def _wait_until_settled(self, runner: LocalRunner) -> None:
        """Opens the window once all users of the step have asked at least once."""
        if runner.user_count < self._users:
            return
        if self._settled_at is None:
            self._settled_at = time.monotonic() + self._asked.waits[1]
        elif time.monotonic() >= self._settled_at:
            self._window = Window(runner)

    def _close(self, found: Measured) -> None:
        self.steps.append(LoadStep(found, judged(found, self._asked.limits)))
        print(f"{in_words(found)}: {'holds' if self.steps[-1].holds else 'BREAKS'}", flush=True)
        self._users = rounded(self._users * self._asked.growth)
        self._settled_at = self._window = None


def rounded(users: float) -> int:
    """To two digits, upwards: 1,953 users are 2,000."""
    unit = int(10 ** max(0, math.floor(math.log10(users)) - 1))
    return math.ceil(users / unit) * unit


def found(asked: LoadOptions, host: str) -> Capacity:
    """Steps until one breaks, or there are as many users as may be. Refused: they could not be started."""
    most = asked.most or most_users()
    allow_connections(most)
    shape = Steps(asked, most)
    with locust(asked, host, shape) as runner:
        runner.start_shape()
        assert runner.shape_greenlet is not None
        runner.shape_greenlet.get()
    return Capacity(shape.steps)

"""How long the days take: the expected seconds of each step, and the time remaining."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from readmit.pipeline import STEPS

FIXED_SECONDS = {
    **{"check_source": 0.1, "fetch": 0.2, "store_raw": 0.3, "clean": 0.4, "store_clean": 0.3, "split": 0.1},
    **{"upload": 0.5, "train": 18.0, "register": 2.2, "promote": 1.3, "signal": 0.8},
}
"""Seconds of a step for one batch on two cores, regardless of earlier batches."""
SECONDS_PER_1000_ENCOUNTERS = {"train": 0.15, "register": 0.075, "promote": 0.045}
"""Additional seconds for each 1,000 encounters of all batches so far: these steps process all of them."""
START_SECONDS = 35.0
"""Seconds until the services are healthy and the first step begins."""
PRIOR_SECONDS = 10.0
"""Weight of the reference pace, as seconds of work, when this machine's pace is estimated."""

Task = tuple[int, str]
"""A step of a batch."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The tasks of a run, in order, on batches of about `rows` encounters."""

    tasks: Sequence[Task]
    rows: float

    @classmethod
    def of(cls, batches: Collection[int], rows: float, training_alone: bool = False) -> "Plan":
        """Return the plan with all steps of some batches, or with those of the training group alone."""
        names = [step.name for step in STEPS if step.group == "training" or not training_alone]
        return cls([(batch, name) for batch in sorted(batches) for name in names], rows)

    def expected_seconds(self, tasks: Collection[Task]) -> float:
        """Return the expected seconds of some tasks at the reference pace."""
        return sum(
            FIXED_SECONDS[step] + SECONDS_PER_1000_ENCOUNTERS.get(step, 0.0) * batch * self.rows / 1000
            for batch, step in tasks
        )

    def remaining_seconds(self, done: Mapping[Task, float], running: float = 0.0) -> float:
        """Return the seconds remaining. `done`: each task's seconds; `running`: those of the current task so far.

        The pace is that of the finished tasks, shrunk towards the reference pace while they are few.
        """
        pace = (PRIOR_SECONDS + sum(done.values())) / (PRIOR_SECONDS + self.expected_seconds(done))
        pending = [task for task in self.tasks if task not in done]
        current = min(running, pace * self.expected_seconds(pending[:1]))
        return pace * self.expected_seconds(pending) - current


def format_duration(seconds: float) -> str:
    """Return an estimated duration as text: less than a minute, about a minute, about 4 minutes."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute"
    return "about a minute" if minutes == 1 else f"about {minutes} minutes"

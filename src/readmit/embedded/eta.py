"""How long the days take: what each step is expected to cost, and what is left of it all."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from readmit.pipeline import STEPS

ONCE_SECONDS = {
    **{"check_source": 0.1, "fetch": 0.2, "store_raw": 0.3, "clean": 0.4, "store_clean": 0.3, "split": 0.1},
    **{"upload": 0.5, "train": 18.0, "register": 2.2, "promote": 1.3, "signal": 0.8},
}
"""What a step of one batch takes on two cores, whatever came before it."""
SECONDS_PER_1000 = {"train": 0.15, "register": 0.075, "promote": 0.045}
"""What it takes more for each 1,000 encounters of all batches so far: these steps work on all of them."""
START_SECONDS = 35.0
"""Until the services answer and the first step begins."""
KNOWN_SECONDS = 10.0
"""So many seconds of work weigh as much as the expectation when the machine's pace is judged."""

Task = tuple[int, str]
"""A step of a batch."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run has to do, in order, on batches of about `rows` encounters."""

    tasks: Sequence[Task]
    rows: float

    @classmethod
    def of(cls, batches: Collection[int], rows: float, training_alone: bool = False) -> "Plan":
        """All steps of some batches, or those of the training group alone."""
        names = [step.name for step in STEPS if step.group == "training" or not training_alone]
        return cls([(batch, name) for batch in sorted(batches) for name in names], rows)

    def expected(self, tasks: Collection[Task]) -> float:
        """The seconds of some tasks at the pace that was measured."""
        return sum(
            ONCE_SECONDS[step] + SECONDS_PER_1000.get(step, 0.0) * batch * self.rows / 1000 for batch, step in tasks
        )

    def left(self, done: Mapping[Task, float], running: float = 0.0) -> float:
        """Seconds that are left. `done`: what each task took; `running`: for how long the next one has been at work.

        At the pace of what is done; as long as that is little, near to the one that was measured.
        """
        pace = (KNOWN_SECONDS + sum(done.values())) / (KNOWN_SECONDS + self.expected(done))
        ahead = [task for task in self.tasks if task not in done]
        at_work = min(running, pace * self.expected(ahead[:1]))
        return pace * self.expected(ahead) - at_work


def in_words(seconds: float) -> str:
    """A time that is only an estimate: under half a minute, about a minute, about 4 minutes."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute"
    return "about a minute" if minutes == 1 else f"about {minutes} minutes"

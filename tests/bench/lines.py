"""What was measured, line by line, against the bars that the project has set itself."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from tests.bench import beside, singles
from tests.bench.batches import Seconds
from tests.bench.bodies import ROWS
from tests.bench.rivals import BARE, FASTAPI, MLFLOW, OURS, SILENT, UNSIGNED, Memory

ADDITIVE = ("logistic_regression",)
"""Candidates whose score is a sum over the fields; all others are trees."""
BATCH_GOAL, ADDITIVE_BATCH_GOAL = 4.0, 10.0


@dataclass(frozen=True, slots=True)
class Line:
    """`value`: what is judged, the ratio of `ours` to `theirs` or, without a rival, `ours`; None: not measured.

    `at_most`: the less the better. Without a bar a line is told and not judged.
    """

    what: str
    unit: str
    ours: float | None
    theirs: float | None
    value: float | None
    bar: float | None
    goal: float | None
    at_most: bool = False

    @property
    def verdict(self) -> str:
        """goal, pass, miss; not taken: there was nothing to measure; empty: no bar."""
        if self.value is None:
            return "not taken"
        if self.bar is None:
            return ""
        return "goal" if self._reaches(self.goal) else "pass" if self._reaches(self.bar) else "miss"

    def _reaches(self, mark: float | None) -> bool:
        if mark is None or self.value is None:
            return False
        return self.value <= mark if self.at_most else self.value >= mark


@dataclass(frozen=True, slots=True)
class Measured:
    """All samples, in the order in which they were taken."""

    singles: Mapping[str, Sequence[singles.Sample]]
    batches: Mapping[str, Sequence[Seconds]]
    beside: Sequence[beside.Sample]


def lines(measured: Measured, candidate: str) -> list[Line]:
    """The medians of all rounds, compared."""
    middle = {name: singles.middle(samples) for name, samples in measured.singles.items()}
    return [*_single_lines(middle), *_batch_lines(measured.batches, candidate), *_beside_lines(measured.beside)]


def _single_lines(middle: Mapping[str, singles.Sample]) -> list[Line]:
    """Whoever runs in two ways has to be beaten in both."""
    return [
        *(_faster(middle, rival, 20, 40) for rival in (FASTAPI, UNSIGNED)),
        _faster(middle, MLFLOW, 130, 250),
        *(_faster(middle, rival, 0.25, 0.45) for rival in (BARE, SILENT)),
        *(_sooner(middle, rival, 1 / 5, 1 / 8) for rival in (FASTAPI, UNSIGNED)),
        *_smaller(middle[OURS].memory, middle[FASTAPI].memory, 1 / 2, 1 / 4),
    ]


def _faster(middle: Mapping[str, singles.Sample], rival: str, bar: float, goal: float) -> Line:
    ours, theirs = (middle[name].many.per_second for name in (OURS, rival))
    return _ratio(f"/predict at {singles.MANY} connections, to {rival}", "1/s", ours, theirs, bar, goal)


def _sooner(middle: Mapping[str, singles.Sample], rival: str, bar: float, goal: float) -> Line:
    ours, theirs = (middle[name].one.p99 for name in (OURS, rival))
    return _ratio(f"p99 at 1 connection, to {rival}", "ms", ours, theirs, bar, goal, at_most=True)


def _smaller(ours: Memory, theirs: Memory, bar: float, goal: float) -> list[Line]:
    return [
        _ratio(f"memory, RSS, to {FASTAPI}", "MiB", ours.rss, theirs.rss, bar, goal, at_most=True),
        _ratio(f"memory, PSS, to {FASTAPI}", "MiB", ours.pss, theirs.pss, bar, goal, at_most=True),
    ]


def _batch_lines(batches: Mapping[str, Sequence[Seconds]], candidate: str) -> list[Line]:
    goal = ADDITIVE_BATCH_GOAL if candidate in ADDITIVE else BATCH_GOAL
    return [
        _ratio(
            f"batch of {ROWS:,} as {kind}, to the pipeline",
            "rows/s",
            _rows_per_second(each[kind] for each in batches["api"]),
            _rows_per_second(each[kind] for each in batches["pipeline"]),
            2,
            goal,
        )
        for kind in batches["api"][0]
    ]


def _beside_lines(samples: Sequence[beside.Sample]) -> list[Line]:
    alone = singles.middle_load(each.alone for each in samples).p99
    besides = singles.middle_load(each.beside for each in samples).p99
    explained = [each.explained for each in samples if each.explained is not None]
    p50 = singles.middle_load(explained).p50 if explained else None
    many = f"p99 at {singles.MANY} connections beside batches, to alone"
    return [
        _ratio(many, "ms", besides, alone, 3, None, at_most=True),
        Line("explain=true at 1 connection, p50", "ms", p50, None, p50, 3, None, at_most=True),
    ]


def _ratio(
    what: str,
    unit: str,
    ours: float | None,
    theirs: float | None,
    bar: float | None,
    goal: float | None,
    at_most: bool = False,
) -> Line:
    value = None if ours is None or theirs is None else ours / theirs
    return Line(what, unit, ours, theirs, value, bar, goal, at_most)


def _rows_per_second(took: Iterable[float | None]) -> float | None:
    seconds = [each for each in took if each is not None]
    return ROWS / median(seconds) if seconds else None

"""Comparisons with the project's own thresholds."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from tests.bench import beside, singles
from tests.bench.batches import Seconds
from tests.bench.bodies import ROWS
from tests.bench.rivals import BARE, FASTAPI, MLFLOW, READMIT, SILENT, UNSIGNED, Memory

ADDITIVE = ("logistic_regression",)
"""Candidates whose score is a sum over the fields; all others are trees."""
BATCH_GOAL, ADDITIVE_BATCH_GOAL = 4.0, 10.0


@dataclass(frozen=True, slots=True)
class Line:
    """One comparison. `value`: the ratio of `ours` to `theirs`, or `ours` alone; None: not measured.

    `at_most`: lower is better. `bar`: required; `goal`: desired. A line without a bar has no verdict.
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
        """Return goal, pass or miss; not taken when nothing was measured; empty without a bar."""
        if self.value is None:
            return "not taken"
        if self.bar is None:
            return ""
        return "goal" if self._reaches(self.goal) else "pass" if self._reaches(self.bar) else "miss"

    def _reaches(self, limit: float | None) -> bool:
        if limit is None or self.value is None:
            return False
        return self.value <= limit if self.at_most else self.value >= limit


@dataclass(frozen=True, slots=True)
class Measured:
    """All samples in the order of measurement."""

    singles: Mapping[str, Sequence[singles.Sample]]
    batches: Mapping[str, Sequence[Seconds]]
    beside: Sequence[beside.Sample]


def lines(measured: Measured, candidate: str) -> list[Line]:
    """Compare the medians of all rounds."""
    medians = {name: singles.median_sample(samples) for name, samples in measured.singles.items()}
    return [*_server_lines(medians), *_batch_lines(measured.batches, candidate), *_beside_lines(measured.beside)]


def _server_lines(medians: Mapping[str, singles.Sample]) -> list[Line]:
    """Compare with every server; those with two variants count twice."""
    return [
        *(_throughput_line(medians, server, 20, 40) for server in (FASTAPI, UNSIGNED)),
        _throughput_line(medians, MLFLOW, 130, 250),
        *(_throughput_line(medians, server, 0.25, 0.45) for server in (BARE, SILENT)),
        *(_latency_line(medians, server, 1 / 5, 1 / 8) for server in (FASTAPI, UNSIGNED)),
        *_memory_lines(medians[READMIT].memory, medians[FASTAPI].memory, 1 / 2, 1 / 4),
    ]


def _throughput_line(medians: Mapping[str, singles.Sample], server: str, bar: float, goal: float) -> Line:
    ours, theirs = (medians[name].many.per_second for name in (READMIT, server))
    return _ratio(f"/predict at {singles.MANY} connections, to {server}", "1/s", ours, theirs, bar, goal)


def _latency_line(medians: Mapping[str, singles.Sample], server: str, bar: float, goal: float) -> Line:
    ours, theirs = (medians[name].one.p99 for name in (READMIT, server))
    return _ratio(f"p99 at 1 connection, to {server}", "ms", ours, theirs, bar, goal, at_most=True)


def _memory_lines(ours: Memory, theirs: Memory, bar: float, goal: float) -> list[Line]:
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
            _rows_per_second(seconds[kind] for seconds in batches["api"]),
            _rows_per_second(seconds[kind] for seconds in batches["pipeline"]),
            2,
            goal,
        )
        for kind in batches["api"][0]
    ]


def _beside_lines(samples: Sequence[beside.Sample]) -> list[Line]:
    alone_p99 = singles.median_load(sample.alone for sample in samples).p99
    beside_p99 = singles.median_load(sample.beside for sample in samples).p99
    explained = [sample.explained for sample in samples if sample.explained is not None]
    p50 = singles.median_load(explained).p50 if explained else None
    name = f"p99 at {singles.MANY} connections beside batches, to alone"
    return [
        _ratio(name, "ms", beside_p99, alone_p99, 3, None, at_most=True),
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


def _rows_per_second(durations: Iterable[float | None]) -> float | None:
    seconds = [duration for duration in durations if duration is not None]
    return ROWS / median(seconds) if seconds else None

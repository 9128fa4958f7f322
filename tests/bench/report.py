"""The report of one run: as JSON, on the terminal and as Markdown."""

import json
from dataclasses import asdict, dataclass

from rich.table import Table

from tests.bench import singles
from tests.bench.lines import ADDITIVE, Line, Measured, lines
from tests.bench.machine import Machine
from tests.bench.singles import MANY, ONE

HEADER = ("", "ours", "theirs", "ratio", "bar", "goal", "")
COLOURS = {"goal": "green", "pass": "green", "miss": "red", "not taken": "yellow", "": ""}
RIVALS = (
    "",
    *(f"{what} at {many}" for many in (MANY, ONE) for what in ("1/s", "p50 ms", "p99 ms")),
    "RSS MiB",
    "PSS MiB",
)


@dataclass(frozen=True, slots=True)
class Served:
    """What our API served: a version, of which candidate, made from so many batches, and `distinct` rows of a batch."""

    version: str
    candidate: str
    batches: int
    distinct: int


@dataclass(frozen=True, slots=True)
class Report:
    """`date`: of the day, as ISO writes it. `rounds`, `seconds`: how often, and how long each load lasted."""

    date: str
    rounds: int
    seconds: int
    machine: Machine
    served: Served
    measured: Measured

    @property
    def lines(self) -> list[Line]:
        return lines(self.measured, self.served.candidate)

    def to_json(self) -> str:
        """With the lines and their verdicts."""
        told = [{**asdict(line), "verdict": line.verdict} for line in self.lines]
        return json.dumps({**asdict(self), "lines": told}, indent=1)

    def tables(self) -> list[Table]:
        """The rivals by themselves; then the lines, each with its bar and verdict."""
        rivals, judged = Table(*RIVALS), Table(*HEADER)
        for cells in _rival_rows(self.measured):
            rivals.add_row(*cells)
        for line in self.lines:
            judged.add_row(*_cells(line), style=COLOURS[line.verdict])
        return [rivals, judged]

    def words(self) -> str:
        """How and on what it was measured, as Markdown."""
        kind = "additive" if self.served.candidate in ADDITIVE else "trees"
        pinned = "" if self.machine.pinned else " This system pins no process to a core: figures are not pinned."
        versions = ", ".join(f"{name} {number}" for name, number in self.machine.versions.items())
        here, served = self.machine, self.served
        return (
            f"{self.date}; medians of {self.rounds}, loads of {self.seconds} s. {here.processor}, {here.cores} cores, "
            f"{here.kernel}, load average before the start {here.busy}.{pinned} Served: version {served.version}, "
            f"`{served.candidate}` ({kind}), from {served.batches} batches; a batch has {served.distinct:,} different "
            f"rows. {versions}."
        )

    def markdown(self) -> str:
        """Both tables and the words."""
        judged = _markdown(HEADER, [_cells(line) for line in self.lines])
        return "\n\n".join((judged, _markdown(RIVALS, _rival_rows(self.measured)), self.words()))


def _rival_rows(measured: Measured) -> list[tuple[str, ...]]:
    made = []
    for name, samples in measured.singles.items():
        each = singles.middle(samples)
        figures = [figure for load in (each.many, each.one) for figure in (load.per_second, load.p50, load.p99)]
        made.append((name, *(_number(figure) for figure in (*figures, each.memory.rss, each.memory.pss))))
    return made


def _cells(line: Line) -> tuple[str, ...]:
    sign = "≤" if line.at_most else "≥"
    marks = ("" if mark is None else f"{sign} {mark:g}" for mark in (line.bar, line.goal))
    ratio = "" if line.theirs is None else _number(line.value)
    figures = (f"{_number(each)} {line.unit}" if each is not None else "" for each in (line.ours, line.theirs))
    return (line.what, *figures, ratio, *marks, line.verdict)


def _number(value: float | None) -> str:
    """Three digits that say something, or all before the point."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _markdown(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    aligned = "|---|" + "---:|" * (len(header) - 1)
    return "\n".join((f"| {' | '.join(header)} |", aligned, *(f"| {' | '.join(cells)} |" for cells in rows)))

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
SERVER_HEADER = (
    "",
    *(f"{what} at {many}" for many in (MANY, ONE) for what in ("1/s", "p50 ms", "p99 ms")),
    "RSS MiB",
    "PSS MiB",
)


@dataclass(frozen=True, slots=True)
class Served:
    """The served version: its candidate, its number of training batches, and the `distinct` rows of a batch."""

    version: str
    candidate: str
    batches: int
    distinct: int


@dataclass(frozen=True, slots=True)
class Report:
    """A benchmark report. `date`: ISO date; `rounds`: number of rounds; `seconds`: duration of each load."""

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
        """Return the report as JSON, with the lines and their verdicts."""
        rows = [{**asdict(line), "verdict": line.verdict} for line in self.lines]
        return json.dumps({**asdict(self), "lines": rows}, indent=1)

    def tables(self) -> list[Table]:
        """Return the table of the servers and the table of the comparisons with their verdicts."""
        servers, lines = Table(*SERVER_HEADER), Table(*HEADER)
        for cells in _server_rows(self.measured):
            servers.add_row(*cells)
        for line in self.lines:
            lines.add_row(*_cells(line), style=COLOURS[line.verdict])
        return [servers, lines]

    def summary(self) -> str:
        """Return the conditions of the measurement as Markdown."""
        kind = "additive" if self.served.candidate in ADDITIVE else "trees"
        pinning = "" if self.machine.pinned else " This system can't pin processes to a core: figures are not pinned."
        versions = ", ".join(f"{name} {number}" for name, number in self.machine.versions.items())
        machine, served = self.machine, self.served
        return (
            f"{self.date}; medians of {self.rounds}, loads of {self.seconds} s. {machine.processor}, "
            f"{machine.cores} cores, {machine.kernel}, load average before the start {machine.busy}.{pinning} "
            f"Served: version {served.version}, `{served.candidate}` ({kind}), from {served.batches} batches; "
            f"a batch has {served.distinct:,} different rows. {versions}."
        )

    def markdown(self) -> str:
        """Return both tables and the summary as Markdown."""
        table = _markdown_table(HEADER, [_cells(line) for line in self.lines])
        return "\n\n".join((table, _markdown_table(SERVER_HEADER, _server_rows(self.measured)), self.summary()))


def _server_rows(measured: Measured) -> list[tuple[str, ...]]:
    rows = []
    for name, samples in measured.singles.items():
        median = singles.median_sample(samples)
        figures = [figure for load in (median.many, median.one) for figure in (load.per_second, load.p50, load.p99)]
        rows.append((name, *(_number(figure) for figure in (*figures, median.memory.rss, median.memory.pss))))
    return rows


def _cells(line: Line) -> tuple[str, ...]:
    sign = "≤" if line.at_most else "≥"
    limits = ("" if limit is None else f"{sign} {limit:g}" for limit in (line.bar, line.goal))
    ratio = "" if line.theirs is None else _number(line.value)
    figures = (f"{_number(figure)} {line.unit}" if figure is not None else "" for figure in (line.ours, line.theirs))
    return (line.what, *figures, ratio, *limits, line.verdict)


def _number(value: float | None) -> str:
    """Format with three significant digits, or without decimals from 100 on."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _markdown_table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    aligned = "|---|" + "---:|" * (len(header) - 1)
    return "\n".join((f"| {' | '.join(header)} |", aligned, *(f"| {' | '.join(cells)} |" for cells in rows)))

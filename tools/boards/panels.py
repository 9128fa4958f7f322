"""Boards and panels as they are written: what each one shows, independent of Grafana's format."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial

GREEN, ORANGE, RED, BLUE, PURPLE, GREY = "green", "orange", "red", "blue", "purple", "text"
"""Names of Grafana's palette."""
Thresholds = tuple[tuple[float | None, str], ...]
"""(lowest value, colour) in increasing order; the first value is None: no lower bound."""
NEUTRAL: Thresholds = ((None, BLUE),)
LETTERS = "ABCDEFGH"
"""Names of the queries of a panel, in order."""
GRID_COLUMNS = 24
TILE_HEIGHT, GRAPH_HEIGHT = 4, 8


class PanelKind(StrEnum):
    """The visualization of a panel: the ID of Grafana's plugin."""

    STAT = "stat"
    TIME_SERIES = "timeseries"
    BAR_GAUGE = "bargauge"
    TABLE = "table"
    STATE_TIMELINE = "state-timeline"
    HEATMAP = "heatmap"


@dataclass(frozen=True, slots=True)
class Query:
    """A PromQL query. `legend`: name of each series, with {{label}}.

    `empty_when`: the normal state in which it returns nothing; without it, no data means that something is wrong.
    """

    expr: str
    legend: str = ""
    empty_when: str = ""


@dataclass(frozen=True, slots=True)
class Style:
    """How a panel draws its series.

    `colors`: by name of a series, or by regular expression between slashes. `mappings`: text and colour of a value.
    `bands`: the upper bound of an interval with its lower bound. `text`: what a tile shows, "auto", "value" or "name".
    """

    colors: Mapping[str, str] = field(default_factory=dict)
    mappings: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    bands: Mapping[str, str] = field(default_factory=dict)
    decimals: int | None = None
    low: float | None = None
    high: float | None = None
    stacked: bool = False
    stepped: bool = False
    sparkline: bool = False
    calcs: tuple[str, ...] = ("mean", "max", "lastNotNull")
    text: str = "auto"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: a label, or the value of a query by its letter as in 'A'. `unit`: of a value."""

    source: str
    title: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel. `alerts`: those that watch what it shows; `boards`: UIDs of boards with details."""

    kind: PanelKind
    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    width: int = 12
    height: int = GRAPH_HEIGHT
    thresholds: Thresholds = NEUTRAL
    style: Style = Style()
    columns: tuple[Column, ...] = ()
    alerts: tuple[str, ...] = ()
    boards: tuple[str, ...] = ()

    @property
    def is_instant(self) -> bool:
        """Whether its queries return the present only, not a value for each point in time."""
        return self.kind in (PanelKind.STAT, PanelKind.BAR_GAUGE, PanelKind.TABLE) and not self.style.sparkline

    @property
    def no_value(self) -> str:
        """The text in place of data when every query may be empty."""
        reasons = [query.empty_when for query in self.queries]
        return f"{reasons[0][0].upper()}{reasons[0][1:]}" if all(reasons) else ""


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of a board: the values of a label, after which it is named. `default`: empty for all values.

    `selector`: the series with this label.
    """

    name: str
    selector: str
    default: str = ""

    @property
    def query(self) -> str:
        """Grafana's query for the values."""
        return f"label_values({self.selector}, {self.name})"

    @property
    def selects_many(self) -> bool:
        """Whether several values, or all, can be selected."""
        return not self.default


@dataclass(frozen=True, slots=True)
class PanelRow:
    """A titled row of panels, which wrap after GRID_COLUMNS."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """A Grafana dashboard. `period`: the time range shown at first, up to now, such as 24h.

    `marks`: queries whose value is a time in milliseconds to mark in every graph, by name.
    """

    uid: str
    title: str
    description: str
    period: str
    variables: tuple[Variable, ...]
    rows: tuple[PanelRow, ...]
    marks: Mapping[str, str] = field(default_factory=dict)


tile = partial(Panel, PanelKind.STAT, width=3, height=TILE_HEIGHT)
graph = partial(Panel, PanelKind.TIME_SERIES, width=12)
bars = partial(Panel, PanelKind.BAR_GAUGE, width=6)
table = partial(Panel, PanelKind.TABLE, width=12)
timeline = partial(Panel, PanelKind.STATE_TIMELINE, width=12)
heatmap = partial(Panel, PanelKind.HEATMAP, width=12)
"""Panels by kind, with the usual size of each."""

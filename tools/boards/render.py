"""Pictures of boards with the data of a Prometheus server (`just ops::boards`): Grafana itself is not needed."""

import argparse
import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import httpx
from matplotlib.figure import Figure

from tools.boards.__main__ import BOARDS
from tools.boards.drawing import BACKGROUND, TEXT, Drawn, draw
from tools.boards.grid import Place, place_rows
from tools.boards.interpolation import SCRAPE_SECONDS, built_in_values, interpolate, select
from tools.boards.panels import GRID_COLUMNS, Board, Panel, PanelKind
from tools.boards.query_api import Period, PrometheusApi, Series

INCHES_PER_COLUMN, INCHES_PER_LINE, DOTS_PER_INCH = 0.72, 0.36, 90
MARGINS = {PanelKind.STAT: 0.3, PanelKind.TABLE: 0.3, PanelKind.BAR_GAUGE: 2.0, PanelKind.STATE_TIMELINE: 2.6}
"""Columns to the left of a panel's axes for its labels, where they are not 1."""
POINTS = 240
"""Points of a graph."""
SECONDS = {"m": 60, "h": 3_600, "d": 86_400}


def period_of(text: str, end: float) -> Period:
    """Return a time range such as 24h up to a time, with POINTS points but no finer than the scrapes."""
    match = re.fullmatch(r"(\d+)([mhd])", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text}: expected a number and m, h or d, such as 90m")
    seconds = int(match[1]) * SECONDS[match[2]]
    return Period(end - seconds, end, max(seconds // POINTS, SCRAPE_SECONDS))


def variable_values(board: Board, api: PrometheusApi, period: Period) -> dict[str, str]:
    """Return the values of a board's variables as when it opens: everything, but for a variable with a default."""
    values = built_in_values(period.seconds, period.step)
    for variable in board.variables:
        offered = api.label_values(interpolate(variable.selector, values), variable.name, period)
        values[variable.name] = select([variable.default] if variable.default else offered)
    return values


def run_queries(
    panel: Panel, values: Mapping[str, str], api: PrometheusApi, period: Period
) -> tuple[tuple[Series, ...], ...]:
    """Return the series of each query of a panel."""
    expressions = [interpolate(query.expr, values) for query in panel.queries]
    if panel.is_instant:
        return tuple(tuple(api.query(expr, period.end)) for expr in expressions)
    return tuple(tuple(api.query_range(expr, period)) for expr in expressions)


def draw_board(board: Board, api: PrometheusApi, period: Period) -> Figure:
    """Return the picture of a board."""
    rows, values = list(place_rows(board.rows)), variable_values(board, api, period)
    lines = max(place.y + place.height for _, _, panels in rows for _, place in panels)
    figure = Figure(figsize=(GRID_COLUMNS * INCHES_PER_COLUMN, lines * INCHES_PER_LINE), dpi=DOTS_PER_INCH)
    figure.set_facecolor(BACKGROUND)
    for row, title, panels in rows:
        figure.text(0.01, 1 - (title.y + 0.7) / lines, row.title, color=TEXT, fontsize=10, weight="bold")
        for panel, place in panels:
            axes = figure.add_axes(_rectangle(panel, place, lines))
            results = run_queries(panel, values, api, period)
            draw(axes, Drawn(replace(panel, title=interpolate(panel.title, values)), results, period))
    return figure


def _rectangle(panel: Panel, place: Place, lines: int) -> tuple[float, float, float, float]:
    """Return left, bottom, width and height of a panel's axes as shares of the figure, with space for its labels."""
    margin = MARGINS.get(panel.kind, 1.0)
    bottom = 1 - (place.y + place.height - 0.8) / lines
    width, height = (place.width - margin - 0.2) / GRID_COLUMNS, (place.height - 1.9) / lines
    return (place.x + margin) / GRID_COLUMNS, bottom, width, height


def _checked_range(text: str) -> str:
    period_of(text, 0.0)
    return text


def main(arguments: Sequence[str]) -> int:
    """Draw every board into a folder. Returns 1, with a message, when Prometheus does not respond."""
    parser = argparse.ArgumentParser(prog="just ops::boards", description=__doc__)
    parser.add_argument("--prometheus", required=True, metavar="URL", help="address of the Prometheus server")
    parser.add_argument("--folder", type=Path, default=Path("var/boards"), help="default: %(default)s")
    parser.add_argument(
        "--range", type=_checked_range, metavar="90m", help="time range up to now; default: that of each board"
    )
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    api = PrometheusApi(options.prometheus)
    for board in BOARDS:
        file = options.folder / f"board-{board.uid}.png"
        try:
            draw_board(board, api, period_of(options.range or board.period, time.time())).savefig(file)
        except httpx.HTTPError as error:
            print(f"Prometheus at {options.prometheus}: {error}. Is the stack up? just up", file=sys.stderr)
            return 1
        print(file)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

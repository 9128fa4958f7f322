"""Positions of panels on Grafana's grid of 24 columns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tools.boards.panels import GRID_COLUMNS, Panel, PanelRow

TITLE_HEIGHT = 1


@dataclass(frozen=True, slots=True)
class Place:
    """A rectangle on the grid, from its left upper corner."""

    x: int
    y: int
    width: int
    height: int


def place_rows(rows: Sequence[PanelRow]) -> Iterator[tuple[PanelRow, Place, list[tuple[Panel, Place]]]]:
    """Yield each row with the place of its title and of each of its panels, from top to bottom."""
    y = 0
    for row in rows:
        title, panels = Place(0, y, GRID_COLUMNS, TITLE_HEIGHT), _place_panels(row.panels, y + TITLE_HEIGHT)
        yield row, title, panels
        y = max(place.y + place.height for _, place in panels)


def _place_panels(panels: Sequence[Panel], y: int) -> list[tuple[Panel, Place]]:
    """Return the panels from left to right; one that does not fit beside the others begins a new line."""
    placed: list[tuple[Panel, Place]] = []
    x = height = 0
    for panel in panels:
        if x + panel.width > GRID_COLUMNS:
            x, y, height = 0, y + height, 0
        placed.append((panel, Place(x, y, panel.width, panel.height)))
        x, height = x + panel.width, max(height, panel.height)
    return placed

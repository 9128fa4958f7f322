"""The results page: one HTML file that needs no network, rendered from the report alone.

Each number on it is a `<data>` element with the report's own value, so that a test can compare the two.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from readmit.embedded.labels import READMISSION_WINDOWS
from readmit.embedded.svg_plots import Axis, Plot, axis_range
from readmit.step_summary import OUTCOMES

TEMPLATES = Path(__file__).parent / "templates"
MISSING_VALUE, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"
SQUARE_FRAME = {"left": 46, "right": 308, "top": 8, "bottom": 280}
"""The frame of a curve in a picture of 320 by 320."""
LOWEST_BENEFIT = -0.02
BATCH_FRAME = {"left": 44, "right": 352, "top": 10, "bottom": 200}
"""The frame of a plot by batch in a picture of 360 by 240."""


def render_page(report: Mapping[str, object]) -> str:
    """Return the whole page. `report`: the parsed `report.json`."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "integer": integer,
        "figure": figure,
        "percent": percent,
        "of_100": of_100,
        "seconds": seconds,
        "readable_name": readable_name,
    }
    environment.globals |= {
        "square_plot": square_plot,
        "batch_plot": batch_plot,
        "benefit_plot": benefit_plot,
        "interval_axis": interval_axis,
        "axis_range": axis_range,
    }
    template = environment.get_template("results.html.j2")
    return template.render(report, readmission_windows=READMISSION_WINDOWS, outcomes=OUTCOMES)


def _data_element(value: float, text: str) -> Markup:
    return Markup('<data value="{}">{}</data>').format(repr(value), text)


def integer(value: int | None) -> Markup | str:
    """Format a count: 30,000."""
    return MISSING_VALUE if value is None else _data_element(value, f"{value:,}")


def figure(value: float | None, digits: int = 3) -> Markup | str:
    """Format a measure: 0.677."""
    return MISSING_VALUE if value is None else _data_element(value, f"{value:.{digits}f}".replace("-", MINUS))


def percent(value: float | None, digits: int = 0) -> Markup | str:
    """Format a share: 14 %."""
    return MISSING_VALUE if value is None else _data_element(value, f"{100 * value:.{digits}f}\N{NO-BREAK SPACE}%")


def of_100(value: float | None) -> Markup | str:
    """Format a share as a number of 100."""
    return MISSING_VALUE if value is None else _data_element(value, f"{100 * value:.0f}")


def seconds(value: float | None) -> Markup | str:
    """Format a duration: 0.7 s, 21 s."""
    return (
        MISSING_VALUE
        if value is None
        else _data_element(value, f"{value:,.{1 if value < 9.95 else 0}f}\N{NO-BREAK SPACE}s")
    )


def readable_name(name: str) -> str:
    """Return a name from the code as text, with spaces."""
    return name.replace("_", " ")


def square_plot(x_high: float = 1.0, y_high: float = 1.0) -> Plot:
    """Return a plot of shares, from 0 on both axes."""
    x = Axis(0.0, x_high, SQUARE_FRAME["left"], SQUARE_FRAME["right"])
    return Plot(x, Axis(0.0, y_high, SQUARE_FRAME["bottom"], SQUARE_FRAME["top"]))


def benefit_plot(points: Sequence[Mapping[str, Any]]) -> Plot:
    """Return a plot of net benefit by threshold. `points`: of the decision curve.

    It ends at LOWEST_BENEFIT, because the loss by flagging everyone would hide the rest.
    """
    thresholds = [point["threshold"] for point in points]
    highest = max(bound for point in points for bound in (point["model"]["high"], point["everyone"]))
    x = Axis(min(thresholds), max(thresholds), SQUARE_FRAME["left"], SQUARE_FRAME["right"])
    return Plot(x, Axis(LOWEST_BENEFIT, highest, SQUARE_FRAME["bottom"], SQUARE_FRAME["top"]))


def batch_plot(batches: int, low: float, high: float) -> Plot:
    """Return a plot of one value per batch, at the positions 1 to `batches`."""
    x = Axis(0.5, batches + 0.5, BATCH_FRAME["left"], BATCH_FRAME["right"])
    return Plot(x, Axis(low, high, BATCH_FRAME["bottom"], BATCH_FRAME["top"]))


def interval_axis(low: float, high: float) -> Axis:
    """Return the axis of an interval in a row of a table."""
    return Axis(low, high, 4, 116)

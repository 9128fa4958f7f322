"""The page of results: one HTML file that needs no network, made from the report and from nothing else.

Each number on it is a `<data>` element that carries the report's own value, so that a test can hold the two together.
"""

from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from readmit.embedded.labels import COME_BACK
from readmit.embedded.svg_plots import Axis, Plot, around
from readmit.step_summary import OUTCOMES

TEMPLATES = Path(__file__).parent / "templates"
NO_NUMBER, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"
SQUARE = {"left": 46, "right": 308, "top": 8, "bottom": 280}
"""The frame of a curve on a picture of 320 by 320."""
WIDE = {"left": 44, "right": 352, "top": 10, "bottom": 200}
"""The frame of the development over batches on a picture of 360 by 240."""


def page(report: Mapping[str, object]) -> str:
    """The whole page. `report`: `report.json` as it is parsed."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "whole": whole,
        "figure": figure,
        "percent": percent,
        "of_100": of_100,
        "seconds": seconds,
        "in_words": in_words,
    }
    environment.globals |= {"square": square, "wide": wide, "whisker": whisker, "around": around}
    return environment.get_template("results.html.j2").render(report, come_back=COME_BACK, outcomes=OUTCOMES)


def _data(value: float, text: str) -> Markup:
    return Markup('<data value="{}">{}</data>').format(repr(value), text)


def whole(value: int | None) -> Markup | str:
    """A count: 30,000."""
    return NO_NUMBER if value is None else _data(value, f"{value:,}")


def figure(value: float | None, digits: int = 3) -> Markup | str:
    """A measure: 0.677."""
    return NO_NUMBER if value is None else _data(value, f"{value:.{digits}f}".replace("-", MINUS))


def percent(value: float | None, digits: int = 0) -> Markup | str:
    """A share: 14 %."""
    return NO_NUMBER if value is None else _data(value, f"{100 * value:.{digits}f}\N{NO-BREAK SPACE}%")


def of_100(value: float | None) -> Markup | str:
    """How many of 100 a share is."""
    return NO_NUMBER if value is None else _data(value, f"{100 * value:.0f}")


def seconds(value: float | None) -> Markup | str:
    """A time: 0.7 s, 21 s."""
    return NO_NUMBER if value is None else _data(value, f"{value:,.{1 if value < 9.95 else 0}f}\N{NO-BREAK SPACE}s")


def in_words(name: str) -> str:
    """A name of the code as a reader says it."""
    return name.replace("_", " ")


def square(x_high: float = 1.0, y_high: float = 1.0) -> Plot:
    """A plot of shares from 0 on."""
    x = Axis(0.0, x_high, SQUARE["left"], SQUARE["right"])
    return Plot(x, Axis(0.0, y_high, SQUARE["bottom"], SQUARE["top"]))


def wide(places: int, low: float, high: float) -> Plot:
    """A plot of one value for each of so many places, 1 to `places`."""
    x = Axis(0.5, places + 0.5, WIDE["left"], WIDE["right"])
    return Plot(x, Axis(low, high, WIDE["bottom"], WIDE["top"]))


def whisker(low: float, high: float) -> Axis:
    """The axis of an interval in a row of a table."""
    return Axis(low, high, 4, 116)

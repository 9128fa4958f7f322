"""The pictures, in blue and orange, which the colour-blind can tell apart; every number stands in words beside them."""

import math
from collections.abc import Mapping, Sequence

import altair as alt
import pandas as pd

from ui.i18n import Messages
from ui.schemas import Point

NUMBER = {"en": "datum.label", "es": "replace(replace(replace(datum.label, ',', ';'), '.', ','), ';', '.')"}
"""How a number stands at an axis, in Vega's own language."""
BINS, LEAST_WIDTH = 40, 0.01
Picture = alt.Chart | alt.LayerChart | alt.FacetChart
BLUE, ORANGE, GREY = "#0B72B5", "#D55E00", "#8A8F98"
"""Of the palette of Okabe and Ito (2008), "Color Universal Design", the first two a little darker for thin marks."""


def risk(words: Messages, probability: float, threshold: float, average: float | None) -> Picture:
    """One bar from 0, with a mark at the threshold and one at the average."""
    top = min(1.0, max(probability, threshold, average or 0.0) * 1.25)
    x = alt.X("share:Q", scale=alt.Scale(domain=[0, top]), axis=alt.Axis(format=".0%", title=None, tickCount=6))
    y = alt.Y("what:N", title=None, sort=None)
    colour = ORANGE if probability >= threshold else BLUE
    told = {words("risk.risk"): probability, words("risk.threshold"): threshold}
    told |= {} if average is None else {words("risk.average"): average}
    frame = pd.DataFrame({"what": list(told), "share": list(told.values())})
    frame["colour"] = [colour, *[GREY] * (len(told) - 1)]
    bars = alt.Chart(frame).mark_bar(height=14).encode(x=x, y=y, color=alt.Color("colour:N", scale=None))
    rule = alt.Chart(frame[1:2]).mark_rule(color=GREY, strokeDash=[4, 4], size=2).encode(x=x)
    return alt.layer(bars, rule).properties(height=130, description=words("risk.axis"))


def contributions(words: Messages, found: Mapping[str, float], scale: str) -> Picture:
    """A bar for each field, to the right where it raises the risk and to the left where it lowers it."""
    raises, lowers = words("why.raises"), words("why.lowers")
    frame = pd.DataFrame({"field": list(found), "adds": list(found.values())})
    frame["way"] = [raises if value > 0 else lowers for value in found.values()]
    colour = alt.Color(
        "way:N",
        title=None,
        scale=alt.Scale(domain=[raises, lowers], range=[ORANGE, BLUE]),
        legend=alt.Legend(orient="bottom"),
    )
    made: Picture = (
        alt.Chart(frame)
        .mark_bar()
        .encode(
            x=alt.X(
                "adds:Q",
                title=words("why.axis", scale=words.term(scale)),
                axis=alt.Axis(labelExpr=NUMBER[words.language]),
            ),
            y=alt.Y("field:N", sort=None, title=None, axis=alt.Axis(labelLimit=320)),
            color=colour,
            tooltip=[
                alt.Tooltip("field:N", title=words("why.field")),
                alt.Tooltip("adds:Q", title=scale, format="+.3f"),
            ],
        )
        .properties(height=alt.Step(24), description=words("why.title"))
    )
    return made


def histogram(words: Messages, probabilities: Sequence[float], threshold: float) -> Picture:
    """How many encounters have which risk; those from the threshold on in orange."""
    yes, no = words("answer.yes"), words("answer.no")
    frame = _binned(probabilities, threshold)
    frame["answer"] = [yes if low >= threshold else no for low in frame["low"]]
    colour = alt.Scale(domain=[yes, no], range=[ORANGE, BLUE])
    made: Picture = (
        alt.Chart(frame)
        .mark_bar()
        .encode(
            x=alt.X("low:Q", axis=_percent_axis(words("risk.axis")), bin="binned"),
            x2="high:Q",
            y=alt.Y("encounters:Q", title=words("many.encounters"), axis=alt.Axis(labelExpr=NUMBER[words.language])),
            color=alt.Color("answer:N", title=None, scale=colour, legend=alt.Legend(orient="bottom")),
        )
        .properties(height=260, description=words("many.histogram"))
    )
    return made


def _binned(probabilities: Sequence[float], threshold: float) -> pd.DataFrame:
    """Bins of equal width, one of which begins at the threshold, so that each lies on one side of it."""
    found = pd.Series(probabilities, dtype=float)
    width = max(LEAST_WIDTH, round(float(found.max()) / BINS, 2))
    counts = ((found - threshold) / width).map(math.floor).value_counts().sort_index()
    lows = [threshold + place * width for place in counts.index]
    ends = {"low": [max(0.0, low) for low in lows], "high": [min(1.0, low + width) for low in lows]}
    return pd.DataFrame({**ends, "encounters": counts.to_list()})


def rates(words: Messages, names: Sequence[str], shares: Sequence[float], encounters: Sequence[int]) -> Picture:
    """A bar for each group: how many of its encounters were followed by a readmission."""
    frame = pd.DataFrame({"group": list(names), "rate": list(shares), "encounters": list(encounters)})
    made: Picture = (
        alt.Chart(frame)
        .mark_bar(color=BLUE)
        .encode(
            x=alt.X("rate:Q", axis=_percent_axis(words("statistics.rate"))),
            y=alt.Y("group:N", sort=None, title=None, axis=alt.Axis(labelLimit=320)),
            tooltip=[
                alt.Tooltip("group:N", title=words("statistics.group")),
                alt.Tooltip("rate:Q", title=words("statistics.rate"), format=".1%"),
                alt.Tooltip("encounters:Q", title=words("statistics.encounters"), format=","),
            ],
        )
        .properties(height=alt.Step(26), description=words("statistics.title"))
    )
    return made


def curve(points: Sequence[Point], x: str, y: str, *, diagonal: bool, dots: bool = False) -> Picture:
    """A line through points of shares, with the diagonal where it is what chance, or perfection, would give."""
    frame = pd.DataFrame(points, columns=["x", "y"])
    top = 1.0 if not dots else max(float(frame.max().max()) * 1.1, 0.05)
    axes = {
        "x": alt.X("x:Q", title=x, scale=alt.Scale(domain=[0, top]), axis=alt.Axis(format=".0%")),
        "y": alt.Y("y:Q", title=y, axis=alt.Axis(format=".0%")),
    }
    line = alt.Chart(frame).mark_line(color=BLUE, point=dots, interpolate="linear").encode(**axes, order="x:Q")
    layers = [line]
    if diagonal:
        ends = pd.DataFrame({"x": [0.0, top], "y": [0.0, top]})
        layers.insert(0, alt.Chart(ends).mark_line(color=GREY, strokeDash=[4, 4]).encode(**axes))
    return alt.layer(*layers).properties(height=280, description=f"{y} / {x}")


def _percent_axis(title: str) -> alt.Axis:
    return alt.Axis(format=".0%", title=title)

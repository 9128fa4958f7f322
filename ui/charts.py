"""Charts in blue and orange, which colour-blind readers can tell apart; the page also shows every number as text."""

import math
from collections.abc import Mapping, Sequence

import altair as alt
import pandas as pd

from ui.i18n import Messages
from ui.schemas import Point

NUMBER_EXPRESSIONS = {
    False: "datum.label",
    True: "replace(replace(replace(datum.label, ',', ';'), '.', ','), ';', '.')",
}
"""Vega expressions that format the numbers of an axis, by whether the decimal sign is a comma."""
MAX_BINS, MIN_BIN_WIDTH = 40, 0.01
MAX_LABEL_PIXELS = 320
Chart = alt.Chart | alt.LayerChart | alt.FacetChart
BLUE, ORANGE, GREY = "#0B72B5", "#D55E00", "#8A8F98"
"""From the palette of Okabe and Ito (2008), "Color Universal Design"; blue is slightly darker for thin marks."""


def risk(t: Messages, probability: float, threshold: float, average: float | None) -> Chart:
    """Return bars of the risk, the threshold and the average, with a rule at the threshold."""
    top = min(1.0, max(probability, threshold, average or 0.0) * 1.25)
    x = alt.X("share:Q", scale=alt.Scale(domain=[0, top]), axis=alt.Axis(format=".0%", title=None, tickCount=6))
    y = alt.Y("name:N", title=None, sort=None)
    colour = ORANGE if probability >= threshold else BLUE
    shares = {t("risk.risk"): probability, t("risk.threshold"): threshold}
    shares |= {} if average is None else {t("risk.average"): average}
    frame = pd.DataFrame({"name": list(shares), "share": list(shares.values())})
    frame["colour"] = [colour, *[GREY] * (len(shares) - 1)]
    bars = alt.Chart(frame).mark_bar(height=14).encode(x=x, y=y, color=alt.Color("colour:N", scale=None))
    rule = alt.Chart(frame[1:2]).mark_rule(color=GREY, strokeDash=[4, 4], size=2).encode(x=x)
    return alt.layer(bars, rule).properties(height=130, description=t("risk.axis"))


def contributions(t: Messages, values: Mapping[str, float], scale: str) -> Chart:
    """Return a bar per field below its label, to the right when it raised the model's answer, else to the left."""
    raises, lowers = t("why.raises"), t("why.lowers")
    frame = pd.DataFrame({"field": list(values), "contribution": list(values.values())})
    frame["direction"] = [raises if value > 0 else lowers for value in values.values()]
    colour = alt.Color(
        "direction:N",
        title=None,
        scale=alt.Scale(domain=[raises, lowers], range=[ORANGE, BLUE]),
        legend=alt.Legend(orient="bottom", direction="vertical", labelLimit=MAX_LABEL_PIXELS),
    )
    # Labels beside the bars would leave no room for the bars in a narrow column.
    label = alt.Axis(labelAlign="left", labelPadding=-4, labelOffset=-9, labelLimit=MAX_LABEL_PIXELS, ticks=False)
    chart: Chart = (
        alt.Chart(frame)
        .mark_bar(height=9, yOffset=6)
        .encode(
            x=alt.X(
                "contribution:Q",
                title=t("why.axis", scale=t.term(scale)),
                axis=alt.Axis(labelExpr=NUMBER_EXPRESSIONS[t.decimal_comma], tickCount=5),
            ),
            y=alt.Y("field:N", sort=None, title=None, axis=label),
            color=colour,
            tooltip=[
                alt.Tooltip("field:N", title=t("why.field")),
                alt.Tooltip("contribution:Q", title=t.term(scale), format="+.3f"),
            ],
        )
        .properties(height=alt.Step(32), description=t("why.title"))
    )
    return chart


def histogram(t: Messages, probabilities: Sequence[float], threshold: float) -> Chart:
    """Return the histogram of the risk; bins at or above the threshold are orange."""
    yes, no = t("prediction.yes"), t("prediction.no")
    frame = _bins(probabilities, threshold)
    frame["prediction"] = [yes if low >= threshold else no for low in frame["low"]]
    colour = alt.Scale(domain=[yes, no], range=[ORANGE, BLUE])
    chart: Chart = (
        alt.Chart(frame)
        .mark_bar()
        .encode(
            x=alt.X("low:Q", axis=_percent_axis(t("risk.axis")), bin="binned"),
            x2="high:Q",
            y=alt.Y(
                "encounters:Q",
                title=t("batch.encounters"),
                axis=alt.Axis(labelExpr=NUMBER_EXPRESSIONS[t.decimal_comma]),
            ),
            color=alt.Color("prediction:N", title=None, scale=colour, legend=alt.Legend(orient="bottom")),
        )
        .properties(height=260, description=t("batch.histogram"))
    )
    return chart


def _bins(probabilities: Sequence[float], threshold: float) -> pd.DataFrame:
    """Return bins of equal width (low, high, encounters), aligned so that none straddles the threshold."""
    values = pd.Series(probabilities, dtype=float)
    width = max(MIN_BIN_WIDTH, round(float(values.max()) / MAX_BINS, 2))
    counts = ((values - threshold) / width).map(math.floor).value_counts().sort_index()
    lows = [threshold + position * width for position in counts.index]
    edges = {"low": [max(0.0, low) for low in lows], "high": [min(1.0, low + width) for low in lows]}
    return pd.DataFrame({**edges, "encounters": counts.to_list()})


def rates(t: Messages, names: Sequence[str], shares: Sequence[float], encounters: Sequence[int]) -> Chart:
    """Return a bar per group with its share of encounters followed by a readmission."""
    frame = pd.DataFrame({"group": list(names), "rate": list(shares), "encounters": list(encounters)})
    chart: Chart = (
        alt.Chart(frame)
        .mark_bar(color=BLUE)
        .encode(
            x=alt.X("rate:Q", axis=_percent_axis(t("statistics.rate"))),
            y=alt.Y("group:N", sort=None, title=None, axis=alt.Axis(labelLimit=320)),
            tooltip=[
                alt.Tooltip("group:N", title=t("statistics.group")),
                alt.Tooltip("rate:Q", title=t("statistics.rate"), format=".1%"),
                alt.Tooltip("encounters:Q", title=t("statistics.encounters"), format=","),
            ],
        )
        .properties(height=alt.Step(26), description=t("statistics.title"))
    )
    return chart


def curve(points: Sequence[Point], x: str, y: str, *, diagonal: bool, dots: bool = False) -> Chart:
    """Return a line through points (x, y) in [0, 1], optionally with the diagonal of chance or perfect calibration."""
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

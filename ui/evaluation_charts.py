"""Charts of the evaluation of a version: calibration with intervals, and the decision curve."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from ui.charts import BLUE, GREY, NUMBER_EXPRESSIONS, ORANGE, Chart
from ui.evaluation_schemas import CalibrationBinView, DecisionPointView
from ui.i18n import Messages

RULES = ("model", "reference", "stays", "everyone", "nobody")
"""What the decision curve compares, in the order of its legend."""
COLOURS = [BLUE, ORANGE, "#333333", GREY, GREY]
DASHES = [[1, 0], [8, 3], [2, 2], [6, 4], [1, 0]]
LOWEST_BENEFIT = -0.02
"""The axis ends here: the loss by flagging everyone would hide the rest."""


def calibration(t: Messages, bins: Sequence[CalibrationBinView]) -> Chart:
    """Return the observed rate of each bin with its interval, and the diagonal of perfect calibration."""
    frame = pd.DataFrame(
        {
            "x": [item.predicted for item in bins],
            "y": [item.observed.value for item in bins],
            "low": [item.observed.low for item in bins],
            "high": [item.observed.high for item in bins],
        }
    )
    top = max(float(frame[["x", "high"]].max().max()) * 1.05, 0.05)
    x = alt.X("x:Q", title=t("curve.predicted"), scale=alt.Scale(domain=[0, top]), axis=alt.Axis(format=".0%"))
    y = alt.Y("y:Q", title=t("curve.observed"), scale=alt.Scale(domain=[0, top]), axis=alt.Axis(format=".0%"))
    ends = pd.DataFrame({"x": [0.0, top], "y": [0.0, top]})
    diagonal = alt.Chart(ends).mark_line(color=GREY, strokeDash=[4, 4]).encode(x=x, y=y)
    low = alt.Y("low:Q", title=t("curve.observed"))
    intervals = alt.Chart(frame).mark_rule(color=BLUE).encode(x=x, y=low, y2="high:Q")
    dots = alt.Chart(frame).mark_point(color=BLUE, filled=True, size=40).encode(x=x, y=y)
    return alt.layer(diagonal, intervals, dots).properties(height=280, description=t("curve.calibration"))


def decision_curve(t: Messages, points: Sequence[DecisionPointView]) -> Chart:
    """Return the net benefit by threshold of the model, with its interval, and of the simpler rules."""
    thresholds = [points[0].threshold, points[-1].threshold]
    x = alt.X(
        "threshold:Q",
        title=t("evaluation.threshold"),
        axis=alt.Axis(format=".0%"),
        scale=alt.Scale(domain=thresholds),
    )
    chart = alt.layer(_band(t, points, x), _lines(t, points, x))
    return chart.properties(height=360, description=t("evaluation.decision_curve"))


def _lines(t: Messages, points: Sequence[DecisionPointView], x: alt.X) -> alt.Chart:
    """Return a line for each of RULES, of which the reference may be absent."""
    labels = {rule: t(f"evaluation.rule_{rule}") for rule in RULES}
    rows = [
        (point.threshold, labels[rule], benefit)
        for point in points
        for rule in RULES
        if (benefit := _benefit(point, rule)) is not None
    ]
    highest = max(benefit for *_, benefit in rows) * 1.2
    y = alt.Y(
        "benefit:Q",
        title=t("evaluation.net_benefit"),
        axis=alt.Axis(labelExpr=NUMBER_EXPRESSIONS[t.decimal_comma]),
        scale=alt.Scale(domain=[LOWEST_BENEFIT, max(highest, -LOWEST_BENEFIT)]),
    )
    legend = alt.Legend(title=None, orient="bottom", direction="vertical", labelLimit=320)
    colour = alt.Scale(domain=list(labels.values()), range=COLOURS)
    dash = alt.Scale(domain=list(labels.values()), range=DASHES)
    chart: alt.Chart = (
        alt.Chart(pd.DataFrame(rows, columns=["threshold", "rule", "benefit"]))
        .mark_line(clip=True)
        .encode(
            x=x,
            y=y,
            color=alt.Color("rule:N", scale=colour, legend=legend),
            strokeDash=alt.StrokeDash("rule:N", scale=dash, legend=legend),
        )
    )
    return chart


def _band(t: Messages, points: Sequence[DecisionPointView], x: alt.X) -> alt.Chart:
    """Return the interval of the model."""
    bounds = pd.DataFrame(
        {
            "threshold": [point.threshold for point in points],
            "low": [point.model.low for point in points],
            "high": [point.model.high for point in points],
        }
    )
    low = alt.Y("low:Q", title=t("evaluation.net_benefit"))
    chart: alt.Chart = alt.Chart(bounds).mark_area(color=BLUE, opacity=0.15, clip=True).encode(x=x, y=low, y2="high:Q")
    return chart


def _benefit(point: DecisionPointView, rule: str) -> float | None:
    value = point.model.value if rule == "model" else getattr(point, rule)
    return None if value is None else float(value)

"""Plots of the evaluation of a version, for the page of its run."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from readmit.core.evaluation import CalibrationFigures, DecisionPoint, Importance, Measure, Subgroup, VersionEvaluation
from readmit.io.registry.plots import (
    LINE_COLOR,
    REFERENCE_COLOR,
    draw_precision_recall,
    draw_roc,
    new_figure,
    to_png,
)

MAX_FIELDS = 15
INCH_PER_GROUP = 0.2
RULES = {
    "everyone": ("flag all", "--", REFERENCE_COLOR),
    "nobody": ("flag none", "-", REFERENCE_COLOR),
    "stays": ("number of inpatient stays", ":", "#333333"),
    "reference": ("reference regression", "-.", "#d55e00"),
}
"""Label, line and colour of what the model is compared with, by field of a decision point."""


def draw_evaluation(evaluation: VersionEvaluation) -> dict[str, bytes]:
    """Return the plots of an evaluation as PNG, by file name."""
    title = f"version {evaluation.version}, on test"
    base_rate = evaluation.readmitted / evaluation.encounters
    figures = {
        "test_roc.png": draw_roc(title, evaluation.roc),
        "test_precision_recall.png": draw_precision_recall(title, evaluation.precision_recall, base_rate),
        "test_calibration.png": _calibration(title, evaluation.calibration),
        "test_decision_curve.png": _decision_curve(title, evaluation.decision_curve),
        "test_subgroups.png": _subgroups(title, evaluation.subgroups),
        "test_importances.png": _importances(title, evaluation.importances),
    }
    return {name: to_png(figure) for name, figure in figures.items()}


def _calibration(title: str, calibration: CalibrationFigures) -> Figure:
    figure, axes = new_figure(title, "predicted probability", "observed rate")
    bins = [(item.predicted, *_bounds(item.observed)) for item in calibration.bins]
    limit = 1.05 * max(max(x, high) for x, _, _, high in bins)
    axes.plot([0, limit], [0, limit], color=REFERENCE_COLOR, linestyle="--", label="perfect calibration")
    for x, _, low, high in bins:
        axes.plot([x, x], [low, high], color=REFERENCE_COLOR)
    label = "equal-frequency bins, 95 % intervals"
    axes.plot([item[0] for item in bins], [item[1] for item in bins], "o", color=LINE_COLOR, markersize=4, label=label)
    axes.legend(frameon=False, loc="upper left")
    return figure


def _decision_curve(title: str, points: Sequence[DecisionPoint]) -> Figure:
    figure, axes = new_figure(title, "threshold of the probability", "net benefit per encounter")
    thresholds = [point.threshold for point in points]
    models = [_bounds(point.model) for point in points]
    axes.fill_between(thresholds, [low for _, low, _ in models], [high for *_, high in models], alpha=0.15)
    for name, (label, line, color) in RULES.items():
        values = [getattr(point, name) for point in points]
        if None not in values:
            axes.plot(thresholds, values, linestyle=line, color=color, label=label)
    axes.plot(thresholds, [value for value, *_ in models], color=LINE_COLOR, linewidth=2, label="model")
    # The loss by flagging all at high thresholds would hide the rest.
    axes.set_ylim(bottom=-0.02)
    axes.legend(frameon=False, loc="upper right")
    return figure


def _subgroups(title: str, groups: Sequence[Subgroup]) -> Figure:
    figure, axes = new_figure(title, "ROC-AUC with its 95 % interval", "")
    shown = [group for group in groups if group.roc_auc.low is not None]
    figure.set_size_inches(7, 1.2 + INCH_PER_GROUP * len(shown))
    figure.subplots_adjust(left=0.45, top=0.96, bottom=0.08)
    for row, group in enumerate(shown):
        value, low, high = _bounds(group.roc_auc)
        axes.plot([low, high], [row, row], color=REFERENCE_COLOR)
        axes.plot([value], [row], "o", color=LINE_COLOR, markersize=4)
    labels = [f"{group.field} {', '.join(group.values)} ({group.encounters:,})" for group in shown]
    axes.set_yticks(range(len(shown)), labels)
    axes.invert_yaxis()
    return figure


def _importances(title: str, importances: Mapping[str, Importance]) -> Figure:
    figure, axes = new_figure(title, "increase in log loss when permuted, ± standard error", "")
    figure.subplots_adjust(left=0.35)
    shown = list(reversed(list(importances.items())[:MAX_FIELDS]))
    increases, errors = [item.increase for _, item in shown], [item.standard_error for _, item in shown]
    axes.barh([name for name, _ in shown], increases, xerr=errors, color=LINE_COLOR, ecolor="#333333")
    axes.locator_params(axis="x", nbins=5)
    return figure


def _bounds(measure: Measure) -> tuple[float, float, float]:
    """Return value and bounds for drawing. Raises ValueError when one is undefined."""
    if measure.value is None or measure.low is None or measure.high is None:
        raise ValueError(f"{measure} can't be drawn")
    return measure.value, measure.low, measure.high

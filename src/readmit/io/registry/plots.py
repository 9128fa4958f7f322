"""Plots of curves and importances, for the page of a run."""

import io
from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from readmit.core.verdict import Curves

LINE_COLOR, REFERENCE_COLOR = "#0b5c8a", "#9aa5ad"
MAX_FIELDS = 15


def draw_plots(title: str, curves: Curves, base_rate: float, importances: Mapping[str, float]) -> dict[str, bytes]:
    """Return the plots as PNG, by file name.

    `title`: model and encounters; `base_rate`: share of them that was readmitted.
    """
    figures = {
        "roc.png": _roc(title, curves),
        "precision_recall.png": _precision_recall(title, curves, base_rate),
        "calibration.png": _calibration(title, curves),
        "importances.png": _importances(title, importances),
    }
    return {name: _png(figure) for name, figure in figures.items()}


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _new_figure(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    # Without pyplot, which would keep every figure in memory and look for a display.
    figure = Figure(figsize=(6, 4.8), dpi=110)
    figure.subplots_adjust(left=0.12, right=0.97, bottom=0.12, top=0.92)
    axes = figure.add_subplot(xlabel=x, ylabel=y)
    # At a given height: otherwise every label is measured to place the title above it.
    axes.set_title(title, y=1.0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.set_axisbelow(True)
    return figure, axes


def _roc(title: str, curves: Curves) -> Figure:
    figure, axes = _new_figure(
        title, "false positive rate (not readmitted, flagged)", "true positive rate (readmitted, flagged)"
    )
    axes.plot([0, 1], [0, 1], color=REFERENCE_COLOR, linestyle="--", label="chance")
    axes.plot(*zip(*curves.roc, strict=True), color=LINE_COLOR, label="ROC")
    axes.legend(frameon=False, loc="lower right")
    return figure


def _precision_recall(title: str, curves: Curves, base_rate: float) -> Figure:
    figure, axes = _new_figure(
        title, "recall (share of the readmitted that is flagged)", "precision (share of the flagged that is readmitted)"
    )
    axes.axhline(base_rate, color=REFERENCE_COLOR, linestyle="--", label=f"base rate: {base_rate:.3f}")
    axes.plot(*zip(*curves.precision_recall, strict=True), color=LINE_COLOR, label="precision")
    axes.legend(frameon=False, loc="upper right")
    return figure


def _calibration(title: str, curves: Curves) -> Figure:
    figure, axes = _new_figure(title, "predicted probability", "observed rate")
    limit = max(max(point) for point in curves.calibration) * 1.05
    axes.plot([0, limit], [0, limit], color=REFERENCE_COLOR, linestyle="--", label="perfect calibration")
    axes.plot(
        *zip(*curves.calibration, strict=True), "o-", color=LINE_COLOR, markersize=4, label="equal-frequency bins"
    )
    axes.legend(frameon=False, loc="upper left")
    return figure


def _importances(title: str, importances: Mapping[str, float]) -> Figure:
    figure, axes = _new_figure(title, "increase in log loss when the field is permuted", "")
    figure.subplots_adjust(left=0.35)
    shown = list(importances.items())[:MAX_FIELDS]
    names, increases = zip(*reversed(shown), strict=True)
    axes.barh(names, increases, color=LINE_COLOR)
    axes.locator_params(axis="x", nbins=5)
    return figure

"""Plots of curves, for the page of a run."""

import io

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from readmit.core.verdict import Curves, Points

LINE_COLOR, REFERENCE_COLOR = "#0b5c8a", "#9aa5ad"


def draw_plots(title: str, curves: Curves, base_rate: float) -> dict[str, bytes]:
    """Return the plots as PNG, by file name.

    `title`: model and encounters; `base_rate`: share of them that was readmitted.
    """
    figures = {
        "roc.png": draw_roc(title, curves.roc),
        "precision_recall.png": draw_precision_recall(title, curves.precision_recall, base_rate),
        "calibration.png": _calibration(title, curves),
    }
    return {name: to_png(figure) for name, figure in figures.items()}


def to_png(figure: Figure) -> bytes:
    """Return a picture as PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def new_figure(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    """Return an empty picture with titles of its axes."""
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


def draw_roc(title: str, roc: Points) -> Figure:
    """Draw a ROC curve."""
    figure, axes = new_figure(
        title, "false positive rate (not readmitted, flagged)", "true positive rate (readmitted, flagged)"
    )
    axes.plot([0, 1], [0, 1], color=REFERENCE_COLOR, linestyle="--", label="chance")
    axes.plot(*zip(*roc, strict=True), color=LINE_COLOR, label="ROC")
    axes.legend(frameon=False, loc="lower right")
    return figure


def draw_precision_recall(title: str, precision_recall: Points, base_rate: float) -> Figure:
    """Draw a precision-recall curve, and the share of encounters that was readmitted."""
    figure, axes = new_figure(
        title, "recall (share of the readmitted that is flagged)", "precision (share of the flagged that is readmitted)"
    )
    axes.axhline(base_rate, color=REFERENCE_COLOR, linestyle="--", label=f"base rate: {base_rate:.3f}")
    axes.plot(*zip(*precision_recall, strict=True), color=LINE_COLOR, label="precision")
    axes.legend(frameon=False, loc="upper right")
    return figure


def _calibration(title: str, curves: Curves) -> Figure:
    figure, axes = new_figure(title, "predicted probability", "observed rate")
    limit = max(max(point) for point in curves.calibration) * 1.05
    axes.plot([0, limit], [0, limit], color=REFERENCE_COLOR, linestyle="--", label="perfect calibration")
    axes.plot(
        *zip(*curves.calibration, strict=True), "o-", color=LINE_COLOR, markersize=4, label="equal-frequency bins"
    )
    axes.legend(frameon=False, loc="upper left")
    return figure

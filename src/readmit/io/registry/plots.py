"""Curves and importances as pictures, for the page of a run."""

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from readmit.core.verdict import Curves

INK, FAINT = "#0b5c8a", "#9aa5ad"
FIELDS_SHOWN = 15


def pictures(title: str, curves: Curves, base_rate: float, importances: Mapping[str, float]) -> dict[str, Figure]:
    """File name to picture. `title`: which model on which encounters; `base_rate`: share of them that came back."""
    return {
        "roc.png": _roc(title, curves),
        "precision_recall.png": _precision_recall(title, curves, base_rate),
        "calibration.png": _calibration(title, curves),
        "importances.png": _importances(title, importances),
    }


def _empty(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    # Not by pyplot: it would keep every figure, and ask what screen there is.
    figure = Figure(figsize=(6, 4.8), dpi=110)
    figure.subplots_adjust(left=0.12, right=0.97, bottom=0.12, top=0.92)
    axes = figure.add_subplot(title=title, xlabel=x, ylabel=y)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.set_axisbelow(True)
    return figure, axes


def _roc(title: str, curves: Curves) -> Figure:
    figure, axes = _empty(title, "share of those who stay away that is flagged", "share of those who come back found")
    axes.plot([0, 1], [0, 1], color=FAINT, linestyle="--", label="chance")
    axes.plot(*zip(*curves.roc, strict=True), color=INK, label="ROC")
    axes.legend(frameon=False, loc="lower right")
    return figure


def _precision_recall(title: str, curves: Curves, base_rate: float) -> Figure:
    figure, axes = _empty(title, "share of those who come back found (recall)", "share of the flagged who come back")
    axes.axhline(base_rate, color=FAINT, linestyle="--", label=f"all flagged: {base_rate:.3f}")
    axes.plot(*zip(*curves.precision_recall, strict=True), color=INK, label="precision")
    axes.legend(frameon=False, loc="upper right")
    return figure


def _calibration(title: str, curves: Curves) -> Figure:
    figure, axes = _empty(title, "probability foretold", "share that came back")
    most = max(max(point) for point in curves.calibration) * 1.05
    axes.plot([0, most], [0, most], color=FAINT, linestyle="--", label="as foretold")
    axes.plot(*zip(*curves.calibration, strict=True), "o-", color=INK, markersize=4, label="bins of equal mass")
    axes.legend(frameon=False, loc="upper left")
    return figure


def _importances(title: str, importances: Mapping[str, float]) -> Figure:
    figure, axes = _empty(title, "rise in log loss when the field is shuffled", "")
    figure.subplots_adjust(left=0.35)
    shown = list(importances.items())[:FIELDS_SHOWN]
    names, rises = zip(*reversed(shown), strict=True)
    axes.barh(names, rises, color=INK)
    axes.locator_params(axis="x", nbins=5)
    return figure

"""The figures of a model by subgroup, with intervals; small groups are merged, so that no cell below 11 is shown.

Point values are computed by fairlearn's MetricFrame (Bird et al. 2020), intervals by resampling patients.
"""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pandas as pd

from readmit.core.evaluation import Measure, Subgroup
from readmit.core.metrics import Floats, Ints
from readmit.core.patient_resamples import Bools, PatientResamples, percentile_estimate
from readmit.core.suppression import CountedGroup, suppress_small_cells, to_groups
from readmit.core.verdict import finite_or_none


def subgroup_figures(
    groups: pd.DataFrame, labels: Floats, probabilities: Floats, flagged: Bools, resamples: PatientResamples
) -> tuple[Subgroup, ...]:
    """Return the figures of each group of each field. `groups`: as text, shape (rows, fields); others: (rows,).

    Groups are merged as those of the statistics are (decision 25). A field has none when even all together are few.
    """
    return tuple(
        figures
        for field in groups.columns
        for figures in _field_figures(str(field), groups[field], labels, probabilities, flagged, resamples)
    )


def shown_groups(field: str, values: pd.Series, labels: Floats) -> tuple[CountedGroup, ...]:
    """Return the groups of a field, in its order, after merging those with a cell of 1 to 10."""
    counted = pd.Series(labels).groupby(values.to_numpy()).agg(["size", "sum"])
    counts = [(str(name), int(rows), int(events)) for name, rows, events in counted.itertuples()]
    return suppress_small_cells(to_groups(field, counts))


def _field_figures(
    field: str, values: pd.Series, labels: Floats, probabilities: Floats, flagged: Bools, resamples: PatientResamples
) -> Iterator[Subgroup]:
    shown = shown_groups(field, values, labels)
    if not shown:
        return
    numbers = {value: number for number, group in enumerate(shown) for value in group.values}
    group_of_row = np.asarray(values.map(numbers), dtype=np.int64)
    table = _point_values(group_of_row, labels, probabilities, flagged)
    member = (group_of_row[:, None] == np.arange(len(shown))).astype(np.float64)
    ratios = _resampled_ratios(member, labels, probabilities, flagged, resamples)
    for number, group in enumerate(shown):
        resampled = {name: values[:, number] for name, values in ratios.items()}
        resampled["roc_auc"] = resamples.roc_aucs(labels, probabilities, group_of_row == number)
        measures = {name: _measure(table[name][number], resampled[name]) for name in resampled}
        yield Subgroup(field, group.values, group.encounters, group.readmitted, **measures)


def _measure(value: float, resampled: Floats) -> Measure:
    """Return a figure with its interval, which is undefined when the figure is the same on all resamples.

    That of a group without a readmission is: resampling its patients does not show how certain the 0 is.
    """
    if not np.isfinite(value) or np.ptp(resampled[np.isfinite(resampled)]) == 0:
        return Measure(finite_or_none(value), None, None)
    return Measure.of(percentile_estimate(value, resampled))


def _point_values(groups: Ints, labels: Floats, probabilities: Floats, flagged: Bools) -> dict[str, Floats]:
    """Return each figure of a Subgroup by group, shape (groups,), NaN where it is undefined."""
    # Imported here: they take 2 s, which readers of stored evaluations should not wait for.
    from fairlearn.metrics import MetricFrame, selection_rate
    from sklearn.metrics import precision_score, recall_score

    by_risk: dict[str, Callable[..., float]] = {"roc_auc": _roc_auc, "observed_expected": _observed_expected}
    by_flag: dict[str, Callable[..., float]] = {
        "sensitivity": partial(recall_score, zero_division=np.nan),
        "ppv": partial(precision_score, zero_division=np.nan),
        "flagged": selection_rate,
    }
    tables = [
        MetricFrame(metrics=metrics, y_true=labels, y_pred=predicted, sensitive_features=groups).by_group.sort_index()
        for metrics, predicted in ((by_risk, probabilities), (by_flag, flagged.astype(np.float64)))
    ]
    return {str(name): column.to_numpy(dtype=np.float64) for table in tables for name, column in table.items()}


def _roc_auc(labels: Floats, probabilities: Floats) -> float:
    """Return the ROC-AUC of a group; NaN when it has one outcome only."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(labels, probabilities)) if 0 < np.mean(labels) < 1 else np.nan


def _observed_expected(labels: Floats, probabilities: Floats) -> float:
    return float(np.sum(labels) / np.sum(probabilities))


def _resampled_ratios(
    member: Floats, labels: Floats, probabilities: Floats, flagged: Bools, resamples: PatientResamples
) -> dict[str, Floats]:
    """Return figures on each resample, shape (resamples, groups). `member`: 1 in the group, shape (rows, groups)."""
    columns = (np.ones(labels.size), labels, probabilities, flagged.astype(np.float64), labels * flagged)
    sums = resamples.sums(np.hstack([member * column[:, None] for column in columns]))
    encounters, readmitted, expected, flags, hits = np.hsplit(sums, len(columns))
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "observed_expected": readmitted / expected,
            "sensitivity": hits / readmitted,
            "ppv": hits / flags,
            "flagged": flags / encounters,
        }

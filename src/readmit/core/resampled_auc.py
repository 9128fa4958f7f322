"""ROC-AUC of a model on resamples of patients, from the ranks of its scores.

The scores are ranked once. A resample then takes a cumulative sum over the encounters without the outcome and a lookup
for those with it: all sums are of whole numbers, so the result is exactly that of the weighted Mann-Whitney U.
"""

from collections.abc import Sequence

import numpy as np

from readmit.core.metrics import Floats, Ints, draw_patients, number_patients, ranks_of


class ResampledAuc:
    """The ROC-AUC of one model as a function of how often each patient was drawn."""

    def __init__(self, labels: Floats, scores: Floats, patients: Ints) -> None:
        ranks, positive = ranks_of(scores), labels == 1
        order = np.argsort(ranks[~positive], kind="stable")
        negative_ranks = ranks[~positive][order]
        self._negative_patients = patients[~positive][order]
        self._positive_patients = patients[positive]
        self._above = np.searchsorted(negative_ranks, ranks[positive], side="left")
        self._not_below = np.searchsorted(negative_ranks, ranks[positive], side="right")

    def roc_auc(self, drawn: Ints) -> float:
        """Return the ROC-AUC of a resample. `drawn`: how often each patient was drawn, shape (patients,)."""
        negatives = np.concatenate(([0], np.cumsum(drawn[self._negative_patients])))
        positives = drawn[self._positive_patients]
        # Twice the pairs in the right order, of which a tie is half a one.
        ordered = 2 * negatives[-1] - negatives[self._above] - negatives[self._not_below]
        pairs = np.float64(positives.sum()) * np.float64(negatives[-1])
        return float(np.float64((positives * ordered).sum()) / 2 / pairs)


def resampled_aucs(
    labels: Floats, scores: Sequence[Floats], patients: Sequence[str] | Ints, resamples: int, seed: int
) -> list[Floats]:
    """Return each model's ROC-AUCs on the same resamples of the patients, each of shape (resamples,)."""
    numbers = number_patients(patients)
    models = [ResampledAuc(labels, of_model, numbers) for of_model in scores]
    drawn = (row for block in draw_patients(numbers, resamples, seed) for row in block)
    return list(np.array([[model.roc_auc(row) for model in models] for row in drawn]).T)

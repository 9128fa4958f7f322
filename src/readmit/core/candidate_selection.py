"""Selection among candidates: the simplest of those that the validation patients do not show to be worse.

The one-standard-error rule (Breiman et al. 1984, 'Classification and Regression Trees', section 3.4.3), with the
standard error of the paired difference: the log losses of two models for the same patients are correlated.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from readmit.core.metrics import RESAMPLES_FOR_VERDICT, Floats, Ints, draw_patients, log_losses, number_patients


@dataclass(frozen=True, slots=True)
class PatientLosses:
    """The log loss of a model by patient, in the order of their first encounters.

    `encounters`: number of each, shape (patients,); `losses`: their sum, shape (patients,).
    """

    encounters: Ints
    losses: Floats

    @classmethod
    def of(cls, labels: Sequence[int], probabilities: Floats, patients: Ints) -> "PatientLosses":
        """Sum the losses of the encounters of each patient."""
        numbers = number_patients(patients)
        losses = log_losses(np.asarray(labels, dtype=np.float64), probabilities)
        return cls(np.bincount(numbers), np.asarray(np.bincount(numbers, losses), dtype=np.float64))

    def to_json(self) -> str:
        """Return the losses as JSON."""
        return json.dumps({"encounters": self.encounters.tolist(), "losses": self.losses.tolist()}, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "PatientLosses":
        """Read what `to_json` wrote."""
        document = json.loads(text)
        return cls(np.array(document["encounters"], dtype=np.int64), np.array(document["losses"], dtype=np.float64))


@dataclass(frozen=True, slots=True)
class LossDifference:
    """A candidate's mean log loss less that of the best one, and its standard error."""

    difference: float
    standard_error: float

    @property
    def within_error(self) -> bool:
        """Whether the difference may be chance: it is at most its standard error."""
        return self.difference <= self.standard_error


@dataclass(frozen=True, slots=True)
class CandidateSelection:
    """The selected candidate with its log loss, and the difference of each candidate from the one of least log loss."""

    selected: str
    log_loss: float
    best: str
    differences: Mapping[str, LossDifference]

    @property
    def reason(self) -> str:
        """Why the candidate was selected, in a sentence."""
        if self.selected == self.best:
            return "the least log loss on validation, and no simpler candidate within one standard error of it"
        chosen = self.differences[self.selected]
        return (
            f"the simplest within one standard error of {self.best}: "
            f"{chosen.difference:.5f} more log loss, standard error {chosen.standard_error:.5f}"
        )


def select_candidate(losses: Mapping[str, PatientLosses], seed: int) -> CandidateSelection:
    """Return the selection among candidates, given on the same patients, the simplest one first."""
    means = {name: float(each.losses.sum() / each.encounters.sum()) for name, each in losses.items()}
    best = min(means, key=lambda name: means[name])
    differences = {
        name: LossDifference(means[name] - means[best], _standard_error(each, losses[best], seed))
        for name, each in losses.items()
    }
    selected = next(name for name, difference in differences.items() if difference.within_error)
    return CandidateSelection(selected, means[selected], best, differences)


def _standard_error(losses: PatientLosses, best: PatientLosses, seed: int) -> float:
    """Return the standard error of the difference of two mean log losses, by a bootstrap of the patients."""
    difference, patients = losses.losses - best.losses, np.arange(losses.encounters.size)
    means = [
        (drawn @ difference) / (drawn @ losses.encounters)
        for drawn in draw_patients(patients, RESAMPLES_FOR_VERDICT, seed)
    ]
    return float(np.concatenate(means).std())

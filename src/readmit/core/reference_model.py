"""The reference model: a logistic regression on five counts, which a complex model has to be worth more than.

It can be computed with pencil and paper, like LACE and HOSPITAL, the scores that hospitals use without a computer.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from readmit.core.encounter import (
    DAYS_IN_HOSPITAL,
    DIAGNOSES_ENTERED,
    EMERGENCY_VISITS,
    INPATIENT_STAYS,
    OUTPATIENT_VISITS,
)
from readmit.core.metrics import Floats

REFERENCE_COUNTS = (INPATIENT_STAYS, EMERGENCY_VISITS, OUTPATIENT_VISITS, DIAGNOSES_ENTERED, DAYS_IN_HOSPITAL)


@dataclass(frozen=True, slots=True)
class ReferenceModel:
    """A logistic regression on the logarithms of REFERENCE_COUNTS, each plus one."""

    intercept: float
    coefficients: tuple[float, ...]

    def probabilities(self, encounters: pd.DataFrame) -> Floats:
        """Return the probability of readmission of each encounter, shape (rows,)."""
        linear = self.intercept + _design(encounters) @ np.array(self.coefficients)
        return np.asarray(1 / (1 + np.exp(-linear)))

    def to_json(self) -> str:
        """Return the model as JSON."""
        return json.dumps(asdict(self), allow_nan=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> "ReferenceModel":
        """Read what `to_json` wrote. Raises KeyError or TypeError when it is invalid."""
        document = json.loads(text)
        return cls(float(document["intercept"]), tuple(float(value) for value in document["coefficients"]))


def fit_reference(encounters: pd.DataFrame, labels: Sequence[int]) -> ReferenceModel:
    """Return the reference model, fitted without a penalty, of the encounters that the challenger is fitted to."""
    # Imported here: it takes 1 s, which readers of stored models should not wait for.
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=np.inf).fit(_design(encounters), labels)
    return ReferenceModel(float(model.intercept_[0]), tuple(model.coef_[0].tolist()))


def _design(encounters: pd.DataFrame) -> Floats:
    counts = np.column_stack([np.asarray(encounters[name].tolist(), dtype=np.float64) for name in REFERENCE_COUNTS])
    return np.asarray(np.log1p(counts))

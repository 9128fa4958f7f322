"""Fields whose absence makes a prediction worse: a warning is due only where a missing value costs log loss."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from readmit.core.coverage import Coverage, FieldCoverage
from readmit.core.encounter import BY_NAME
from readmit.core.metrics import Floats, log_losses
from readmit.core.model import raw_values
from readmit.core.scorer import Scorer

MAX_ROWS = 2_000
"""Training encounters in which each field is removed."""
MIN_COST = 0.0005
"""Nats of log loss per encounter from which an absence matters: 0.15 % of a loss of 0.33."""
USUAL_SHARE = 0.95
"""A field recorded in at least this share of encounters is usually there. The model knows what other absences mean."""


def with_absences(coverage: Coverage, scorer: Scorer, encounters: pd.DataFrame) -> Coverage:
    """Return the coverage with the fields whose absence matters. `encounters`: the model input it was fitted on.

    The cost is what the model itself expects: the mean Kullback-Leibler divergence of the prediction without the field
    from that with it, which is the increase of the log loss if the latter is right.
    """
    sample = encounters.iloc[:: max(1, len(encounters) // MAX_ROWS)]
    values = raw_values(sample)
    predicted = np.array(scorer.probabilities(values))
    costs = {
        name: _divergence(predicted, np.array(scorer.probabilities({**values, name: [None] * len(sample)})))
        for name, field in coverage.fields.items()
        if not BY_NAME[name].required and BY_NAME[name].if_absent is None and field.recorded >= USUAL_SHARE
    }
    return replace(coverage, fields=_with_costs(coverage.fields, costs))


def _divergence(p: Floats, q: Floats) -> float:
    """Return the mean Kullback-Leibler divergence of Bernoulli distributions, in nats."""
    return float((log_losses(p, q) - log_losses(p, p)).mean())


def _with_costs(fields: Mapping[str, FieldCoverage], costs: Mapping[str, float]) -> Mapping[str, FieldCoverage]:
    return {name: replace(field, absence_matters=costs.get(name, 0.0) >= MIN_COST) for name, field in fields.items()}

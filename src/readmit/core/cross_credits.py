"""Division of the contribution of a feature cross between its two fields, as Shapley values of raw fields divide it.

The encoding N(f, p) of a cross enters the model as one number. To a model that is linear in it, with slope b, the
Shapley value of the field is b / 2 * (N(f, p) - m + a(f) - c(p)), where m is the mean encoding, m + a(f) the mean
encoding with this category of the field, and m + c(p) that with this category of the partner (Shapley 1953; Štrumbelj
and Kononenko 2014). So each field gets half of the contribution, and b / 2 * (a(f) - c(p)) is transferred: the sum
stays exact. For trees the slope is that of a regression of the contributions on the encodings.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from readmit.core.compiled_model import CompiledColumn, CompiledModel, CrossCredit
from readmit.core.feature_spec import CROSS_COLUMNS, FEATURE_CROSSES, MODEL_COLUMNS, Cross
from readmit.core.features import derived
from readmit.core.metrics import Floats
from readmit.core.model import raw_values
from readmit.core.scorer import Scorer

UNSEEN = "a pair that no model has seen"
ROWS_FOR_SLOPES = 500
"""Training encounters whose contributions give the slopes."""


def with_cross_credits(scorer: Scorer, encounters: pd.DataFrame) -> CompiledModel:
    """Return the compiled model of a scorer with its credits. `encounters`: the model input it was fitted on."""
    inputs, slopes = derived(encounters), _slopes(scorer, encounters)
    compiled = scorer.compiled
    credits = {
        cross.name: _credit(cross, compiled.columns[cross.name], inputs, slopes[cross.name])
        for cross in FEATURE_CROSSES
    }
    return replace(compiled, credits=credits)


def _slopes(scorer: Scorer, encounters: pd.DataFrame) -> Mapping[str, float]:
    """Return the change of the score with the encoding of each cross."""
    if scorer.trees is None:
        return dict.fromkeys(CROSS_COLUMNS, 1.0)
    sample = encounters.iloc[:: max(1, len(encounters) // ROWS_FOR_SLOPES)]
    rows = scorer.rows(raw_values(sample))
    numbers = np.array(rows)
    contributions = np.array([scorer.trees.contributions(row) for row in rows])
    indices = {name: MODEL_COLUMNS.index(name) for name in CROSS_COLUMNS}
    return {name: _slope(numbers[:, index], contributions[:, index]) for name, index in indices.items()}


def _slope(numbers: Floats, contributions: Floats) -> float:
    centred = numbers - numbers.mean()
    variance = float(centred @ centred)
    return float(centred @ contributions) / variance if variance > 0 else 0.0


def _credit(cross: Cross, column: CompiledColumn, inputs: pd.DataFrame, slope: float) -> CrossCredit:
    fields, partners = (inputs[name].value_counts(normalize=True) for name in (cross.field, cross.partner))
    numbers = np.array([[column.number(cross.combine(f, p)) for p in partners.index] for f in fields.index])
    pairs = zip(inputs[cross.field].tolist(), inputs[cross.partner].tolist(), strict=True)
    mean = sum(count * column.number(cross.combine(*pair)) for pair, count in Counter(pairs).items()) / len(inputs)
    unseen = slope / 2 * (column.number(UNSEEN) - mean)

    def terms(categories: pd.Index, means: Floats) -> CompiledColumn:
        values = slope / 2 * (means - mean)
        return CompiledColumn(dict(zip(categories.tolist(), values.tolist(), strict=True)), unseen)

    return CrossCredit(
        terms(fields.index, numbers @ partners.to_numpy()), terms(partners.index, fields.to_numpy() @ numbers)
    )

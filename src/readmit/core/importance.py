"""Permutation importance of a model: the increase of its log loss when one raw field is permuted.

Breiman 2001, 'Random Forests', section 10; Fisher, Rudin and Dominici 2019. By raw field, not by model column, so that
candidates with different encodings can be compared.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from readmit.core.encounter import FEATURES
from readmit.core.metrics import log_losses
from readmit.core.model import probabilities

MAX_ROWS = 1_000
"""Enough encounters to rank the important fields; the others are near 0, within noise."""


def importances(model: Pipeline, encounters: pd.DataFrame, labels: Sequence[int], seed: int) -> dict[str, float]:
    """Return the increase in log loss for each of FEATURES, greatest first. `encounters`: model input not fitted on."""
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.permutation(len(encounters))[:MAX_ROWS])
    base, y = encounters.iloc[rows].reset_index(drop=True), np.asarray(labels, dtype=np.float64)[rows]
    permuted = {name: _permute_field(base, name, rng) for name in FEATURES}
    # One call for all fields: the cost of a call outweighs that of its rows.
    predicted = probabilities(model, pd.concat([base, *permuted.values()], ignore_index=True))
    baseline, *changed = np.split(predicted, np.cumsum([len(base), *map(len, permuted.values())])[:-1])
    increases, loss = {}, log_losses(y, baseline).mean()
    for name, values in zip(FEATURES, changed, strict=True):
        p = baseline.copy()
        p[permuted[name].index] = values
        increases[name] = float(log_losses(y, p).mean() - loss)
    return dict(sorted(increases.items(), key=lambda item: -item[1]))


def _permute_field(base: pd.DataFrame, name: str, rng: np.random.Generator) -> pd.DataFrame:
    """Permute one field and return the encounters whose value changed: for a rare drug these are few."""
    order = rng.permutation(len(base))
    codes, _ = pd.factorize(base[name])
    changed = np.flatnonzero(codes[order] != codes)
    # Keep the dtype: pandas would infer its string type, which has no None.
    values = pd.Series(base[name].to_numpy()[order[changed]], index=changed, dtype=base[name].dtype)
    return base.iloc[changed].assign(**{name: values})

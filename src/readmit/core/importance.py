"""What a model leans on: how much its log loss rises when one raw field is shuffled among the encounters.

Permutation importance (Breiman 2001, 'Random Forests', section 10; Fisher, Rudin and Dominici 2019), by raw field and
not by what is derived from it, so that candidates with different encodings can be compared.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from readmit.core.encounter import FEATURES
from readmit.core.metrics import losses
from readmit.core.model import probabilities

MOST_ROWS = 1_000
"""Enough to rank the fields that matter; the rest is near 0 and noise."""


def importances(model: Pipeline, encounters: pd.DataFrame, labels: Sequence[int], seed: int) -> dict[str, float]:
    """The rise in log loss for each of FEATURES, greatest first. `encounters`: a model input that it did not see."""
    chance = np.random.default_rng(seed)
    rows = np.sort(chance.permutation(len(encounters))[:MOST_ROWS])
    base, y = encounters.iloc[rows].reset_index(drop=True), np.asarray(labels, dtype=np.float64)[rows]
    asked = {name: _shuffled(base, name, chance) for name in FEATURES}
    # One call for all: a model answers many rows in the time of a few calls.
    said = probabilities(model, pd.concat([base, *asked.values()], ignore_index=True))
    before, *after = np.split(said, np.cumsum([len(base), *map(len, asked.values())])[:-1])
    rises, loss = {}, losses(y, before).mean()
    for name, changed in zip(FEATURES, after, strict=True):
        told = before.copy()
        told[asked[name].index] = changed
        rises[name] = float(losses(y, told).mean() - loss)
    return dict(sorted(rises.items(), key=lambda item: -item[1]))


def _shuffled(base: pd.DataFrame, name: str, chance: np.random.Generator) -> pd.DataFrame:
    """The encounters that get another value when one field is shuffled, with that value. Of a rare drug it is few."""
    order = chance.permutation(len(base))
    known, _ = pd.factorize(base[name])
    moved = np.flatnonzero(known[order] != known)
    # With its dtype: pandas would make its own kind of text of it, which knows no None.
    values = pd.Series(base[name].to_numpy()[order[moved]], index=moved, dtype=base[name].dtype)
    return base.iloc[moved].assign(**{name: values})

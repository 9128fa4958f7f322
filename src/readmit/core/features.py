"""Stateless feature derivation from raw encounters, the first step of every model pipeline: nothing here is fitted."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from readmit.core.feature_spec import CATEGORIES, CHOICES, COUNTS, FEATURE_CROSSES, IDS, category, choice_codes

T = TypeVar("T")


def derived(encounters: pd.DataFrame) -> pd.DataFrame:
    """Return MODEL_COLUMNS of a model input: COUNTS and CHOICES as float64 (NaN: not recorded), the others as text.

    A choice is encoded as its index among the published, ordered choices. Saved models refer to this function by name.
    """
    # One column at a time: as lists, all columns together take more memory than the encounters.
    counts = {name: np.asarray(encounters[name].tolist(), dtype=np.float64) for name in COUNTS}
    choices = {name: _ordinal_codes(encounters[name].tolist(), choice_codes(name)) for name in CHOICES}
    texts = {name: _map_unique(encounters[name].tolist(), _category_function(name)) for name in CATEGORIES}
    for cross in FEATURE_CROSSES:
        pairs = list(zip(texts[cross.field], texts[cross.partner], strict=True))
        # mypy can't infer the type of a lambda with a default argument.
        texts[cross.name] = _map_unique(pairs, lambda pair, cross=cross: cross.combine(*pair))  # type: ignore[misc]  # mypy infers no type for a default of a lambda
    objects = {name: pd.Series(values, index=encounters.index, dtype=object) for name, values in texts.items()}
    return pd.DataFrame({**counts, **choices, **objects}, index=encounters.index, copy=False)


def _map_unique(values: Sequence[T], function: Callable[[T], str]) -> list[str]:
    """Return the function's result for each value, calling it once per distinct value."""
    results = {value: function(value) for value in set(values)}
    return [results[value] for value in values]


def _ordinal_codes(values: Sequence[str | None], codes: dict[str, float]) -> npt.NDArray[np.float64]:
    return np.array([np.nan if value is None else codes.get(value, np.nan) for value in values])


def _category_function(name: str) -> Callable[[str | float | None], str]:
    """Return the function from a value to its category. A model input has IDs as float64, NaN for not recorded."""
    if name not in IDS:
        return lambda code: category(name, code)  # type: ignore[arg-type]  # a code is never a float
    return lambda number: category(name, None if np.isnan(number) else int(number))  # type: ignore[arg-type]  # an ID is a float

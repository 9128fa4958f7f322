"""What is derived from a raw encounter before a model sees it: stateless, so nothing here is ever fitted."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from readmit.core.encounter import FEATURES
from readmit.core.feature_spec import CATEGORIES, CHOICES, COUNTS, CROSSED, IDS, category, choice_place

T = TypeVar("T")


def derived(encounters: pd.DataFrame) -> pd.DataFrame:
    """Of a model input: COUNTS and CHOICES (float64, NaN: not recorded), CATEGORIES and CROSSES (text, whole).

    A choice is its place among the published ones, which stand in their order.
    """
    raw = {name: encounters[name].tolist() for name in FEATURES}
    counts = {name: np.asarray(raw[name], dtype=np.float64) for name in COUNTS}
    choices = {name: _places(raw[name], choice_place(name)) for name in CHOICES}
    texts = {name: _each(raw[name], _category_of(name)) for name in CATEGORIES}
    for cross in CROSSED:
        pairs = zip(texts[cross.field], texts[cross.partner], strict=True)
        texts[cross.name] = _each(list(pairs), lambda pair, cross=cross: cross.text(*pair))  # type: ignore[misc]
    objects = {name: pd.Series(values, index=encounters.index, dtype=object) for name, values in texts.items()}
    return pd.DataFrame({**counts, **choices, **objects}, index=encounters.index)


def _each(values: Sequence[T], function: Callable[[T], str]) -> list[str]:
    """The function of each value, called once per distinct one: there are few."""
    known = {value: function(value) for value in set(values)}
    return [known[value] for value in values]


def _places(values: Sequence[str | None], place: dict[str, float]) -> npt.NDArray[np.float64]:
    return np.array([np.nan if value is None else place.get(value, np.nan) for value in values])


def _category_of(name: str) -> Callable[[str | float | None], str]:
    """A model input holds ids as float64, NaN where none was recorded."""
    if name not in IDS:
        return lambda code: category(name, code)  # type: ignore[arg-type]
    return lambda number: category(name, None if np.isnan(number) else int(number))  # type: ignore[arg-type]

"""What is derived from a raw encounter before a model sees it: stateless, so nothing here is ever fitted."""

import re
from bisect import bisect_right
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd

from readmit.core.encounter import BY_NAME, FEATURES, ICD9, NOT_RECORDED, Kind

COUNTS = tuple(name for name in FEATURES if BY_NAME[name].kind is Kind.COUNT)
IDS = tuple(name for name in FEATURES if BY_NAME[name].kind is Kind.ID)
TEXTS = tuple(name for name in FEATURES if not BY_NAME[name].whole_number)
DIAGNOSES = tuple(name for name in TEXTS if BY_NAME[name].pattern == ICD9)

_CHAPTERS = (1, 140, 240, 280, 290, 320, 390, 460, 520, 580, 630, 680, 710, 740, 760, 780, 800)
"""First three-digit category of each of the 17 chapters of ICD-9-CM."""


def icd9_category(code: str) -> str:
    """The category of an ICD-9-CM code: three digits, and for diabetes (250) the fourth, its complication.

    `428.33` is `428`, `250.83` is `250.8`, `V57.1` is `V57`. What is no code is NOT_RECORDED.
    Source: ICD-9-CM, Official Guidelines (CDC/NCHS), tabular list.
    """
    if not re.fullmatch(ICD9, code):
        return NOT_RECORDED
    whole, _, digits = code.partition(".")
    if whole == "250":
        return f"250.{digits[:1] or '0'}"
    return whole if whole[0] in "EV" else whole.zfill(3)


def icd9_chapter(code: str) -> str:
    """The chapter of an ICD-9-CM code, `1` to `17`, `E` or `V`; NOT_RECORDED for what is no code."""
    category = icd9_category(code)
    if category == NOT_RECORDED or category[0] in "EV":
        return category[0]
    return str(bisect_right(_CHAPTERS, int(category[:3])))


def age_midpoint(band: str) -> float:
    """The middle of a band such as `[70-80)`, in years; NaN for what is no band."""
    found = re.fullmatch(r"\[(\d+)-(\d+)\)", band)
    return (int(found[1]) + int(found[2])) / 2 if found else float("nan")


def _each(texts: list[str], function: Callable[[str], str | float]) -> list[str | float]:
    """The function of each text, called once per distinct one: there are few."""
    known = {text: function(text) for text in set(texts)}
    return [known[text] for text in texts]


def _texts(column: pd.Series) -> list[str]:
    return [value if isinstance(value, str) else NOT_RECORDED for value in column]


def _id_texts(column: pd.Series) -> list[str]:
    return [NOT_RECORDED if value != value else str(int(value)) for value in column.tolist()]


def derived(frame: pd.DataFrame) -> pd.DataFrame:
    """A model input (see `model.model_input`) as numbers (float64, NaN: unknown) and categories (text, whole)."""
    texts = {name: _texts(frame[name]) for name in TEXTS}
    numbers: dict[str, npt.NDArray[np.float64]] = {name: frame[name].to_numpy(np.float64) for name in COUNTS}
    numbers["age_years"] = np.array(_each(texts["age"], age_midpoint), dtype=np.float64)
    categories: dict[str, list[str | float]] = {name: list(_id_texts(frame[name])) for name in IDS}
    for name in TEXTS:
        if name in DIAGNOSES:
            categories[name] = _each(texts[name], icd9_category)
            categories[f"{name}_chapter"] = _each(texts[name], icd9_chapter)
        elif name != "age":
            categories[name] = list(texts[name])
    text = {name: pd.Series(values, index=frame.index, dtype=object) for name, values in categories.items()}
    return pd.DataFrame({**numbers, **text}, index=frame.index)


NUMBERS = (*COUNTS, "age_years")
CATEGORIES = (*IDS, *(name for name in TEXTS if name != "age"), *(f"{name}_chapter" for name in DIAGNOSES))

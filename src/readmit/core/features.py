"""What is derived from a raw encounter before a model sees it: stateless, so nothing here is ever fitted."""

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from readmit.core.encounter import AGE_BANDS, BY_NAME, DISPOSITION, FEATURES, ICD9, NOT_RECORDED, Kind

T = TypeVar("T")

COUNTS = tuple(name for name in FEATURES if BY_NAME[name].kind is Kind.COUNT)
CHOICES = tuple(name for name in FEATURES if BY_NAME[name].kind is Kind.CHOICE)
IDS = tuple(name for name in FEATURES if BY_NAME[name].kind is Kind.ID)
CODES = tuple(name for name in FEATURES if BY_NAME[name].kind is Kind.CODE)
DIAGNOSES = tuple(name for name in CODES if BY_NAME[name].pattern == ICD9)
AGE = next(name for name in CHOICES if BY_NAME[name].choices == AGE_BANDS)

CATEGORIES = (*IDS, *CODES)
"""What is encoded by its readmission rate: ids and codes as text, a diagnosis as its ICD-9 category."""

_PRIMARY = DIAGNOSES[0]
_CHAPTER = f"{_PRIMARY}_chapter"
_PARTNERS = (_CHAPTER, _PRIMARY, *(name for name in CATEGORIES if name not in (DISPOSITION, *DIAGNOSES)))
CROSSES = tuple(f"{DISPOSITION}_and_{partner}" for partner in _PARTNERS)
"""Where the patient went, together with why and how he came: home after a birth is not home after heart failure."""

_FIRST_OF_CHAPTER = (1, 140, 240, 280, 290, 320, 390, 460, 520, 580, 630, 680, 710, 740, 760, 780, 800)
"""First three-digit category of each of the 17 chapters of ICD-9-CM."""


def icd9_category(code: str) -> str:
    """The category of an ICD-9-CM code: three digits, and for diabetes (250) the fourth, its complication.

    `428.33` is `428`, `250.83` is `250.8`, `V57.1` is `V57`. What is no code is NOT_RECORDED.
    Source: ICD-9-CM, Official Guidelines (CDC/NCHS), tabular list.
    """
    if not re.fullmatch(ICD9, code):
        return NOT_RECORDED
    whole, _, digits = code.partition(".")
    if whole[0] in "EV":
        return whole
    category = whole.zfill(3)
    return f"{category}.{digits[:1] or '0'}" if category == "250" else category


def icd9_chapter(code: str) -> str:
    """The chapter of an ICD-9-CM code, `1` to `17`, `E` or `V`; NOT_RECORDED for what is no code."""
    category = icd9_category(code)
    if category == NOT_RECORDED or category[0] in "EV":
        return category[0]
    # Category 000 is in no chapter; it is counted to the first.
    return str(max(1, bisect_right(_FIRST_OF_CHAPTER, int(category[:3]))))


def derived(encounters: pd.DataFrame) -> pd.DataFrame:
    """Of a model input: COUNTS and CHOICES (float64, NaN: not recorded), CATEGORIES and CROSSES (text, whole).

    A choice is its place among the published ones, which stand in their order.
    """
    raw = {name: encounters[name].tolist() for name in FEATURES}
    counts = {name: np.asarray(raw[name], dtype=np.float64) for name in COUNTS}
    choices = {name: _places(raw[name], BY_NAME[name].choices) for name in CHOICES}
    texts = {name: _each(raw[name], _id_text) for name in IDS}
    texts |= {name: _each(raw[name], _diagnosis_text if name in DIAGNOSES else _text) for name in CODES}
    known = {**texts, _CHAPTER: _each(texts[_PRIMARY], icd9_chapter)}
    for partner, cross in zip(_PARTNERS, CROSSES, strict=True):
        texts[cross] = [f"{went} {other}" for went, other in zip(known[DISPOSITION], known[partner], strict=True)]
    objects = {name: pd.Series(values, index=encounters.index, dtype=object) for name, values in texts.items()}
    return pd.DataFrame({**counts, **choices, **objects}, index=encounters.index)


def _each(values: Sequence[T], function: Callable[[T], str]) -> list[str]:
    """The function of each value, called once per distinct one: there are few."""
    known = {value: function(value) for value in set(values)}
    return [known[value] for value in values]


def _places(values: Sequence[str | None], choices: tuple[str, ...]) -> npt.NDArray[np.float64]:
    place = {choice: float(number) for number, choice in enumerate(choices)}
    return np.array([np.nan if value is None else place.get(value, np.nan) for value in values])


def _id_text(number: float) -> str:
    return NOT_RECORDED if np.isnan(number) else str(int(number))


def _text(value: str | None) -> str:
    return NOT_RECORDED if value is None else value


def _diagnosis_text(code: str | None) -> str:
    return NOT_RECORDED if code is None else icd9_category(code)

"""Categories and chapters of ICD-9-CM diagnosis codes."""

import re
from bisect import bisect_right

from readmit.core.encounter import ICD9, NOT_RECORDED

_FIRST_OF_CHAPTER = (1, 140, 240, 280, 290, 320, 390, 460, 520, 580, 630, 680, 710, 740, 760, 780, 800)
"""First three-digit category of each of the 17 chapters of ICD-9-CM."""


def icd9_category(code: str) -> str:
    """Return the category of an ICD-9-CM code: three digits, for diabetes (250) also the fourth, the complication.

    `428.33` is `428`, `250.83` is `250.8`, `V57.1` is `V57`. An invalid code is NOT_RECORDED.
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
    """Return the chapter of an ICD-9-CM code, `1` to `17`, `E` or `V`; NOT_RECORDED for an invalid code."""
    category = icd9_category(code)
    if category == NOT_RECORDED or category[0] in "EV":
        return category[0]
    # Category 000 is in no chapter; it counts as the first.
    return str(max(1, bisect_right(_FIRST_OF_CHAPTER, int(category[:3]))))

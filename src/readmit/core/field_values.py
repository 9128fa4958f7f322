"""Values of a field as text: which are valid, and how equal ones are spelled alike."""

import re

from readmit.core.encounter import ICD9, NOT_RECORDED, Field, Kind

MISSING_MARKERS = frozenset({"", NOT_RECORDED, "null", "nan", "na", "n/a", "#n/a", "<na>", "none", "nil"})
"""Words for a missing value, without case, as databases, spreadsheets, pandas and R write it."""
WHOLE_NUMBER = re.compile(r"(\d+)\.0+")
ICD10 = re.compile(r"[A-Z]\d[0-9A-Z](\.?[0-9A-Z]{1,4})?")
"""ICD-10 and ICD-10-CM, with or without the point."""


def canonical_text(field: Field, text: str) -> str | None:
    """Return a value as UCI spells it; None for not recorded. A value that is not valid stays so.

    `2.0` is the whole number 2, and 008, 8 and 8.0 are one ICD-9-CM code.
    """
    word = text.strip(" \t").casefold()
    if word in MISSING_MARKERS and word not in (choice.casefold() for choice in field.choices):
        return None
    if field.whole_number:
        match = WHOLE_NUMBER.fullmatch(text)
        return text if match is None else match[1]
    return _canonical_icd9(text) if field.pattern == ICD9 else text


def _canonical_icd9(text: str) -> str:
    code = text.upper()
    if not re.fullmatch(ICD9, code, re.ASCII):
        return text
    whole, _, digits = code.partition(".")
    decimals = digits.rstrip("0")
    category = whole if whole[0] in "EV" else whole.lstrip("0") or "0"
    return f"{category}.{decimals}" if decimals else category


def value_error(field: Field, text: str) -> str | None:
    """Return why the text is invalid for the field, None if it is valid. The caller handles `?`."""
    if field.kind is Kind.CODE:
        return None if re.fullmatch(field.pattern, text, re.ASCII) else _code_error(field, text)
    if field.whole_number and not re.fullmatch(r"\d{1,15}", text, re.ASCII):
        return f"{text!r} is not a whole number of 0 or more"
    if field.choices:
        return None if text in field.choices else f"{text!r} is not one of {', '.join(field.choices)}"
    return None if field.low <= int(text) <= field.high else f"{text} is not between {field.low} and {field.high}"


def _code_error(field: Field, text: str) -> str:
    if field.pattern == ICD9 and ICD10.fullmatch(text.upper()):
        return f"{text!r} looks like an ICD-10 code, but the field requires {field.hint}"
    return f"{text!r} is not {field.hint}"

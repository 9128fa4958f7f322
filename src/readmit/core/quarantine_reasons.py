"""Reasons for quarantine, and their redaction for display."""

import re

from readmit.core.encounter import BY_NAME, Kind

MISSING, DUPLICATE = "the batch has no such column or cell", "an encounter of this number came before"
ROW = "row"
"""In place of a field: the row as a whole."""
INVALID_NUMBER = "the value is not a valid number"
LONG_NUMBER = re.compile(r"\d{6,}")


def redact_reason(field: str, reason: str) -> str:
    """Return a fault's reason without encounter or patient numbers, for listings and error messages.

    A patient number in the wrong column is hidden like any long number: only the two key fields have long ones.
    """
    if field == ROW:
        return reason
    if BY_NAME[field].kind is Kind.KEY:
        return reason if reason in (MISSING, DUPLICATE) else INVALID_NUMBER
    return LONG_NUMBER.sub(lambda match: f"(a number of {len(match[0])} digits)", reason)

"""Escaping of formulas in CSV files that are opened in a spreadsheet."""

import re

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""Listed by OWASP under "CSV Injection"."""
NUMBER = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)


def escape_formula(text: str) -> str:
    """Return the text of a cell or header, prefixed by an apostrophe if it would be a formula and is no number."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) and not NUMBER.fullmatch(text) else text

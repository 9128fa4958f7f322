"""Text for CSV files that people open in a spreadsheet, where a cell can be a formula."""

import re

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""As OWASP lists them under "CSV Injection"."""
NUMBER = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)


def escape_formula(text: str) -> str:
    """Return the text of a cell or header with an apostrophe before what a spreadsheet would calculate.

    Numbers stay numbers.
    """
    return f"'{text}" if text.startswith(FORMULA_STARTS) and not NUMBER.fullmatch(text) else text

"""The syntax of a cron expression, as the schedules of Prefect and Airflow take it."""

import re
from collections.abc import Collection

MONTHS, WEEKDAYS = "jan feb mar apr may jun jul aug sep oct nov dec", "sun mon tue wed thu fri sat"
FIELDS = (("", 0, 59), ("", 0, 23), ("", 1, 31), (MONTHS, 1, 12), (WEEKDAYS, 0, 7))
"""Minute, hour, day of the month, month, day of the week: names, and the least and greatest number of each."""
PART = re.compile(r"(?:\*|(\w+)(?:-(\w+))?)(?:/[1-9]\d*)?")
"""A star, a value or a range, with an optional step."""


def check_cron(text: str) -> str:
    """Return the expression with single blanks between its fields. Raises ValueError when it is invalid."""
    fields = text.split()
    if len(fields) != len(FIELDS):
        raise ValueError("not a cron expression of five fields, such as */10 * * * *")
    for field, (names, low, high) in zip(fields, FIELDS, strict=True):
        values = {*names.split(), *map(str, range(low, high + 1))}
        if not all(_is_valid_part(part, values) for part in field.lower().split(",")):
            raise ValueError(f"invalid cron field {field}: use values from {low} to {high}")
    return " ".join(fields)


def _is_valid_part(text: str, values: Collection[str]) -> bool:
    """Return whether a part of a field is a star, one of the values, or a range of them."""
    match = PART.fullmatch(text)
    return match is not None and all(edge is None or (edge.lstrip("0") or "0") in values for edge in match.groups())

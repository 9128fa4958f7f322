"""The syntax of a cron expression, as the schedules of Prefect and Airflow take it."""

import re
from collections.abc import Collection

MONTHS, WEEKDAYS = "jan feb mar apr may jun jul aug sep oct nov dec", "sun mon tue wed thu fri sat"
FIELDS = (("", 0, 59), ("", 0, 23), ("", 1, 31), (MONTHS, 1, 12), (WEEKDAYS, 0, 7))
"""Of minute, hour, day of the month, month, day of the week: the names that it knows, and the range of its numbers."""
PART = re.compile(r"(?:\*|(\w+)(?:-(\w+))?)(?:/[1-9]\d*)?")
"""All, one, or a range, and every so many of them."""


def check_cron(text: str) -> str:
    """Return the expression with single blanks between its fields. Raises ValueError when it is none."""
    fields = text.split()
    if len(fields) != len(FIELDS):
        raise ValueError("not five fields of cron, such as */10 * * * *")
    for field, (names, least, most) in zip(fields, FIELDS, strict=True):
        known = {*names.split(), *map(str, range(least, most + 1))}
        if not all(_is_part(part, known) for part in field.lower().split(",")):
            raise ValueError(f"{field} is nothing that cron knows there, where {least} to {most} may stand")
    return " ".join(fields)


def _is_part(text: str, known: Collection[str]) -> bool:
    """Return whether a part of a field is one of what the field knows, a range of it, or all."""
    found = PART.fullmatch(text)
    return found is not None and all(edge is None or (edge.lstrip("0") or "0") in known for edge in found.groups())

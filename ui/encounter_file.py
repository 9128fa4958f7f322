"""A case: the encounter on the form, as /predict takes it, as a file, and as the form begins with it."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from readmit.core.encounter import BY_NAME, DRUGS, FEATURES, FIELDS, Field, Group
from readmit.core.request import RecordRejected, parse
from ui.api_client import Case

USUAL = Path(__file__).parent / "form_defaults.json"
"""What the form begins with: what is most often so."""
GROUPS = tuple(
    dict.fromkeys(field.group for field in FIELDS if field.name in FEATURES and field.group is not Group.ADMIN)
)
"""The parts of the form, in the order in which the fields have them."""


class InvalidCaseFile(ValueError):
    """The file holds no case; `faults` as field and message, the field empty where it is the whole file."""

    def __init__(self, faults: tuple[tuple[str, str], ...]) -> None:
        super().__init__("; ".join(f"{field}: {message}" for field, message in faults))
        self.faults = faults


def fields_of(group: Group) -> list[Field]:
    """Those that the form asks one by one; who pays is asked with the stay. Drugs have a list of their own."""
    groups = (group, Group.ADMIN) if group is Group.STAY else (group,)
    return [field for field in FIELDS if field.group in groups and field.name in FEATURES and field.name not in DRUGS]


@cache
def usual() -> Mapping[str, str | int]:
    """A value for each field that is usual, and for each that is required."""
    told: dict[str, str | int] = json.loads(USUAL.read_text())
    lacking = {name: BY_NAME[name] for name in FEATURES if BY_NAME[name].required and name not in told}
    return told | {name: _least(field) for name, field in lacking.items()}


def _least(field: Field) -> str | int:
    if not field.choices:
        return field.low
    return int(field.choices[0]) if field.whole_number else field.choices[0]


def as_file(case: Case) -> str:
    return json.dumps(dict(case), indent=2)


def of_file(content: bytes) -> Case:
    """The case that a file holds. NoCase: it holds none, and why."""
    try:
        read = json.loads(content)
    except ValueError as error:
        raise InvalidCaseFile((("", "no JSON"),)) from error
    if not isinstance(read, dict):
        raise InvalidCaseFile((("", "no JSON object"),))
    try:
        values = parse(read).values
    except RecordRejected as error:
        raise InvalidCaseFile(tuple((fault.field, fault.message) for fault in error.faults)) from error
    return {name: value for name, value in values.items() if value is not None}

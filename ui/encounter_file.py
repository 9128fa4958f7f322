"""A case, that is, one encounter as /predict accepts it: its JSON file, its form groups and its defaults."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from readmit.core.encounter import BY_NAME, DRUGS, FEATURES, FIELDS, Field, Group
from readmit.core.request import RecordRejected, parse
from readmit.core.strict_json import InvalidJson, text_of, value_of
from ui.api_client import Case

DEFAULTS_FILE = Path(__file__).parent / "form_defaults.json"
"""The most frequent values, with which the form starts."""
FILE = "the file"
"""What errors call the uploaded file."""
GROUPS = tuple(
    dict.fromkeys(field.group for field in FIELDS if field.name in FEATURES and field.group is not Group.ADMIN)
)
"""The sections of the form, in the order of the fields."""


class InvalidCaseFile(ValueError):
    """A file without a valid case. `errors`: (field, message); the field is empty for the file as a whole."""

    def __init__(self, errors: tuple[tuple[str, str], ...]) -> None:
        super().__init__("; ".join(f"{field}: {message}" for field, message in errors))
        self.errors = errors


def fields_of(group: Group) -> list[Field]:
    """Return the fields of a form section, without the drugs. The payer belongs to the stay."""
    groups = (group, Group.ADMIN) if group is Group.STAY else (group,)
    return [field for field in FIELDS if field.group in groups and field.name in FEATURES and field.name not in DRUGS]


@cache
def default_case() -> Mapping[str, str | int]:
    """Return the defaults, completed with a valid value for every other required field."""
    defaults: dict[str, str | int] = json.loads(DEFAULTS_FILE.read_text())
    missing = {name: BY_NAME[name] for name in FEATURES if BY_NAME[name].required and name not in defaults}
    return defaults | {name: _lowest(field) for name, field in missing.items()}


def _lowest(field: Field) -> str | int:
    if not field.choices:
        return field.low
    return int(field.choices[0]) if field.whole_number else field.choices[0]


def to_json(case: Case) -> str:
    """Return the content of a case file."""
    return json.dumps(dict(case), indent=2)


def from_json(content: bytes) -> Case:
    """Return the case of a file. Raises InvalidCaseFile when the content is not a valid case."""
    try:
        record = value_of(text_of(content, FILE), FILE)
    except InvalidJson as error:
        raise InvalidCaseFile((("", str(error)),)) from error
    if not isinstance(record, dict):
        raise InvalidCaseFile((("", "not a JSON object"),))
    try:
        values = parse(record).values
    except RecordRejected as error:
        raise InvalidCaseFile(
            tuple((field_error.field, field_error.message) for field_error in error.errors)
        ) from error
    return {name: value for name, value in values.items() if value is not None}

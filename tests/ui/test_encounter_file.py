import json

import pytest

from readmit.core.encounter import FEATURES, FIELDS
from readmit.core.request import parse
from ui.encounter_file import GROUPS, InvalidCaseFile, as_file, fields_of, of_file, usual


def test_the_form_asks_for_every_feature_once() -> None:
    asked = [field.name for group in GROUPS for field in fields_of(group)]
    drugs = [field.name for field in FIELDS if field.if_absent == "No" and len(field.choices) == 4]
    assert sorted([*asked, *drugs]) == sorted(FEATURES)


def test_what_the_form_begins_with_is_an_encounter() -> None:
    parse(usual())


def test_a_case_comes_back_from_its_file_as_it_was() -> None:
    case = {**usual(), "diag_1": "250.83", "insulin": "Up"}
    assert parse(of_file(as_file(case).encode())) == parse(case)


def test_a_row_of_the_source_is_a_case() -> None:
    row = {**usual(), "encounter_id": 1, "patient_nbr": 2, "readmitted": "NO", "glyburide-metformin": "No", "race": "?"}
    case = of_file(json.dumps(row).encode())
    assert "patient_nbr" not in case
    assert "race" not in case


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (b"not json", ""),
        (b"[]", ""),
        (b"{}", "age"),
        (json.dumps({**usual(), "age": "old"}).encode(), "age"),
        (b"\xff", ""),
    ],
)
def test_a_file_that_holds_no_case_says_why(content: bytes, field: str) -> None:
    with pytest.raises(InvalidCaseFile) as raised:
        of_file(content)
    assert field in [name for name, _ in raised.value.faults]

import json

import pytest

from readmit.core.encounter import FEATURES, FIELDS
from readmit.core.request import parse
from ui.encounter_file import GROUPS, InvalidCaseFile, default_case, fields_of, from_json, to_json


def test_the_form_contains_every_feature_once() -> None:
    on_form = [field.name for group in GROUPS for field in fields_of(group)]
    drugs = [field.name for field in FIELDS if field.if_absent == "No" and len(field.choices) == 4]
    assert sorted([*on_form, *drugs]) == sorted(FEATURES)


def test_the_defaults_of_the_form_are_a_valid_encounter() -> None:
    parse(default_case())


def test_a_case_survives_a_round_trip_through_its_file() -> None:
    case = {**default_case(), "diag_1": "250.83", "insulin": "Up"}
    assert parse(from_json(to_json(case).encode())) == parse(case)


def test_a_row_of_the_source_is_a_valid_case() -> None:
    row = {
        **default_case(),
        "encounter_id": 1,
        "patient_nbr": 2,
        "readmitted": "NO",
        "glyburide-metformin": "No",
        "race": "?",
    }
    case = from_json(json.dumps(row).encode())
    assert "patient_nbr" not in case
    assert "race" not in case


def test_a_file_with_a_byte_order_mark_and_whole_numbers_with_decimals_is_a_case() -> None:
    content = b"\xef\xbb\xbf" + json.dumps({**default_case(), "time_in_hospital": 4.0}).encode()
    case = from_json(content)
    assert case["time_in_hospital"] == 4
    assert isinstance(case["time_in_hospital"], int)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"age":\n "4\t01"}', r"the file is not valid JSON at line 2, column 4: a tab within a text: write it as \t"),
        (b'{"encounter_id": %s}' % (b"9" * 5_000), "column 18: a number of 5,000 digits is too long"),
        (b"[" * 100_000, "the file is nested too deeply"),
        (b'{"age": "[0-10)", "age": "[0-10)"}', "duplicate key 'age'"),
        (b'{"age": NaN}', "NaN is not a JSON value"),
        (b'{"race": "\xe9"}', "the file is not UTF-8: invalid byte at offset 10"),
        ('{"age": 1}'.encode("utf-16"), "the file is not UTF-8 but UTF-16"),
        (b"", "the content ends before the value is complete"),
    ],
)
def test_what_is_wrong_with_a_file_and_where_is_named_in_plain_words(content: bytes, message: str) -> None:
    with pytest.raises(InvalidCaseFile) as raised:
        from_json(content)
    ((field, error),) = raised.value.errors
    assert field == ""
    assert message in error


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (b"not json", ""),
        (b"[]", ""),
        (b"{}", "age"),
        (json.dumps({**default_case(), "age": "old"}).encode(), "age"),
        (b"\xff", ""),
    ],
)
def test_an_invalid_file_is_rejected_with_the_field(content: bytes, field: str) -> None:
    with pytest.raises(InvalidCaseFile) as raised:
        from_json(content)
    assert field in [name for name, _ in raised.value.errors]

import csv
import io
import os
import zipfile
from pathlib import Path

import pytest

from readmit.core.encounter import BY_NAME, COLUMNS, DRUGS, FEATURES
from readmit.core.request import RecordRejected, cell_text, parse

ORIGINAL_FORM: dict[str, object] = {
    "age": "[70-80)",
    "gender": "Female",
    "admission_type_id": 1,
    "time_in_hospital": 5,
    "num_lab_procedures": 40,
    "num_procedures": 1,
    "num_medications": 12,
    "number_outpatient": 0,
    "number_emergency": 0,
    "number_inpatient": 1,
    "number_diagnoses": 9,
    "diabetesMed": "Yes",
}


def errors_of(record: dict[str, object]) -> dict[str, str]:
    with pytest.raises(RecordRejected) as rejected:
        parse(record)
    return {error.field: error.message for error in rejected.value.errors}


def test_the_required_fields_alone_are_an_encounter() -> None:
    encounter = parse(ORIGINAL_FORM)
    assert tuple(encounter.values) == FEATURES
    assert encounter.encounter_id is None
    assert set(ORIGINAL_FORM) == {name for name in COLUMNS if BY_NAME[name].required}


def test_an_absent_drug_and_an_absent_change_mean_no() -> None:
    values = parse({**ORIGINAL_FORM, "insulin": None, "metformin": "?"}).values
    assert {values[name] for name in (*DRUGS, "change")} == {"No"}


@pytest.mark.parametrize("unrecorded", [None, "?"])
def test_null_and_a_question_mark_mean_not_recorded(unrecorded: str | None) -> None:
    missing = {
        "race": unrecorded,
        "A1Cresult": unrecorded,
        "discharge_disposition_id": unrecorded,
        "diag_1": unrecorded,
    }
    values = parse({**ORIGINAL_FORM, **missing}).values
    assert [values[name] for name in missing] == [None] * 4
    assert values["weight"] is None


def test_none_in_a_laboratory_field_is_the_category_not_measured() -> None:
    assert parse({**ORIGINAL_FORM, "A1Cresult": "None"}).values["A1Cresult"] == "None"


def test_both_spellings_of_a_column_are_the_same_field() -> None:
    assert parse({**ORIGINAL_FORM, "glyburide-metformin": "Up"}).values["glyburide_metformin"] == "Up"
    assert parse({**ORIGINAL_FORM, "glyburide_metformin": "Up"}).values["glyburide_metformin"] == "Up"


def test_the_same_field_in_two_spellings_is_rejected() -> None:
    twice: dict[str, object] = {**ORIGINAL_FORM, "glyburide-metformin": "No", "glyburide_metformin": "Up"}
    assert list(errors_of(twice)) == ["glyburide_metformin"]


def test_the_patient_number_and_the_label_are_accepted_with_any_value_and_ignored() -> None:
    encounter = parse({**ORIGINAL_FORM, "patient_nbr": ["x"], "readmitted": 7, "encounter_id": 149190})
    assert encounter.encounter_id == 149190
    assert "readmitted" not in encounter.values
    assert "patient_nbr" not in encounter.values


@pytest.mark.parametrize("required", list(ORIGINAL_FORM))
def test_a_required_field_that_is_not_recorded_is_reported(required: str) -> None:
    absent = {name: value for name, value in ORIGINAL_FORM.items() if name != required}
    assert errors_of(absent) == errors_of({**ORIGINAL_FORM, required: "?"}) == {required: "is required"}


@pytest.mark.parametrize("invalid", [True, 5.0, "5", [5], {}])
def test_a_whole_number_in_json_must_be_an_integer(invalid: object) -> None:
    assert list(errors_of({**ORIGINAL_FORM, "time_in_hospital": invalid})) == ["time_in_hospital"]
    assert list(errors_of({**ORIGINAL_FORM, "admission_type_id": invalid})) == ["admission_type_id"]


@pytest.mark.parametrize(
    ("field", "invalid"),
    [
        ("gender", "female"),
        ("gender", 1),
        ("gender", ""),
        ("age", "[70-80]"),
        ("time_in_hospital", 15),
        ("time_in_hospital", 0),
        ("num_medications", -1),
        ("num_medications", 10**30),
        ("admission_type_id", 9),
        ("admission_source_id", 16),
        ("diag_1", "diabetes"),
        ("diag_1", "\u0664\u0662\u0668"),
        ("payer_code", "mc"),
        ("medical_specialty", "x" * 100_000),
        ("race", "\ud800"),
        ("encounter_id", -4),
    ],
)
def test_an_invalid_value_is_rejected_with_the_name_of_its_field(field: str, invalid: object) -> None:
    messages = errors_of({**ORIGINAL_FORM, field: invalid})
    assert list(messages) == [field]
    assert len(messages[field]) < 250
    assert messages[field].encode().isascii()


def test_a_well_formed_code_is_accepted() -> None:
    codes = {"diag_1": "999.99", "payer_code": "ZZ", "medical_specialty": "Surgery-Unheard/Of"}
    assert {name: parse({**ORIGINAL_FORM, **codes}).values[name] for name in codes} == codes


def test_an_unknown_field_is_rejected_by_name() -> None:
    assert errors_of({**ORIGINAL_FORM, "metfornin": "Up"}) == {"metfornin": "unknown field"}


def test_many_unknown_fields_get_a_short_error() -> None:
    messages = errors_of({**ORIGINAL_FORM, **{f"{'x' * 500}{number}": 1 for number in range(10_000)}})
    assert sum(len(field) + len(message) for field, message in messages.items()) < 5_000


def test_all_errors_of_a_record_are_reported_at_once() -> None:
    assert set(errors_of({"age": "old", "gendr": "Male", "time_in_hospital": 5.5})) == {
        "gendr",
        "age",
        "time_in_hospital",
        *(set(ORIGINAL_FORM) - {"age", "time_in_hospital"}),
    }


def test_a_row_of_csv_is_the_same_encounter_as_its_json() -> None:
    texts = {name: str(value) for name, value in ORIGINAL_FORM.items()}
    empty = {"race": "", "encounter_id": "", "insulin": ""}
    assert parse({**texts, **empty}, cell_text) == parse(ORIGINAL_FORM)


@pytest.mark.parametrize("invalid", ["", "5.5", " 5", "five", "\u0665", "-5"])
def test_a_whole_number_in_csv_is_digits(invalid: str) -> None:
    texts = {name: str(value) for name, value in ORIGINAL_FORM.items()}
    with pytest.raises(RecordRejected) as rejected:
        parse({**texts, "time_in_hospital": invalid}, cell_text)
    assert [error.field for error in rejected.value.errors] == ["time_in_hospital"]


@pytest.mark.skipif("READMIT_DATA" not in os.environ, reason="READMIT_DATA names no real file")
def test_rows_of_the_real_file_are_encounters_unchanged() -> None:
    path = Path(os.environ["READMIT_DATA"])
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            name = next(name for name in archive.namelist() if name.endswith("diabetic_data.csv"))
            text = archive.read(name).decode()
    else:
        text = path.read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))[::20]
    assert [parse(row, cell_text).encounter_id for row in rows] == [int(row["encounter_id"]) for row in rows]

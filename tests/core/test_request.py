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


def faults(record: dict[str, object]) -> dict[str, str]:
    with pytest.raises(RecordRejected) as refused:
        parse(record)
    return {fault.field: fault.message for fault in refused.value.faults}


def test_the_originals_required_facts_alone_are_an_encounter() -> None:
    encounter = parse(ORIGINAL_FORM)
    assert tuple(encounter.values) == FEATURES
    assert encounter.encounter_id is None
    assert set(ORIGINAL_FORM) == {name for name in COLUMNS if BY_NAME[name].required}


def test_an_absent_drug_and_an_absent_change_mean_no() -> None:
    values = parse({**ORIGINAL_FORM, "insulin": None, "metformin": "?"}).values
    assert {values[name] for name in (*DRUGS, "change")} == {"No"}


@pytest.mark.parametrize("unrecorded", [None, "?"])
def test_null_and_a_question_mark_mean_not_recorded(unrecorded: str | None) -> None:
    given = {"race": unrecorded, "A1Cresult": unrecorded, "discharge_disposition_id": unrecorded, "diag_1": unrecorded}
    values = parse({**ORIGINAL_FORM, **given}).values
    assert [values[name] for name in given] == [None] * 4
    assert values["weight"] is None


def test_none_in_a_laboratory_field_is_the_category_not_measured() -> None:
    assert parse({**ORIGINAL_FORM, "A1Cresult": "None"}).values["A1Cresult"] == "None"


def test_both_spellings_of_a_column_are_the_same_field() -> None:
    assert parse({**ORIGINAL_FORM, "glyburide-metformin": "Up"}).values["glyburide_metformin"] == "Up"
    assert parse({**ORIGINAL_FORM, "glyburide_metformin": "Up"}).values["glyburide_metformin"] == "Up"


def test_the_same_field_in_two_spellings_is_refused() -> None:
    twice: dict[str, object] = {**ORIGINAL_FORM, "glyburide-metformin": "No", "glyburide_metformin": "Up"}
    assert list(faults(twice)) == ["glyburide_metformin"]


def test_the_patients_number_and_the_label_are_accepted_with_any_value_and_dropped() -> None:
    encounter = parse({**ORIGINAL_FORM, "patient_nbr": ["x"], "readmitted": 7, "encounter_id": 149190})
    assert encounter.encounter_id == 149190
    assert "readmitted" not in encounter.values
    assert "patient_nbr" not in encounter.values


@pytest.mark.parametrize("required", list(ORIGINAL_FORM))
def test_a_required_field_that_is_not_recorded_is_named(required: str) -> None:
    absent = {name: value for name, value in ORIGINAL_FORM.items() if name != required}
    assert faults(absent) == faults({**ORIGINAL_FORM, required: "?"}) == {required: "is required"}


@pytest.mark.parametrize("wrong", [True, 5.0, "5", [5], {}])
def test_a_whole_number_in_json_is_nothing_but_an_integer(wrong: object) -> None:
    assert list(faults({**ORIGINAL_FORM, "time_in_hospital": wrong})) == ["time_in_hospital"]
    assert list(faults({**ORIGINAL_FORM, "admission_type_id": wrong})) == ["admission_type_id"]


@pytest.mark.parametrize(
    ("field", "wrong"),
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
def test_a_value_outside_the_contract_is_refused_by_the_name_of_its_field(field: str, wrong: object) -> None:
    found = faults({**ORIGINAL_FORM, field: wrong})
    assert list(found) == [field]
    assert len(found[field]) < 250
    assert found[field].encode().isascii()


def test_an_open_code_of_the_right_form_passes() -> None:
    given = {"diag_1": "999.99", "payer_code": "ZZ", "medical_specialty": "Surgery-Unheard/Of"}
    assert {name: parse({**ORIGINAL_FORM, **given}).values[name] for name in given} == given


def test_an_unknown_field_is_refused_by_name() -> None:
    assert faults({**ORIGINAL_FORM, "metfornin": "Up"}) == {"metfornin": "is no field of an encounter"}


def test_a_million_unknown_fields_get_a_short_refusal() -> None:
    found = faults({**ORIGINAL_FORM, **{f"{'x' * 500}{number}": 1 for number in range(10_000)}})
    assert sum(len(field) + len(message) for field, message in found.items()) < 5_000


def test_all_faults_of_a_record_are_told_at_once() -> None:
    assert set(faults({"age": "old", "gendr": "Male", "time_in_hospital": 5.5})) == {
        "gendr",
        "age",
        "time_in_hospital",
        *(set(ORIGINAL_FORM) - {"age", "time_in_hospital"}),
    }


def test_a_row_of_csv_is_the_same_encounter_as_its_json() -> None:
    texts = {name: str(value) for name, value in ORIGINAL_FORM.items()}
    empty = {"race": "", "encounter_id": "", "insulin": ""}
    assert parse({**texts, **empty}, cell_text) == parse(ORIGINAL_FORM)


@pytest.mark.parametrize("wrong", ["", "5.0", " 5", "five", "\u0665", "-5"])
def test_a_whole_number_in_csv_is_digits(wrong: str) -> None:
    texts = {name: str(value) for name, value in ORIGINAL_FORM.items()}
    with pytest.raises(RecordRejected) as refused:
        parse({**texts, "time_in_hospital": wrong}, cell_text)
    assert [fault.field for fault in refused.value.faults] == ["time_in_hospital"]


@pytest.mark.skipif("READMIT_DATA" not in os.environ, reason="READMIT_DATA names no real file")
def test_rows_of_the_real_file_are_encounters_as_they_stand() -> None:
    path = Path(os.environ["READMIT_DATA"])
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            name = next(name for name in archive.namelist() if name.endswith("diabetic_data.csv"))
            text = archive.read(name).decode()
    else:
        text = path.read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))[::20]
    assert [parse(row, cell_text).encounter_id for row in rows] == [int(row["encounter_id"]) for row in rows]

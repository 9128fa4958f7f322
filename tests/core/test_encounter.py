import os
from pathlib import Path

import pytest

from ec2_api.layout import csv_content, read_table
from readmit.core.encounter import (
    BY_NAME,
    COLUMNS,
    DISPOSITION,
    DRUG_LEVELS,
    DRUGS,
    ENCOUNTER,
    EXCLUDED_DISPOSITIONS,
    FEATURES,
    FIELDS,
    NOT_RECORDED,
    OUTCOME,
    PATIENT,
    labels,
    python_name,
)
from readmit.core.field_values import value_error

UCI_HEADER = (
    "encounter_id,patient_nbr,race,gender,age,weight,admission_type_id,discharge_disposition_id,"
    "admission_source_id,time_in_hospital,payer_code,medical_specialty,num_lab_procedures,num_procedures,"
    "num_medications,number_outpatient,number_emergency,number_inpatient,diag_1,diag_2,diag_3,number_diagnoses,"
    "max_glu_serum,A1Cresult,metformin,repaglinide,nateglinide,chlorpropamide,glimepiride,acetohexamide,glipizide,"
    "glyburide,tolbutamide,pioglitazone,rosiglitazone,acarbose,miglitol,troglitazone,tolazamide,examide,citoglipton,"
    "insulin,glyburide-metformin,glipizide-metformin,glimepiride-pioglitazone,metformin-rosiglitazone,"
    "metformin-pioglitazone,change,diabetesMed,readmitted"
)
ORIGINAL_FORM = {
    *("age", "gender", "admission_type_id", "time_in_hospital", "num_lab_procedures", "num_procedures"),
    *("num_medications", "number_outpatient", "number_emergency", "number_inpatient", "number_diagnoses"),
    "diabetesMed",
}
WHOLE_NUMBERS = [field.name for field in FIELDS if field.whole_number]


def test_the_fields_are_ucis_fifty_columns_in_ucis_order() -> None:
    assert tuple(python_name(column) for column in UCI_HEADER.split(",")) == COLUMNS
    assert len(COLUMNS) == 50


def test_only_hyphens_change_and_become_underscores() -> None:
    assert python_name("glyburide-metformin") == "glyburide_metformin"
    assert python_name("A1Cresult") == "A1Cresult"


def test_the_required_fields_are_those_of_the_originals_form() -> None:
    assert {field.name for field in FIELDS if field.required} == ORIGINAL_FORM


def test_an_absent_drug_or_change_means_no_and_any_other_absence_means_not_recorded() -> None:
    assert {field.name: field.if_absent for field in FIELDS if field.if_absent} == dict.fromkeys(
        (*DRUGS, "change"), "No"
    )


def test_closed_sets_are_the_published_ones_not_the_values_in_a_file() -> None:
    assert {BY_NAME[drug].choices for drug in DRUGS} == {DRUG_LEVELS} == {("No", "Steady", "Down", "Up")}
    assert len(DRUGS) == 23
    sizes = {"admission_type_id": 8, "discharge_disposition_id": 30, "admission_source_id": 25}
    assert {name: len(BY_NAME[name].choices) for name in sizes} == sizes
    assert set(EXCLUDED_DISPOSITIONS) < set(BY_NAME[DISPOSITION].choices)


def test_no_id_and_no_outcome_is_a_feature() -> None:
    assert set(COLUMNS) - set(FEATURES) == {ENCOUNTER, PATIENT, OUTCOME}


@pytest.mark.skipif("READMIT_DATA" not in os.environ, reason="READMIT_DATA is unset: only the real file can show it")
def test_every_value_of_the_real_file_is_valid() -> None:
    rows = read_table(csv_content(Path(os.environ["READMIT_DATA"])))
    assert tuple(python_name(column) for column in rows.columns) == COLUMNS
    invalid = {
        field.name: value
        for field, column in zip(FIELDS, rows.columns, strict=True)
        for value in rows[column].unique()
        if (not field.may_be_unrecorded if value == NOT_RECORDED else value_error(field, value))
    }
    assert invalid == {}


@pytest.mark.parametrize("name", WHOLE_NUMBERS)
@pytest.mark.parametrize(
    "text", ["-1", "+1", "1.0", "1e1", " 1", "1\n", "1_0", "", "\u0661", "\uff11", "\u00b2", "9" * 16]
)
def test_a_whole_number_has_only_ascii_digits(name: str, text: str) -> None:
    error = value_error(BY_NAME[name], text)
    assert error is not None
    assert repr(text) in error


@pytest.mark.parametrize(
    ("name", "accepted", "rejected"),
    [
        ("time_in_hospital", ("1", "14"), ("0", "15")),
        ("num_procedures", ("0", "999"), ("1000",)),
        ("admission_source_id", ("15", "17", "26"), ("0", "16", "27")),
        ("insulin", ("No", "Steady", "Down", "Up"), ("NO", "no", "Yes", "Steady ")),
        ("A1Cresult", ("None", ">8"), ("NONE", "none", "8")),
        (
            "diag_1",
            ("8", "250.83", "V57", "V45.81", "E885"),
            ("428.", "1234", "250.123", "v57", "\u0664\u0662\u0668", "428\n"),
        ),
        ("payer_code", ("MC",), ("mc", "MCX", "M1")),
        ("medical_specialty", ("Surgery-Cardiovascular/Thoracic", "InternalMedicine"), ("7", "=1+1", "A" * 65)),
    ],
)
def test_a_field_accepts_valid_values_and_rejects_those_just_outside(
    name: str, accepted: tuple[str, ...], rejected: tuple[str, ...]
) -> None:
    assert [text for text in accepted if value_error(BY_NAME[name], text)] == []
    assert [text for text in rejected if not value_error(BY_NAME[name], text)] == []


@pytest.mark.parametrize(("target", "expected"), [("within_30_days", [1, 0, 0, 1]), ("any", [1, 1, 0, 1])])
def test_each_outcome_has_its_label_in_order(target: str, expected: list[int]) -> None:
    assert labels(["<30", ">30", "NO", "<30"], target) == expected


def test_an_unknown_outcome_names_the_field_and_an_unknown_target_the_setting() -> None:
    with pytest.raises(ValueError, match=rf"^{OUTCOME}: '<31' is not one of"):
        labels(["NO", "<31"], "any")
    with pytest.raises(ValueError, match=r"^READMIT_TARGET: 'ever' is not one of"):
        labels([], "ever")

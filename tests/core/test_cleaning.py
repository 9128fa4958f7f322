import random
from collections import Counter
from datetime import date

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from readmit.core.cleaning import (
    CLEAN_SCHEMA,
    FAULTS_SCHEMA,
    POSITION,
    clean,
    encounter_numbers,
    rejection_reason,
    to_text_columns,
    unknown_columns,
)
from readmit.core.encounter import (
    BY_NAME,
    COLUMNS,
    DISPOSITION,
    ENCOUNTER,
    FIELDS,
    NOT_RECORDED,
    PATIENT,
    Field,
    Kind,
)
from readmit.core.errors import BatchRejected
from readmit.core.quarantine_reasons import redact_reason
from readmit.core.tabular.table_header import ROW_ERROR

Row = dict[str, str | None]
CODES = {"payer_code": ("MC", "HM"), "medical_specialty": ("InternalMedicine", "Surgery-General")}
ROWS = 60


def valid_value(field: Field, rng: random.Random) -> str:
    """A valid value of the field."""
    if field.may_be_unrecorded and rng.random() < 0.3:
        return NOT_RECORDED
    if field.kind is Kind.CODE:
        return rng.choice(CODES.get(field.name, ("428", "250.83", "V57.1", "E885")))
    return rng.choice(field.choices) if field.choices else str(rng.randint(field.low, field.high))


def encounters(rng: random.Random, rows: int = ROWS) -> list[Row]:
    """Valid encounters; the IDs are 1001, 1002, ... and every third patient has two."""
    generated: list[Row] = [{field.name: valid_value(field, rng) for field in FIELDS} for _ in range(rows)]
    for index, row in enumerate(generated):
        row |= {ENCOUNTER: str(1001 + index), PATIENT: str(1 + index - (index % 3 == 2))}
    return generated


def batch(rows: list[Row]) -> pl.DataFrame:
    return to_text_columns(pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS, pl.String)))


def returning(rows: list[Row]) -> list[Row]:
    """The encounters with a discharge to home, so that none is excluded for death or hospice."""
    return [{**row, DISPOSITION: "1"} for row in rows]


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("race", "Martian", "'Martian' is not one of Caucasian"),
        ("insulin", "NO", "'NO' is not one of No"),
        ("admission_source_id", "16", "'16' is not one of 1"),
        ("time_in_hospital", "15", "15 is not between 1 and 14"),
        ("num_procedures", "two", "'two' is not a whole number"),
        ("patient_nbr", "-5", "'-5' is not a whole number"),
        ("diag_2", "heart", "'heart' is not an ICD-9-CM code such as 428"),
        ("gender", "?", "'?' (not recorded) is not allowed here"),
        ("encounter_id", "?", "'?' (not recorded) is not allowed here"),
        ("readmitted", None, "no such column or cell"),
    ],
)
def test_an_invalid_value_is_quarantined_with_its_field_and_reason(field: str, value: str | None, reason: str) -> None:
    rows = returning(encounters(random.Random(1), 3))
    rows[1][field] = value
    cleaned = clean(batch(rows), [])
    (fault,) = cleaned.faults.iter_rows(named=True)
    assert (fault[POSITION], fault[ENCOUNTER], fault["field"]) == (2, rows[1][ENCOUNTER], field)
    assert reason in fault["reason"]
    assert (cleaned.clean.height, cleaned.quarantined) == (2, 1)
    assert cleaned.faults.schema == FAULTS_SCHEMA


@pytest.mark.parametrize("missing", ["weight", ENCOUNTER, DISPOSITION])
def test_a_missing_column_quarantines_all_rows_of_the_batch_and_is_named(missing: str) -> None:
    frame = pl.DataFrame(encounters(random.Random(2)), schema=dict.fromkeys(COLUMNS, pl.String))
    cleaned = clean(to_text_columns(frame.drop(missing)), [])
    assert (cleaned.clean.height, cleaned.quarantined, cleaned.excluded) == (0, ROWS, 0)
    assert Counter(cleaned.faults["field"]) == {missing: ROWS}


def test_the_first_of_duplicate_encounters_in_source_order_is_kept() -> None:
    rows = returning(encounters(random.Random(3), 4))
    rows[2][ENCOUNTER] = rows[0][ENCOUNTER]
    cleaned = clean(batch(rows).reverse(), [])
    assert cleaned.clean[ENCOUNTER].to_list() == [1001, 1002, 1004]
    assert cleaned.faults.rows() == [(3, "1001", ENCOUNTER, "an encounter of this number came before")]


def test_the_first_valid_duplicate_is_kept_not_an_invalid_one_before_it() -> None:
    rows = returning(encounters(random.Random(4), 2))
    rows[1][ENCOUNTER] = rows[0][ENCOUNTER]
    rows[0]["age"] = "old"
    cleaned = clean(batch(rows), [])
    assert cleaned.clean.height == 1
    assert cleaned.faults.select(POSITION, "field").rows() == [(1, "age")]


def test_an_encounter_of_an_earlier_batch_is_quarantined() -> None:
    rows = returning(encounters(random.Random(5), 3))
    cleaned = clean(batch(rows), [1002, 77])
    assert cleaned.clean[ENCOUNTER].to_list() == [1001, 1003]
    assert cleaned.faults.rows() == [(2, "1002", ENCOUNTER, "an encounter of this number came before")]


@pytest.mark.parametrize("earlier", [[], [1001]])
def test_leading_zeros_do_not_make_a_different_encounter(earlier: list[int]) -> None:
    rows = returning(encounters(random.Random(6), 2))
    rows[1][ENCOUNTER] = "0001001"
    cleaned = clean(batch(rows), earlier)
    assert cleaned.clean[ENCOUNTER].to_list() == ([] if earlier else [1001])
    assert 2 in cleaned.faults[POSITION]


def test_deaths_and_hospice_are_excluded_and_not_quarantined() -> None:
    rows = [
        {**row, DISPOSITION: disposition}
        for row, disposition in zip(encounters(random.Random(7), 30), BY_NAME[DISPOSITION].choices, strict=True)
    ]
    cleaned = clean(batch(rows), [])
    assert (cleaned.excluded, cleaned.quarantined) == (6, 0)
    assert set(range(1, 31)) - set(cleaned.clean[DISPOSITION]) == {11, 13, 14, 19, 20, 21}


def test_a_clean_row_has_types_and_null_for_not_recorded_and_none_stays_not_measured() -> None:
    rows = returning(encounters(random.Random(8), 1))
    rows[0] |= {"race": "?", "diag_3": "?", "A1Cresult": "None", "max_glu_serum": "None", "num_procedures": "007"}
    cleaned = clean(batch(rows), []).clean
    assert cleaned.schema == CLEAN_SCHEMA
    (row,) = cleaned.iter_rows(named=True)
    assert (row["race"], row["diag_3"], row["A1Cresult"], row["max_glu_serum"]) == (None, None, "None", "None")
    assert (row[ENCOUNTER], row["num_procedures"], row["age"]) == (1001, 7, rows[0]["age"])


def test_encounter_numbers_are_those_of_valid_texts() -> None:
    raw = pl.DataFrame({ENCOUNTER: ["7", "007", "8.0", "x", "", None]})
    assert sorted(encounter_numbers(raw)) == [7, 8]


def test_an_empty_batch_is_clean() -> None:
    cleaned = clean(pl.DataFrame(schema={POSITION: pl.Int64, **dict.fromkeys((*COLUMNS, ROW_ERROR), pl.String)}), [])
    assert (cleaned.clean.schema, cleaned.clean.height, cleaned.quarantined) == (CLEAN_SCHEMA, 0, 0)


@pytest.mark.parametrize("empty", [pl.DataFrame(), pl.DataFrame(schema=dict.fromkeys(COLUMNS, pl.String))])
def test_a_batch_without_encounters_is_rejected_with_its_reason(empty: pl.DataFrame) -> None:
    with pytest.raises(BatchRejected, match="the batch contains no encounters"):
        to_text_columns(empty)


def test_text_columns_are_in_ucis_order_and_rows_are_numbered_from_one() -> None:
    rows = encounters(random.Random(9), 3)
    frame = pl.DataFrame(rows).with_columns(pl.col("num_procedures").cast(pl.Int64))
    shuffled = frame.select(reversed(COLUMNS)).rename({"glyburide_metformin": "glyburide-metformin"})
    text = to_text_columns(shuffled)
    assert text.columns == [POSITION, *COLUMNS, ROW_ERROR]
    assert text[POSITION].to_list() == [1, 2, 3]
    assert_frame_equal(text.drop(POSITION, ROW_ERROR), pl.DataFrame(rows))


def test_the_same_column_in_both_spellings_is_rejected_and_named() -> None:
    frame = pl.DataFrame({"glyburide-metformin": ["No"], "glyburide_metformin": ["Up"]})
    with pytest.raises(BatchRejected, match="the batch has duplicate columns: glyburide_metformin"):
        to_text_columns(frame)


def test_an_unknown_column_in_both_spellings_is_accepted() -> None:
    frame = pl.DataFrame(encounters(random.Random(13), 2)).with_columns(pl.lit(1).alias("a-b"), pl.lit(2).alias("a_b"))
    assert to_text_columns(frame).height == 2


@pytest.mark.parametrize(
    ("field", "cells", "reason"),
    [
        ("diag_1", [428.0, 250.83], "'428.0 (as Float64)' is not an ICD-9-CM code such as 428"),
        ("diag_1", [428, 250], "'428 (as Int64)' is not an ICD-9-CM code"),
        ("medical_specialty", [True, False], "'True (as Boolean)' is not a specialty name"),
        ("num_medications", [3.0, 4.0], "'3.0 (as Float64)' is not a whole number"),
        ("age", [date(2008, 1, 1), None], "'2008-01-01 (as Date)' is not one of [0-10)"),
        ("race", [["Other"], None], "\"['Other'] (as List)\" is not one of Caucasian"),
        ("gender", [b"Female\xff", b"Male"], r"'Female\\xff' is not one of Female, Male"),
        ("weight", [None, None], "the batch has no such column or cell"),
    ],
)
def test_a_column_of_a_type_that_the_field_cannot_have_is_quarantined_with_its_type(
    field: str, cells: list[object], reason: str
) -> None:
    rows = pl.DataFrame(returning(encounters(random.Random(14), 2)))
    cleaned = clean(to_text_columns(rows.with_columns(pl.Series(field, cells))), [])
    fault = cleaned.faults.row(0, named=True)
    assert fault["field"] == field
    assert reason in fault["reason"]


@pytest.mark.parametrize("kind", [pl.Int8, pl.UInt64, pl.Int128])
def test_whole_numbers_may_be_integers_of_any_size_and_text_may_be_bytes(kind: type[pl.DataType]) -> None:
    rows = pl.DataFrame(returning(encounters(random.Random(15), 5)))
    frame = rows.with_columns(pl.col("num_procedures").cast(pl.Int64) % 100, pl.col("insulin", "race").cast(pl.Binary))
    cleaned = clean(to_text_columns(frame.with_columns(pl.col("num_procedures").cast(kind))), [])
    assert cleaned.clean["num_procedures"].to_list() == frame["num_procedures"].to_list()
    assert cleaned.clean["insulin"].to_list() == rows["insulin"].to_list()


def test_the_reason_of_a_very_long_value_has_its_beginning_and_its_length() -> None:
    rows = returning(encounters(random.Random(16), 1))
    rows[0] |= {"insulin": "No" * 50_000, "num_procedures": "9" * 5_000}
    cleaned = clean(batch(rows), [])
    reasons = dict(cleaned.faults.select("field", "reason").iter_rows())
    assert reasons["insulin"].startswith(f"'{'No' * 40}... (100,000 characters)' is not one of No")
    assert reasons["num_procedures"].startswith(f"'{'9' * 80}... (5,000 characters)'")


@pytest.mark.parametrize(
    ("field", "value", "redacted"),
    [
        (PATIENT, "8222157.5", "the value is not a valid number"),
        (PATIENT, None, "the batch has no such column or cell"),
        ("race", "8222157", "'(a number of 7 digits)' is not one of Caucasian"),
        ("num_medications", "189502619", "(a number of 9 digits) is not between 0 and 999"),
        ("num_medications", "1500", "1500 is not between 0 and 999"),
    ],
)
def test_a_possible_patient_number_is_redacted(field: str, value: str | None, redacted: str) -> None:
    rows = returning(encounters(random.Random(17), 1))
    rows[0][field] = value
    ((reason,),) = clean(batch(rows), []).faults.select("reason").iter_rows()
    assert redact_reason(field, reason).startswith(redacted)


@pytest.mark.parametrize("name", ["ward", POSITION])
def test_an_unknown_column_is_named_and_dropped(name: str) -> None:
    frame = pl.DataFrame(encounters(random.Random(10), 2)).with_columns(pl.lit("north").alias(name))
    assert unknown_columns(frame) == [name]
    text = to_text_columns(frame)
    assert text.columns == [POSITION, *COLUMNS, ROW_ERROR]
    assert text[POSITION].to_list() == [1, 2]


def test_a_row_with_an_error_of_its_own_is_quarantined_for_it_alone() -> None:
    rows: list[Row] = returning(encounters(random.Random(18), 3))
    rows[1] = dict.fromkeys(COLUMNS, "")
    errors = pl.Series(ROW_ERROR, ["", "line 3 has 51 cells, but the header has 50", ""])
    raw = to_text_columns(pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS, pl.String)).with_columns(errors))
    cleaned = clean(raw, [])
    assert cleaned.faults.rows() == [(2, "", "row", "line 3 has 51 cells, but the header has 50")]
    assert (cleaned.clean.height, cleaned.quarantined) == (2, 1)
    assert redact_reason("row", cleaned.faults["reason"][0]) == cleaned.faults["reason"][0]


@pytest.mark.parametrize(
    ("rows", "quarantined", "rejected"), [(15_000, 750, False), (15_000, 751, True), (20, 1, False), (0, 0, True)]
)
def test_a_batch_with_more_than_five_per_cent_in_quarantine_is_rejected(
    rows: int, quarantined: int, rejected: bool
) -> None:
    reason = rejection_reason(rows, quarantined, [])
    assert (reason is not None) == rejected
    assert reason is None or f"{quarantined:,} of {rows:,}" in reason


def counts_of(faults: pl.DataFrame) -> list[tuple[str, str, int]]:
    return [(*fault, number) for fault, number in Counter(faults.select("field", "reason").iter_rows()).items()]


def test_a_rejection_names_the_missing_columns_and_the_fields_with_most_faults_and_their_reasons() -> None:
    rows = returning(encounters(random.Random(11)))
    for index, row in enumerate(rows):
        row["num_medications"] = f"{index % 20}.5" if index < 40 else "3.5"
        row["insulin"] = "no" if index < 30 else "No"
    rows[1][ENCOUNTER] = rows[2][ENCOUNTER] = rows[0][ENCOUNTER]
    frame = pl.DataFrame(rows).drop("weight")
    cleaned = clean(to_text_columns(frame), [])
    assert rejection_reason(ROWS, cleaned.quarantined, counts_of(cleaned.faults)) == (
        "60 of 60 encounters quarantined (100.0%), more than 5%: missing columns: weight; "
        "num_medications 60 times, most often (22) because '3.5' is not a whole number of 0 or more; "
        "insulin 30 times, because 'no' is not one of No, Steady, Down, Up"
    )


def test_a_rejection_contains_no_number_of_an_encounter_or_a_patient() -> None:
    rows = returning(encounters(random.Random(12)))
    for row in rows[10:]:
        row[PATIENT] = f"{row[PATIENT]}.5"
    for row in rows[:10]:
        row[ENCOUNTER] = "1001"
    cleaned = clean(batch(rows), [])
    assert str(rejection_reason(ROWS, cleaned.quarantined, counts_of(cleaned.faults))).endswith(
        "more than 5%: patient_nbr 50 times, because the value is not a valid number; "
        "encounter_id 9 times, because an encounter of this number came before"
    )


def test_the_rejection_of_an_unrelated_table_stays_short() -> None:
    cleaned = clean(to_text_columns(pl.DataFrame({"age": ["old"] * 3})), [])
    reason = str(rejection_reason(3, cleaned.quarantined, counts_of(cleaned.faults)))
    assert "missing columns: encounter_id, patient_nbr, race, gender, weight and 44 others" in reason
    assert reason.endswith("; age 3 times, because 'old' is not one of " + ", ".join(BY_NAME["age"].choices))

import json
from dataclasses import replace

import pytest

from readmit.core.coverage import Coverage, FieldCoverage, WarningKind, classify_warning
from readmit.core.encounter import BY_NAME, DRUGS, FEATURES
from readmit.core.request import parse

ENCOUNTER: dict[str, object] = {
    name: (field.low + 2 if field.low or not field.choices else int(field.choices[0]))
    if field.whole_number
    else (field.choices[0] if field.choices else {"payer_code": "MC"}.get(name, "428"))
    for name, field in BY_NAME.items()
    if name in FEATURES and name != "medical_specialty"
}


def coverage(**changed: list[str | int | None]) -> Coverage:
    """Coverage of 40 encounters: four that are equal except for the changed columns, each ten times."""
    values = parse(ENCOUNTER).values
    return Coverage.of({name: changed.get(name, [value] * 4) * 10 for name, value in values.items()})


def test_an_encounter_like_those_in_training_gets_no_warning() -> None:
    assert coverage().warnings(parse(ENCOUNTER).values) == []


def test_a_missing_value_of_a_mostly_recorded_field_gives_a_warning() -> None:
    trained = coverage(race=["Asian", "Asian", None, None], weight=["[0-25)", None, None, None])
    values = {**parse(ENCOUNTER).values, "race": None, "weight": None, "diag_1": None}
    warnings = trained.warnings(values)
    assert [warning.split()[0] for warning in warnings] == ["race", "diag_1"]
    assert "50%" in warnings[0]


def test_a_value_outside_the_training_data_gives_a_warning_with_the_value() -> None:
    trained = coverage(time_in_hospital=[2, 3, 9, 4])
    values = {**parse(ENCOUNTER).values, "diag_1": "999", "discharge_disposition_id": 30, "time_in_hospital": 10}
    warnings = trained.warnings(values)
    assert len(warnings) == 3
    assert "diag_1 '999'" in " ".join(warnings)
    assert "discharge_disposition_id 30" in " ".join(warnings)
    assert "time_in_hospital 10 is outside the training range, 2 to 9." in warnings


@pytest.mark.parametrize(
    ("occurrences", "warnings"),
    [
        (10, []),
        (9, ["time_in_hospital 7 is rare: it occurs in 9 of 1,009 training encounters."]),
        (1, ["time_in_hospital 7 is rare: it occurs in 1 of 1,001 training encounters."]),
        (0, ["time_in_hospital 7 does not occur in the training data."]),
    ],
)
def test_a_count_of_fewer_than_ten_training_encounters_gives_a_warning(occurrences: int, warnings: list[str]) -> None:
    stays = [2] * 500 + [7] * occurrences + [9] * 500
    columns = {name: [value] * len(stays) for name, value in parse(ENCOUNTER).values.items()}
    trained = Coverage.of({**columns, "time_in_hospital": stays})
    assert trained.warnings({**parse(ENCOUNTER).values, "time_in_hospital": 7}) == warnings


def test_a_code_of_fewer_than_ten_training_encounters_gives_a_warning() -> None:
    codes: list[str | int | None] = ["428"] * 30 + ["250.83"] * 9 + [None]
    trained = Coverage.of({name: [value] * 40 for name, value in parse(ENCOUNTER).values.items()} | {"diag_2": codes})
    (warning,) = trained.warnings({**parse(ENCOUNTER).values, "diag_2": "250.83"})
    assert warning == "diag_2 '250.83' is rare: it occurs in 9 of 40 training encounters."
    assert classify_warning(warning) == ("diag_2", WarningKind.RARE)


def test_an_absence_gives_a_warning_only_where_it_matters() -> None:
    trained = coverage(race=["Asian", "Asian", "Asian", None])
    fields = {name: replace(field, absence_matters=name == "diag_1") for name, field in trained.fields.items()}
    values = {**parse(ENCOUNTER).values, "race": None, "diag_1": None}
    assert [warning.split()[0] for warning in trained.warnings(values)] == ["race", "diag_1"], "of an older model"
    assert [warning.split()[0] for warning in replace(trained, fields=fields).warnings(values)] == ["diag_1"]


def test_a_coverage_of_an_older_release_can_be_read() -> None:
    document = json.loads(coverage().to_json())
    for field in document["fields"].values():
        del field["rare"], field["absence_matters"]
    assert Coverage.from_json(json.dumps(document)).warnings(parse(ENCOUNTER).values) == []


def test_an_absent_drug_gives_no_warning() -> None:
    without = {name: value for name, value in ENCOUNTER.items() if name not in DRUGS}
    assert coverage().warnings(parse(without).values) == []


def test_nan_counts_as_not_recorded() -> None:
    columns: dict[str, list[str | int | float | None]] = {name: [None] for name in FEATURES}
    assert Coverage.of({**columns, "num_procedures": [float("nan")]}).fields["num_procedures"].recorded == 0


def test_a_coverage_survives_its_json_byte_for_byte() -> None:
    original = coverage(race=["Asian", None, "Other", None], num_procedures=[None] * 4)
    assert Coverage.from_json(original.to_json()) == original
    assert Coverage.from_json(original.to_json()).to_json() == original.to_json()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"rows": 1, "fields": {"race": 1}}'])
def test_invalid_coverage_json_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Coverage.from_json(text)


@pytest.mark.parametrize(
    ("value", "kind"),
    [(None, WarningKind.MISSING), ("is missing; it was recorded", WarningKind.UNSEEN), ("x", WarningKind.UNSEEN)],
)
def test_a_warning_is_classified_by_its_field_and_kind(value: str | None, kind: WarningKind) -> None:
    coverage = Coverage(1, {"race": FieldCoverage(1.0, frozenset({"Asian"}))})
    warning = coverage.warning("race", value)
    assert warning is not None
    assert classify_warning(warning) == ("race", kind)


def test_a_text_that_is_no_warning_is_not_classified() -> None:
    with pytest.raises(ValueError, match="not a warning"):
        classify_warning("race: is required")

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
    """Coverage of four encounters that are equal except for the changed columns."""
    values = parse(ENCOUNTER).values
    return Coverage.of({**{name: [value] * 4 for name, value in values.items()}, **changed})


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


def test_a_count_within_the_training_range_gives_no_warning() -> None:
    assert coverage(time_in_hospital=[2, 3, 9, 4]).warnings({**parse(ENCOUNTER).values, "time_in_hospital": 7}) == []


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

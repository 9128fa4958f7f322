"""The original system's columns are derived as its tools derived them."""

import pytest
from sklearn.preprocessing import LabelEncoder

from readmit.core.encounter import BY_NAME, OUTCOME, TARGETS, labels
from readmit.core.legacy_columns import SPLIT_TABLES, derived_columns, original_name

DERIVED = {column.name: column for column in derived_columns("any")}


def test_an_encoded_column_has_the_codes_of_the_label_encoder() -> None:
    encoded = [column for column in DERIVED.values() if column.name.endswith("_encoded")]
    assert len(encoded) > 25
    for column in encoded:
        choices = list(BY_NAME[column.column].choices)
        assert [column.numbers[choice] for choice in choices] == LabelEncoder().fit(choices).transform(choices).tolist()


def test_age_numeric_is_the_midpoint_of_the_band() -> None:
    assert list(DERIVED["age_numeric"].numbers.items())[::9] == [("[0-10)", 5), ("[90-100)", 95)]


def test_age_group_is_the_rank_of_the_band() -> None:
    assert list(DERIVED["age_group"].numbers.values()) == list(range(10))


def test_yes_columns_are_1_unless_the_value_is_no() -> None:
    numbers = {name: dict(column.numbers) for name, column in DERIVED.items() if name.endswith("_yes")}
    drugs = [f"{name}_yes" for name in ("metformin", "repaglinide", "nateglinide", "insulin")]
    assert [numbers.pop(name) for name in drugs] == [{"No": 0, "Steady": 1, "Down": 1, "Up": 1}] * 4
    assert numbers == {"change_medication_yes": {"No": 0, "Ch": 1}, "diabetesMed_yes": {"No": 0, "Yes": 1}}


@pytest.mark.parametrize("target", TARGETS)
def test_readmitted_is_the_label_of_the_target(target: str) -> None:
    (column,) = [derived for derived in derived_columns(target) if derived.name == OUTCOME]
    assert list(column.numbers.values()) == labels(column.numbers, target)
    assert set(column.numbers) == set(BY_NAME[OUTCOME].choices)


def test_an_unknown_target_is_rejected() -> None:
    with pytest.raises(ValueError, match="'some_day' is not one of"):
        derived_columns("some_day")


def test_names_are_those_of_the_original() -> None:
    assert original_name("change") == "change_medication"
    assert original_name("age") == "age"
    assert list(SPLIT_TABLES.values()) == ["train_data", "validation_data", "test_data"]

"""The original's columns are derived as its tools derived them."""

import pytest
from sklearn.preprocessing import LabelEncoder

from readmit.core.encounter import BY_NAME, OUTCOME, TARGETS, labels
from readmit.core.legacy_columns import SPLIT_TABLES, derived, original_name

BY_ITS_NAME = {column.name: column for column in derived("any")}


def test_an_encoded_column_holds_the_numbers_of_the_label_encoder() -> None:
    encoded = [column for column in BY_ITS_NAME.values() if column.name.endswith("_encoded")]
    assert len(encoded) > 25
    for column in encoded:
        choices = list(BY_NAME[column.column].choices)
        assert [column.numbers[choice] for choice in choices] == LabelEncoder().fit(choices).transform(choices).tolist()


def test_age_numeric_is_the_middle_of_the_band() -> None:
    assert list(BY_ITS_NAME["age_numeric"].numbers.items())[::9] == [("[0-10)", 5), ("[90-100)", 95)]


def test_yes_is_1_for_whatever_is_not_no() -> None:
    found = {name: dict(column.numbers) for name, column in BY_ITS_NAME.items() if name.endswith("_yes")}
    assert found == {"change_medication_yes": {"No": 0, "Ch": 1}, "diabetesMed_yes": {"No": 0, "Yes": 1}}


@pytest.mark.parametrize("target", TARGETS)
def test_readmitted_is_the_label_of_the_target(target: str) -> None:
    (column,) = [each for each in derived(target) if each.name == OUTCOME]
    assert list(column.numbers.values()) == labels(column.numbers, target)
    assert set(column.numbers) == set(BY_NAME[OUTCOME].choices)


def test_a_target_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match="'some_day' is none of"):
        derived("some_day")


def test_each_name_is_the_originals() -> None:
    assert original_name("change") == "change_medication"
    assert original_name("age") == "age"
    assert list(SPLIT_TABLES.values()) == ["train_data", "validation_data", "test_data"]

import numpy as np
import pytest

from readmit.core.encounter import BY_NAME, ENCOUNTER, FEATURES, OUTCOME, PATIENT
from readmit.core.feature_spec import CATEGORIES, CHOICES, COUNTS, CROSS_COLUMNS
from readmit.core.features import derived
from readmit.core.icd9 import icd9_category, icd9_chapter
from readmit.core.model import model_input


@pytest.mark.parametrize(
    ("code", "category", "chapter"),
    [
        ("428.33", "428", "7"),
        ("428", "428", "7"),
        ("250.83", "250.8", "3"),
        ("250", "250.0", "3"),
        ("250.02", "250.0", "3"),
        ("8", "008", "1"),
        ("38.1", "038", "1"),
        ("139", "139", "1"),
        ("140", "140", "2"),
        ("997", "997", "17"),
        ("V57.1", "V57", "V"),
        ("E885", "E885", "E"),
        ("?", "?", "?"),
        ("heart failure", "?", "?"),
    ],
)
def test_an_icd9_code_has_its_category_and_chapter(code: str, category: str, chapter: str) -> None:
    assert (icd9_category(code), icd9_chapter(code)) == (category, chapter)


def test_neither_an_id_of_encounter_or_patient_nor_the_outcome_is_a_feature() -> None:
    columns = {name: [1] if field.whole_number else [None] for name, field in BY_NAME.items()}
    frame = derived(model_input(columns))
    assert list(frame) == [*COUNTS, *CHOICES, *CATEGORIES, *CROSS_COLUMNS]
    assert not {ENCOUNTER, PATIENT, OUTCOME} & {*FEATURES, *frame}


def test_a_choice_is_its_ordinal_code_and_an_unknown_value_is_nan_or_its_own_category() -> None:
    columns: dict[str, list[str | int | None]] = {name: [None] * 3 for name in FEATURES}
    columns |= {"age": ["[0-10)", "[70-80)", "old"], "A1Cresult": ["None", ">8", None], "diag_1": ["428.0", None, "x"]}
    columns |= {"discharge_disposition_id": [1, None, 22]}
    frame = derived(model_input(columns))
    np.testing.assert_array_equal(frame["age"], [0, 7, np.nan])
    np.testing.assert_array_equal(frame["A1Cresult"], [0, 3, np.nan])
    assert frame["diag_1"].tolist() == ["428", "?", "?"]
    assert frame["discharge_disposition_id_and_diag_1_chapter"].tolist() == ["1 7", "? ?", "22 ?"]
    assert frame["number_inpatient"].isna().all()

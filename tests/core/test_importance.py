from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from readmit.core.encounter import FEATURES
from readmit.core.importance import MAX_ROWS, importances
from readmit.core.model import model_input


class StaysModel:
    """A model that uses only the inpatient stays of the year before."""

    def predict_proba(self, frame: pd.DataFrame) -> np.ndarray:
        p = 0.05 + 0.9 * frame["number_inpatient"].to_numpy() / 11
        return np.column_stack([1 - p, p])


@pytest.mark.parametrize("rows", [300, MAX_ROWS + 200])
def test_the_only_field_a_model_uses_has_the_greatest_importance_and_the_others_have_none(
    rows: int, random_encounters: Callable[[int], dict[str, list[str | int]]]
) -> None:
    frame = model_input(random_encounters(rows))
    labels = (frame["number_inpatient"] > 5).astype(int).tolist()
    increases = importances(StaysModel(), frame, labels, seed=3)  # type: ignore[arg-type]  # a stub
    assert set(increases) == set(FEATURES)
    assert next(iter(increases)) == "number_inpatient"
    assert increases["number_inpatient"] > 0.5
    assert all(increase == 0.0 for name, increase in increases.items() if name != "number_inpatient")
    assert increases == importances(StaysModel(), frame, labels, seed=3)  # type: ignore[arg-type]  # a stub


def test_a_permuted_frame_has_the_dtypes_of_a_model_input(
    random_encounters: Callable[[int], dict[str, list[str | int]]],
) -> None:
    columns: dict[str, list[str | int | None]] = {**random_encounters(50)}
    columns["race"], columns["diag_3"] = [None] * 50, [None, "250"] * 25
    frame = model_input(columns)

    class CheckingModel(StaysModel):
        def predict_proba(self, permuted: pd.DataFrame) -> np.ndarray:
            assert permuted.dtypes.to_dict() == frame.dtypes.to_dict()
            assert set(permuted["race"]) == {None}
            assert set(permuted["diag_3"]) == {None, "250"}
            return super().predict_proba(permuted)

    importances(CheckingModel(), frame, [0, 1] * 25, seed=3)  # type: ignore[arg-type]  # a stub

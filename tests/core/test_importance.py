from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from readmit.core.encounter import FEATURES
from readmit.core.importance import MOST_ROWS, importances
from readmit.core.model import model_input


class ByStays:
    """A model that looks at the stays of the year before and at nothing else."""

    def predict_proba(self, frame: pd.DataFrame) -> np.ndarray:
        p = 0.05 + 0.9 * frame["number_inpatient"].to_numpy() / 11
        return np.column_stack([1 - p, p])


@pytest.mark.parametrize("rows", [300, MOST_ROWS + 200])
def test_the_field_that_a_model_looks_at_leads_and_the_others_are_nothing(
    rows: int, encounters_by_chance: Callable[[int], dict[str, list[str | int]]]
) -> None:
    frame = model_input(encounters_by_chance(rows))
    labels = (frame["number_inpatient"] > 5).astype(int).tolist()
    found = importances(ByStays(), frame, labels, seed=3)  # type: ignore[arg-type]
    assert set(found) == set(FEATURES)
    assert next(iter(found)) == "number_inpatient"
    assert found["number_inpatient"] > 0.5
    assert all(rise == 0.0 for name, rise in found.items() if name != "number_inpatient")
    assert found == importances(ByStays(), frame, labels, seed=3)  # type: ignore[arg-type]


def test_a_shuffled_frame_has_the_types_of_a_model_input(
    encounters_by_chance: Callable[[int], dict[str, list[str | int]]],
) -> None:
    columns: dict[str, list[str | int | None]] = {**encounters_by_chance(50)}
    columns["race"], columns["diag_3"] = [None] * 50, [None, "250"] * 25
    frame = model_input(columns)

    class Looking(ByStays):
        def predict_proba(self, asked: pd.DataFrame) -> np.ndarray:
            assert asked.dtypes.to_dict() == frame.dtypes.to_dict()
            assert set(asked["race"]) == {None}
            assert set(asked["diag_3"]) == {None, "250"}
            return super().predict_proba(asked)

    importances(Looking(), frame, [0, 1] * 25, seed=3)  # type: ignore[arg-type]

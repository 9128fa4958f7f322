from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import Pipeline

from readmit.core import features
from readmit.core.coverage import Coverage
from readmit.core.encounter import FEATURES
from readmit.core.errors import VersionUnusable
from readmit.core.model import CANDIDATES, build, model_input
from readmit.core.parity_check import ParityCheck
from readmit.core.probe_set import LIKELY, parity_check_of, verify


@pytest.fixture(scope="module")
def columns(encounters_by_chance: Callable[[int], dict[str, list[str | int]]]) -> dict[str, list[str | int]]:
    return encounters_by_chance(300)


@pytest.fixture(scope="module")
def model(columns: dict[str, list[str | int]]) -> Pipeline:
    outcomes = [int(int(number) > 5) for number in columns["number_inpatient"]]
    outcomes[::7] = [1 - outcome for outcome in outcomes[::7]]
    return build(CANDIDATES[0], seed=1).fit(model_input(columns), outcomes)


@pytest.fixture(scope="module")
def proof(model: Pipeline, columns: dict[str, list[str | int]]) -> ParityCheck:
    return parity_check_of(model, Coverage.of(columns))


def test_a_model_says_what_it_said(model: Pipeline, proof: ParityCheck) -> None:
    assert len(proof.answers) > LIKELY
    assert len(set(proof.answers)) > LIKELY // 2
    verify(model, ParityCheck.from_json(proof.to_json()))


def test_a_model_that_other_code_reads_otherwise_is_unusable(
    model: Pipeline, proof: ParityCheck, monkeypatch: pytest.MonkeyPatch
) -> None:
    def otherwise(encounters: pd.DataFrame) -> pd.DataFrame:
        return features.derived(encounters).assign(number_inpatient=0.0)

    monkeypatch.setattr(model.named_steps["derived"], "func", otherwise)
    with pytest.raises(VersionUnusable, match="says other than when it was fitted, by up to"):
        verify(model, proof)


def test_nobodys_own_encounter_is_among_the_questions(proof: ParityCheck, columns: dict[str, list[str | int]]) -> None:
    asked = set(zip(*(proof.questions[name] for name in FEATURES), strict=True))
    learnt_from = set(zip(*(columns[name] for name in FEATURES), strict=True))
    assert len(asked) > LIKELY
    assert not asked & learnt_from


def test_what_was_never_recorded_can_be_asked_about() -> None:
    nothing = Coverage.of({name: [None] for name in FEATURES})

    class Calm:
        def predict_proba(self, frame: pd.DataFrame) -> np.ndarray:
            return np.full((len(frame), 2), 0.5)

    assert set(parity_check_of(Calm(), nothing).answers) == {0.5}  # type: ignore[arg-type]

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import Pipeline

from readmit.core import features
from readmit.core.coverage import Coverage
from readmit.core.encounter import FEATURES
from readmit.core.errors import VersionUnusable
from readmit.core.model import CANDIDATES, fit_candidate, model_input
from readmit.core.parity_check import ParityCheck
from readmit.core.probe_set import SAMPLED_PROBES, parity_check_of, verify


@pytest.fixture(scope="module")
def columns(random_encounters: Callable[[int], dict[str, list[str | int]]]) -> dict[str, list[str | int]]:
    return random_encounters(300)


@pytest.fixture(scope="module")
def model(columns: dict[str, list[str | int]]) -> Pipeline:
    outcomes = [int(int(number) > 5) for number in columns["number_inpatient"]]
    outcomes[::7] = [1 - outcome for outcome in outcomes[::7]]
    return fit_candidate(CANDIDATES[0], 1, model_input(columns), outcomes, range(len(outcomes)))


@pytest.fixture(scope="module")
def proof(model: Pipeline, columns: dict[str, list[str | int]]) -> ParityCheck:
    return parity_check_of(model, Coverage.of(columns))


def test_a_model_reproduces_its_reference_predictions(model: Pipeline, proof: ParityCheck) -> None:
    assert len(proof.answers) > SAMPLED_PROBES
    assert len(set(proof.answers)) > SAMPLED_PROBES // 2
    verify(model, ParityCheck.from_json(proof.to_json()))


def test_a_model_whose_feature_derivation_has_changed_is_unusable(
    model: Pipeline, proof: ParityCheck, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changed(encounters: pd.DataFrame) -> pd.DataFrame:
        return features.derived(encounters).assign(number_inpatient=0.0)

    monkeypatch.setattr(model.named_steps["derived"], "func", changed)
    with pytest.raises(VersionUnusable, match="predictions differ from those at fit time by up to"):
        verify(model, proof)


def test_the_probes_contain_no_training_encounter(proof: ParityCheck, columns: dict[str, list[str | int]]) -> None:
    probes = set(zip(*(proof.questions[name] for name in FEATURES), strict=True))
    training = set(zip(*(columns[name] for name in FEATURES), strict=True))
    assert len(probes) > SAMPLED_PROBES
    assert not probes & training


def test_fields_that_were_never_recorded_can_be_probed() -> None:
    nothing = Coverage.of({name: [None] for name in FEATURES})

    class ConstantModel:
        def predict_proba(self, frame: pd.DataFrame) -> np.ndarray:
            return np.full((len(frame), 2), 0.5)

    assert set(parity_check_of(ConstantModel(), nothing).answers) == {0.5}  # type: ignore[arg-type]  # a stub

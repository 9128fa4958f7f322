"""The figures of a model on a batch that it had not learned from."""

import math

import numpy as np
import pytest
from sklearn.metrics import log_loss, precision_score, recall_score, roc_auc_score

from readmit.core.calibration import recalibration
from readmit.core.prospective import FIGURES, EvaluatedModel, ProspectiveEvaluation
from readmit.core.prospective_estimation import evaluate_prospectively
from tests.prospective_examples import evaluation_on

ROWS, THRESHOLD = 3_000, 1 / 7
RNG = np.random.default_rng(3)
PROBABILITIES = RNG.beta(1.5, 10, ROWS)
LABELS = (RNG.random(ROWS) < PROBABILITIES).astype(int)
PATIENTS = RNG.integers(0, 2_000, ROWS)
MODEL = EvaluatedModel(3, "2", "within_30_days", 2, THRESHOLD)


@pytest.fixture(scope="module")
def evaluation() -> ProspectiveEvaluation:
    return evaluate_prospectively(MODEL, LABELS.tolist(), PROBABILITIES, PATIENTS, seed=130)


def test_every_figure_is_what_its_definition_gives(evaluation: ProspectiveEvaluation) -> None:
    flagged = PROBABILITIES >= THRESHOLD
    expected = {
        "roc_auc": roc_auc_score(LABELS, PROBABILITIES),
        "observed_expected": LABELS.sum() / PROBABILITIES.sum(),
        "calibration_slope": recalibration(LABELS.astype(np.float64), PROBABILITIES).slope,
        "log_loss": log_loss(LABELS, PROBABILITIES),
        "flagged": flagged.mean(),
        "precision": precision_score(LABELS, flagged),
        "recall": recall_score(LABELS, flagged),
    }
    assert {name: estimate.value for name, estimate in evaluation.estimates().items()} == pytest.approx(expected)
    assert tuple(expected) == FIGURES
    assert (evaluation.encounters, evaluation.events) == (ROWS, LABELS.sum())
    assert evaluation.patients == np.unique(PATIENTS).size


def test_every_figure_has_an_interval_around_it(evaluation: ProspectiveEvaluation) -> None:
    for name, estimate in evaluation.estimates().items():
        assert estimate.low < estimate.value < estimate.high, name


def test_an_interval_is_of_patients_and_not_of_stays() -> None:
    repeated = [np.repeat(values[:500], 6) for values in (LABELS, PROBABILITIES, PATIENTS)]
    labels, probabilities, patients = (*repeated[:2], np.repeat(np.arange(500), 6))
    dependent = evaluate_prospectively(MODEL, labels.tolist(), probabilities, patients, seed=1).roc_auc
    as_if_independent = evaluate_prospectively(MODEL, labels.tolist(), probabilities, range(3_000), seed=1).roc_auc
    assert dependent.high - dependent.low > 2 * (as_if_independent.high - as_if_independent.low)


def test_an_evaluation_is_read_as_it_was_written(evaluation: ProspectiveEvaluation) -> None:
    assert ProspectiveEvaluation.from_json(evaluation.to_json()) == evaluation


def test_a_batch_with_one_outcome_has_undefined_figures_which_survive_json() -> None:
    nobody = evaluate_prospectively(MODEL, [0] * 50, PROBABILITIES[:50], list(range(50)), seed=1)
    read = ProspectiveEvaluation.from_json(nobody.to_json())
    for name in ("roc_auc", "recall", "calibration_slope"):
        estimate = read.estimates()[name]
        assert math.isnan(estimate.value), name
        assert math.isnan(estimate.low), name
    assert (read.observed_expected.value, read.events) == (0.0, 0)


@pytest.mark.parametrize("trained_on", [3, 4])
def test_a_model_that_has_learned_from_the_batch_is_rejected(trained_on: int) -> None:
    model = EvaluatedModel(3, "4", "any", trained_on, THRESHOLD)
    with pytest.raises(ValueError, match="version 4 was trained on batch"):
        evaluate_prospectively(model, LABELS.tolist(), PROBABILITIES, PATIENTS, seed=1)


def test_a_batch_without_stays_is_rejected() -> None:
    with pytest.raises(ValueError, match="no stays"):
        evaluate_prospectively(MODEL, [], np.zeros(0), [], seed=1)


def test_the_summary_names_version_batch_and_the_main_figures() -> None:
    assert evaluation_on(3).summary() == (
        "version 2 on batch 3: ROC-AUC 0.673 (0.658 to 0.688), observed/expected 0.93 (0.88 to 0.98)"
    )

from collections.abc import Callable

import numpy as np
import pytest
from sklearn import metrics

from readmit.core.metrics import (
    RESAMPLES_FOR_CANDIDATE,
    Floats,
    Ranked,
    expected_calibration_error,
    figures,
    interval,
    intervals,
    losses,
    patient_weights,
)

ROWS = 800
THRESHOLD = 0.3
CLOSE = pytest.approx


def smooth(chance: np.random.Generator) -> Floats:
    return chance.beta(1, 6, ROWS)


def tied(chance: np.random.Generator) -> Floats:
    return np.round(chance.random(ROWS), 1)


def extreme(chance: np.random.Generator) -> Floats:
    """Certain and wrong now and then, and next to certain."""
    return chance.choice([0.0, 1.0, 1e-300, 1e-16, 1 - 1e-16, 0.5], ROWS)


def constant(_: np.random.Generator) -> Floats:
    return np.full(ROWS, THRESHOLD)


def nobody_flagged(chance: np.random.Generator) -> Floats:
    return chance.random(ROWS) * 0.29


PREDICTIONS = (smooth, tied, extreme, constant, nobody_flagged)


def drawn(predict: Callable[[np.random.Generator], Floats]) -> tuple[list[int], Floats, list[str]]:
    """Labels that the probabilities know something of, and patients with one to several encounters."""
    chance = np.random.default_rng(17)
    p = predict(chance)
    labels = (chance.random(ROWS) < 0.1 + 0.5 * p).astype(int).tolist()
    return labels, p, [f"{number:064x}" for number in chance.integers(0, ROWS // 2, ROWS)]


@pytest.mark.parametrize("predict", PREDICTIONS)
def test_each_figure_equals_scikit_learns(predict: Callable[[np.random.Generator], Floats]) -> None:
    y, p, _ = drawn(predict)
    flagged = p >= THRESHOLD
    own = figures(y, p, THRESHOLD)
    base = metrics.log_loss(y, np.full(ROWS, np.mean(y)))
    expected = {
        "roc_auc": metrics.roc_auc_score(y, p),
        "pr_auc": metrics.average_precision_score(y, p),
        "log_loss": metrics.log_loss(y, p),
        "skill": 1 - metrics.log_loss(y, p) / base,
        "brier": metrics.brier_score_loss(y, p),
        "observed_expected": sum(y) / p.sum(),
        "base_rate": np.mean(y),
        "accuracy": metrics.accuracy_score(y, flagged),
        "precision": metrics.precision_score(y, flagged, zero_division=0),
        "recall": metrics.recall_score(y, flagged),
        "f1": metrics.f1_score(y, flagged),
        "flagged": flagged.mean(),
    }
    assert set(own) == {*expected, "ece"}
    assert {name: own[name] for name in expected} == {
        name: CLOSE(value, rel=1e-12, abs=1e-12) for name, value in expected.items()
    }


@pytest.mark.parametrize("predict", [smooth, tied, extreme])
def test_each_figure_of_a_resample_equals_scikit_learns_with_its_weights(
    predict: Callable[[np.random.Generator], Floats],
) -> None:
    labels, p, patients = drawn(predict)
    y = np.asarray(labels, dtype=np.float64)
    ranked = Ranked(y, p)
    (weights,) = patient_weights(patients, 20, seed=2)
    aucs, precisions = ranked.roc_auc(weights), ranked.pr_auc(weights)
    for row, auc, precision in zip(weights, aucs, precisions, strict=True):
        assert auc == CLOSE(metrics.roc_auc_score(y, p, sample_weight=row), abs=1e-12)
        assert precision == CLOSE(metrics.average_precision_score(y, p, sample_weight=row), abs=1e-12)


def test_log_loss_stays_finite_for_certain_and_wrong() -> None:
    lost = losses(np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    assert lost == CLOSE(-np.log(np.finfo(np.float64).eps), abs=1e-12)


def test_calibration_error_is_the_mean_gap_of_twenty_bins_of_equal_mass() -> None:
    # 20 bins of two. Ten hold probabilities near 0.1: nine of them nobody (gap 0.1), one both (0.9). Ten near
    # 0.5 hold one each (0). Bins of equal width would find 2 of 20 near 0.1, 10 of 20 near 0.5, and no gap.
    p = np.concatenate([0.1 + np.arange(20) * 1e-9, 0.5 + np.arange(20) * 1e-9])
    y = np.array([0.0] * 18 + [1.0, 1.0] + [0.0, 1.0] * 10)
    mixed = np.random.default_rng(1).permutation(40)
    assert expected_calibration_error(y[mixed], p[mixed]) == CLOSE((9 * 0.1 + 0.9) / 20, abs=1e-7)


def test_bins_count_by_their_encounters_when_these_are_not_a_multiple_of_twenty() -> None:
    # 21 encounters: the first bin holds two, both 0.2 off; the others are right.
    p = np.array([0.2, 0.2, *[1.0] * 19])
    y = np.array([0.0, 0.0, *[1.0] * 19])
    assert expected_calibration_error(y, p) == CLOSE(2 * 0.2 / 21, abs=1e-12)


@pytest.mark.parametrize("outcome", [0, 1])
def test_one_outcome_alone_can_not_be_judged(outcome: int) -> None:
    with pytest.raises(ValueError, match="one outcome alone"):
        figures([outcome] * 5, np.linspace(0.1, 0.9, 5), 0.5)


def test_patients_are_drawn_and_not_encounters() -> None:
    patients = drawn(smooth)[2]
    first = [patients.index(patient) for patient in sorted(set(patients))]
    (weights,) = patient_weights(patients, 30, seed=3)
    assert weights.shape == (30, ROWS)
    assert (weights == weights[:, [patients.index(patient) for patient in patients]]).all()
    assert (weights[:, first].sum(axis=1) == len(first)).all()
    assert len(np.unique(weights, axis=0)) == 30


def test_the_same_seed_draws_the_same_patients_whatever_they_are_called() -> None:
    patients = drawn(smooth)[2]
    (weights,), (again,), (other,) = (patient_weights(patients, 10, seed) for seed in (5, 5, 6))
    (renamed,) = patient_weights([patient[::-1] for patient in patients], 10, 5)
    np.testing.assert_array_equal(weights, again)
    np.testing.assert_array_equal(weights, renamed)
    assert (weights != other).any()


def test_resamples_come_in_blocks_that_add_up() -> None:
    assert [len(block) for block in patient_weights(["a", "b"], 120, seed=1)] == [50, 50, 20]


def test_an_interval_is_the_middle_95_per_cent() -> None:
    found = interval(np.arange(1001.0))
    assert [found.low, found.high] == CLOSE([25, 975])


def test_a_candidates_intervals_are_quantiles_of_its_resampled_figures() -> None:
    labels, p, patients = drawn(smooth)
    y = np.asarray(labels, dtype=np.float64)
    found = intervals(labels, p, patients, seed=7)
    weights = np.concatenate(list(patient_weights(patients, RESAMPLES_FOR_CANDIDATE, 7)))
    lost = [metrics.log_loss(y, p, sample_weight=row) for row in weights]
    assert [found["log_loss"].low, found["log_loss"].high] == CLOSE(np.quantile(lost, [0.025, 0.975]), abs=1e-12)
    own = figures(labels, p, 0.5)
    assert all(found[name].low < own[name] < found[name].high for name in ("roc_auc", "pr_auc", "log_loss"))

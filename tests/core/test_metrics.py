from collections.abc import Callable

import numpy as np
import pytest
from sklearn import metrics

from readmit.core.metrics import (
    RESAMPLES_FOR_CANDIDATE,
    Floats,
    RankedScores,
    bootstrap_intervals,
    classification_metrics,
    expected_calibration_error,
    log_losses,
    patient_weights,
    percentile_interval,
)

ROWS = 800
THRESHOLD = 0.3
CLOSE = pytest.approx


def smooth(rng: np.random.Generator) -> Floats:
    return rng.beta(1, 6, ROWS)


def tied(rng: np.random.Generator) -> Floats:
    return np.round(rng.random(ROWS), 1)


def extreme(rng: np.random.Generator) -> Floats:
    """Certain, sometimes wrongly, or nearly certain."""
    return rng.choice([0.0, 1.0, 1e-300, 1e-16, 1 - 1e-16, 0.5], ROWS)


def constant(_: np.random.Generator) -> Floats:
    return np.full(ROWS, THRESHOLD)


def nobody_flagged(rng: np.random.Generator) -> Floats:
    return rng.random(ROWS) * 0.29


PREDICTIONS = (smooth, tied, extreme, constant, nobody_flagged)


def labelled_sample(predict: Callable[[np.random.Generator], Floats]) -> tuple[list[int], Floats, list[str]]:
    """Labels correlated with the probabilities, and patients with one or more encounters."""
    rng = np.random.default_rng(17)
    p = predict(rng)
    labels = (rng.random(ROWS) < 0.1 + 0.5 * p).astype(int).tolist()
    return labels, p, [f"{number:064x}" for number in rng.integers(0, ROWS // 2, ROWS)]


@pytest.mark.parametrize("predict", PREDICTIONS)
def test_each_metric_equals_scikit_learns(predict: Callable[[np.random.Generator], Floats]) -> None:
    y, p, _ = labelled_sample(predict)
    flagged = p >= THRESHOLD
    computed = classification_metrics(y, p, THRESHOLD)
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
    assert set(computed) == {*expected, "ece"}
    assert {name: computed[name] for name in expected} == {
        name: CLOSE(value, rel=1e-12, abs=1e-12) for name, value in expected.items()
    }


@pytest.mark.parametrize("predict", [smooth, tied, extreme])
def test_each_metric_of_a_resample_equals_scikit_learns_with_its_weights(
    predict: Callable[[np.random.Generator], Floats],
) -> None:
    labels, p, patients = labelled_sample(predict)
    y = np.asarray(labels, dtype=np.float64)
    ranked = RankedScores(y, p)
    (weights,) = patient_weights(patients, 20, seed=2)
    aucs, precisions = ranked.roc_auc(weights), ranked.pr_auc(weights)
    for row, auc, precision in zip(weights, aucs, precisions, strict=True):
        assert auc == CLOSE(metrics.roc_auc_score(y, p, sample_weight=row), abs=1e-12)
        assert precision == CLOSE(metrics.average_precision_score(y, p, sample_weight=row), abs=1e-12)


def test_log_loss_stays_finite_for_certain_and_wrong() -> None:
    losses = log_losses(np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    assert losses == CLOSE(-np.log(np.finfo(np.float64).eps), abs=1e-12)


def test_calibration_error_is_the_mean_gap_of_twenty_bins_of_equal_mass() -> None:
    # 20 bins of two. Ten hold probabilities near 0.1: nine of them no positive (gap 0.1), one two (0.9). Ten
    # near 0.5 hold one each (0). Bins of equal width would hold 2 of 20 near 0.1, 10 of 20 near 0.5, with no gap.
    p = np.concatenate([0.1 + np.arange(20) * 1e-9, 0.5 + np.arange(20) * 1e-9])
    y = np.array([0.0] * 18 + [1.0, 1.0] + [0.0, 1.0] * 10)
    mixed = np.random.default_rng(1).permutation(40)
    assert expected_calibration_error(y[mixed], p[mixed]) == CLOSE((9 * 0.1 + 0.9) / 20, abs=1e-7)


def test_bins_are_weighted_by_their_encounters_when_these_are_not_a_multiple_of_twenty() -> None:
    # 21 encounters: the first bin holds two, both 0.2 off; the others are right.
    p = np.array([0.2, 0.2, *[1.0] * 19])
    y = np.array([0.0, 0.0, *[1.0] * 19])
    assert expected_calibration_error(y, p) == CLOSE(2 * 0.2 / 21, abs=1e-12)


@pytest.mark.parametrize("outcome", [0, 1])
def test_a_single_outcome_is_an_error(outcome: int) -> None:
    with pytest.raises(ValueError, match="only one outcome"):
        classification_metrics([outcome] * 5, np.linspace(0.1, 0.9, 5), 0.5)


def test_patients_are_resampled_and_not_encounters() -> None:
    patients = labelled_sample(smooth)[2]
    first = [patients.index(patient) for patient in sorted(set(patients))]
    (weights,) = patient_weights(patients, 30, seed=3)
    assert weights.shape == (30, ROWS)
    assert (weights == weights[:, [patients.index(patient) for patient in patients]]).all()
    assert (weights[:, first].sum(axis=1) == len(first)).all()
    assert len(np.unique(weights, axis=0)) == 30


def test_the_same_seed_draws_the_same_patients_whatever_their_ids() -> None:
    patients = labelled_sample(smooth)[2]
    (weights,), (repeated,), (reseeded,) = (patient_weights(patients, 10, seed) for seed in (5, 5, 6))
    (renamed,) = patient_weights([patient[::-1] for patient in patients], 10, 5)
    np.testing.assert_array_equal(weights, repeated)
    np.testing.assert_array_equal(weights, renamed)
    assert (weights != reseeded).any()


def test_resamples_are_yielded_in_blocks_that_add_up() -> None:
    assert [len(block) for block in patient_weights(["a", "b"], 120, seed=1)] == [50, 50, 20]


def test_an_interval_is_the_middle_95_per_cent() -> None:
    result = percentile_interval(np.arange(1001.0))
    assert [result.low, result.high] == CLOSE([25, 975])


def test_a_candidates_intervals_are_quantiles_of_its_resampled_metrics() -> None:
    labels, p, patients = labelled_sample(smooth)
    y = np.asarray(labels, dtype=np.float64)
    result = bootstrap_intervals(labels, p, patients, seed=7)
    weights = np.concatenate(list(patient_weights(patients, RESAMPLES_FOR_CANDIDATE, 7)))
    losses = [metrics.log_loss(y, p, sample_weight=row) for row in weights]
    assert [result["log_loss"].low, result["log_loss"].high] == CLOSE(np.quantile(losses, [0.025, 0.975]), abs=1e-12)
    computed = classification_metrics(labels, p, 0.5)
    assert all(result[name].low < computed[name] < result[name].high for name in ("roc_auc", "pr_auc", "log_loss"))

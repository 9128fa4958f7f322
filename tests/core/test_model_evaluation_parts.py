"""What evaluations are computed from: resamples of patients, calibration, net benefit, reference model, subgroups."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from readmit.core.calibration import chance_calibration_error, logits, recalibration, resampled_slopes
from readmit.core.encounter import FEATURES
from readmit.core.metrics import expected_calibration_error
from readmit.core.net_benefit import net_benefit
from readmit.core.patient_resamples import (
    PatientResamples,
    normal_estimate,
    percentile_estimate,
    ratio_estimate,
    resampled_ratios,
)
from readmit.core.reference_model import REFERENCE_COUNTS, ReferenceModel, fit_reference
from readmit.core.subgroups import SUBGROUP_FIELDS, subgroups

ROWS = 4_000
RNG = np.random.default_rng(1)
PROBABILITIES = RNG.beta(1.5, 10, ROWS)
LABELS = (RNG.random(ROWS) < PROBABILITIES).astype(np.float64)
PATIENTS = RNG.integers(0, 2_500, ROWS)


def test_figures_on_a_resample_are_those_of_the_repeated_encounters() -> None:
    resamples = PatientResamples(PATIENTS, 3, seed=5)
    weights = np.concatenate(list(resamples.weights()))
    group = PATIENTS % 2 == 0
    sums = resamples.sums(np.column_stack([LABELS, PROBABILITIES]))
    aucs, in_group = resamples.roc_aucs(LABELS, PROBABILITIES), resamples.roc_aucs(LABELS, PROBABILITIES, group)
    ratios, slopes = (
        resampled_ratios(resamples, LABELS, PROBABILITIES),
        resampled_slopes(LABELS, PROBABILITIES, resamples),
    )
    for number, drawn in enumerate(weights.astype(int)):
        rows = np.repeat(np.arange(ROWS), drawn)
        chosen = rows[group[rows]]
        assert sums[number] == pytest.approx([LABELS[rows].sum(), PROBABILITIES[rows].sum()])
        assert aucs[number] == pytest.approx(roc_auc_score(LABELS[rows], PROBABILITIES[rows]), abs=1e-12)
        assert in_group[number] == pytest.approx(roc_auc_score(LABELS[chosen], PROBABILITIES[chosen]), abs=1e-12)
        assert ratios[number] == pytest.approx(LABELS[rows].sum() / PROBABILITIES[rows].sum())
        assert slopes[number] == pytest.approx(recalibration(LABELS[rows], PROBABILITIES[rows]).slope, abs=1e-6)


def test_a_figure_that_is_undefined_on_all_resamples_has_no_bounds() -> None:
    resamples = PatientResamples(PATIENTS, 3, seed=5)
    nobody = np.zeros(ROWS)
    estimate = ratio_estimate(resamples, nobody, nobody)
    assert np.isnan([estimate.value, estimate.low, estimate.high]).all()


def test_undefined_resamples_are_left_out() -> None:
    assert percentile_estimate(1.0, np.array([1.0, np.nan, 1.0])).high == 1.0


def test_the_interval_of_one_of_several_comparisons_is_wider() -> None:
    resampled = RNG.normal(0, 1, 10_000)
    alone, one_of_six = normal_estimate(0.0, resampled, 1), normal_estimate(0.0, resampled, 6)
    assert alone.high == pytest.approx(1.96, abs=0.05)
    assert one_of_six.high == pytest.approx(2.64, abs=0.07)
    assert one_of_six.low == -one_of_six.high


def test_slope_and_intercept_equal_those_of_a_logistic_regression() -> None:
    distorted = 1 / (1 + np.exp(-(0.4 + 1.7 * logits(PROBABILITIES))))
    model = LogisticRegression(C=np.inf, tol=1e-10).fit(logits(distorted)[:, None], LABELS)
    fitted = recalibration(LABELS, distorted)
    assert fitted.slope == pytest.approx(model.coef_[0, 0], abs=1e-4)
    assert fitted.intercept == pytest.approx(model.intercept_[0], abs=1e-4)


def test_a_slope_without_a_solution_is_not_a_number() -> None:
    assert np.isnan(recalibration(np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.1, 0.2, 0.6, 0.7])).slope)


def test_the_ece_of_a_calibrated_model_is_what_chance_gives() -> None:
    chance = chance_calibration_error(PROBABILITIES, seed=2)
    assert expected_calibration_error(LABELS, PROBABILITIES) == pytest.approx(chance, rel=0.4)
    assert expected_calibration_error(LABELS, 1.5 * PROBABILITIES) > 2 * chance


def test_net_benefit_weighs_false_alarms_by_the_odds_of_the_threshold() -> None:
    labels, flagged = np.array([1.0, 0.0, 0.0, 1.0]), np.array([True, True, False, False])
    assert net_benefit(labels, flagged, 0.2) == pytest.approx((1 - 0.25) / 4)
    assert net_benefit(labels, np.zeros(4, dtype=bool), 0.2) == 0.0


def test_the_reference_model_is_an_unpenalized_regression_and_survives_json() -> None:
    counts = pd.DataFrame({name: RNG.poisson(2, ROWS).astype(np.float64) for name in REFERENCE_COUNTS})
    labels = (RNG.random(ROWS) < 1 / (1 + np.exp(3 - np.log1p(counts["number_inpatient"])))).astype(int).tolist()
    model = fit_reference(counts, labels)
    assert model.probabilities(counts).mean() == pytest.approx(np.mean(labels), abs=1e-4)
    assert ReferenceModel.from_json(model.to_json()) == model


def test_every_encounter_is_in_one_group_of_each_field() -> None:
    rows = pd.DataFrame({name: ["x", None] for name in FEATURES}, dtype=object)
    groups = subgroups(rows.assign(number_inpatient=[2.0, 7.0]))
    assert tuple(groups.columns) == SUBGROUP_FIELDS
    assert groups.iloc[0].tolist() == ["x", "x", "x", "x", "2"]
    assert groups.iloc[1].tolist() == ["?", "?", "?", "?", "3 or more"]

"""The evaluation of a version: its figures equal those of other libraries, small groups stay hidden, JSON keeps it."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace

import dcurves
import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score

from readmit.core.calibration_bins import calibration_bins, wilson_interval
from readmit.core.decision_curve import STAYS_CUT_OFFS, THRESHOLDS, decision_curve
from readmit.core.errors import TooFewEncounters
from readmit.core.evaluation import Importance, Subgroup, VersionEvaluation
from readmit.core.metrics import classification_metrics
from readmit.core.model import model_input
from readmit.core.model_evaluation import FIRST_BATCH, EvaluatedEncounters, evaluate
from readmit.core.patient_resamples import PatientResamples
from readmit.core.subgroup_figures import shown_groups, subgroup_figures
from readmit.core.subgroups import SUBGROUP_FIELDS, subgroups
from readmit.core.suppression import BATCH, MIN_CELL_SIZE
from readmit.core.version import Version
from readmit.io.registry.evaluation_plots import draw_evaluation

ROWS, THRESHOLD = 3_000, 0.2
RNG = np.random.default_rng(8)
PROBABILITIES = RNG.beta(1.5, 8, ROWS)
LABELS = (RNG.random(ROWS) < PROBABILITIES).astype(np.float64)
PATIENTS = RNG.integers(0, 2_000, ROWS)
RESAMPLES = PatientResamples(PATIENTS, 50, seed=1)
VERSION = Version("3", "lightgbm", "within_30_days", THRESHOLD, 3, "s", "c", "r")


@pytest.fixture(scope="module")
def rows(random_encounters: Callable[[int], dict[str, list[str | int]]]) -> EvaluatedEncounters:
    encounters = model_input(random_encounters(ROWS))
    reference = np.clip(PROBABILITIES + RNG.normal(0, 0.05, ROWS), 0.01, 0.99)
    return EvaluatedEncounters(encounters, LABELS, PATIENTS, RNG.integers(1, 4, ROWS), PROBABILITIES, reference)


@pytest.fixture(scope="module")
def evaluation(rows: EvaluatedEncounters) -> VersionEvaluation:
    return evaluate(VERSION, rows, {"diag_1": Importance(0.01, 0.001)}, seed=130)


def groups_of(evaluation: VersionEvaluation, field: str) -> list[Subgroup]:
    return [group for group in evaluation.subgroups if group.field == field]


def test_net_benefits_are_those_of_dcurves(rows: EvaluatedEncounters) -> None:
    stays = rows.encounters["number_inpatient"].to_numpy()
    cut_offs = {f"stays_{cut_off}": (stays >= cut_off).astype(float) for cut_off in STAYS_CUT_OFFS}
    frame = pd.DataFrame({"outcome": LABELS, "model": PROBABILITIES, "reference": rows.reference, **cut_offs})
    names = [name for name in frame if name != "outcome"]
    table = dcurves.dca(data=frame, outcome="outcome", modelnames=names, thresholds=list(THRESHOLDS))
    expected = table.pivot_table(index="threshold", columns="model", values="net_benefit")
    assert rows.reference is not None
    for point in decision_curve(LABELS, PROBABILITIES, stays, rows.reference, RESAMPLES):
        row = expected.loc[min(expected.index, key=lambda value: abs(value - point.threshold))]
        assert point.model.value == pytest.approx(row["model"], abs=1e-12)
        assert point.reference == pytest.approx(row["reference"], abs=1e-12)
        assert (point.everyone, point.nobody) == (pytest.approx(row["all"], abs=1e-12), row["none"])
        assert point.stays == pytest.approx(max(row[name] for name in cut_offs), abs=1e-12)


def test_figures_of_subgroups_are_those_of_their_encounters(
    rows: EvaluatedEncounters, evaluation: VersionEvaluation
) -> None:
    groups = subgroups(rows.encounters).assign(**{BATCH: rows.batches.astype(str)})
    for group in evaluation.subgroups:
        chosen = groups[group.field].isin(group.values).to_numpy()
        y, p = LABELS[chosen], PROBABILITIES[chosen]
        metrics = classification_metrics(y.astype(int).tolist(), p, THRESHOLD)
        assert (group.encounters, group.readmitted) == (chosen.sum(), y.sum())
        assert group.roc_auc.value == pytest.approx(roc_auc_score(y, p))
        assert group.observed_expected.value == pytest.approx(metrics["observed_expected"])
        assert group.sensitivity.value == pytest.approx(metrics["recall"])
        assert group.ppv.value == pytest.approx(metrics["precision"])
        assert group.flagged.value == pytest.approx(metrics["flagged"])
        for measure in (group.roc_auc, group.observed_expected, group.sensitivity, group.ppv, group.flagged):
            assert measure.low is not None
            assert measure.high is not None
            assert measure.low <= measure.value <= measure.high  # type: ignore[operator]  # it is defined
    assert list(dict.fromkeys(group.field for group in evaluation.subgroups)) == [*SUBGROUP_FIELDS, BATCH]
    for field in (*SUBGROUP_FIELDS, BATCH):
        assert sum(group.encounters for group in groups_of(evaluation, field)) == ROWS


def test_a_group_of_fewer_than_11_encounters_has_no_numbers_from_which_its_own_can_be_derived() -> None:
    values = pd.Series(["F"] * 1_500 + ["M"] * 1_490 + ["U"] * 10, dtype=object)
    shown = shown_groups("gender", values, LABELS)
    assert [group.values for group in shown] == [("F",), ("M", "U")]
    figures = subgroup_figures(
        pd.DataFrame({"gender": values}), LABELS, PROBABILITIES, PROBABILITIES > THRESHOLD, RESAMPLES
    )
    assert [(group.values, group.encounters) for group in figures] == [(("F",), 1_500), (("M", "U"), 1_500)]


def test_a_field_without_a_group_that_can_be_shown_has_no_figures() -> None:
    few = MIN_CELL_SIZE + 2
    frame, chosen = pd.DataFrame({"gender": ["F"] * few}), PROBABILITIES[:few]
    resamples = PatientResamples(PATIENTS[:few], 20, seed=1)
    labels = np.array([1.0] * 5 + [0.0] * (few - 5))
    assert subgroup_figures(frame, labels, chosen, chosen > THRESHOLD, resamples) == ()


def test_a_group_without_readmissions_has_no_interval_of_width_0() -> None:
    values = pd.DataFrame({"gender": ["F"] * 20 + ["M"] * (ROWS - 20)})
    labels = np.where(np.arange(ROWS) < 20, 0.0, LABELS)
    group, _ = subgroup_figures(values, labels, PROBABILITIES, PROBABILITIES > THRESHOLD, RESAMPLES)
    assert (group.values, group.readmitted) == (("F",), 0)
    assert asdict(group.observed_expected) == {"value": 0.0, "low": None, "high": None}
    assert asdict(group.roc_auc) == asdict(group.sensitivity) == dict.fromkeys(("value", "low", "high"))


def test_the_figures_of_a_version_are_the_metrics_of_its_split(evaluation: VersionEvaluation) -> None:
    metrics = classification_metrics(LABELS.astype(int).tolist(), PROBABILITIES, THRESHOLD)
    point, calibration = evaluation.operating_point, evaluation.calibration
    assert evaluation.roc_auc.value == pytest.approx(metrics["roc_auc"])
    assert evaluation.pr_auc.value == pytest.approx(metrics["pr_auc"])
    assert evaluation.log_loss.value == pytest.approx(metrics["log_loss"])
    assert point.ppv.value == pytest.approx(metrics["precision"])
    assert point.sensitivity.value == pytest.approx(metrics["recall"])
    assert point.alerts_per_100.value == pytest.approx(100 * metrics["flagged"])
    assert point.alerts_per_readmission.value == pytest.approx(1 / metrics["precision"])
    negatives = PROBABILITIES[LABELS == 0]
    assert point.specificity.value == pytest.approx((negatives < THRESHOLD).mean())
    assert (calibration.ece, calibration.observed_expected.value) == (
        pytest.approx(metrics["ece"]),
        pytest.approx(metrics["observed_expected"]),
    )
    assert (evaluation.encounters, evaluation.readmitted) == (ROWS, LABELS.sum())
    assert evaluation.patients == np.unique(PATIENTS).size


def test_a_calibrated_model_has_an_ece_near_that_of_chance_and_a_slope_near_1(evaluation: VersionEvaluation) -> None:
    calibration = evaluation.calibration
    assert calibration.ece == pytest.approx(calibration.ece_by_chance, rel=0.5)
    assert calibration.slope.low is not None
    assert calibration.slope.high is not None
    assert calibration.slope.low < 1 < calibration.slope.high


def test_versions_are_compared_on_the_first_batch_alone(
    rows: EvaluatedEncounters, evaluation: VersionEvaluation
) -> None:
    first = rows.batches == FIRST_BATCH
    assert evaluation.comparable_roc_auc is not None
    assert evaluation.comparable_roc_auc.value == pytest.approx(roc_auc_score(LABELS[first], PROBABILITIES[first]))
    without = replace(rows, batches=rows.batches + 1)
    assert evaluate(VERSION, without, {}, seed=130).comparable_roc_auc is None


def test_a_split_with_one_outcome_is_not_evaluated(rows: EvaluatedEncounters) -> None:
    with pytest.raises(TooFewEncounters, match="only one outcome"):
        evaluate(VERSION, replace(rows, labels=np.zeros(ROWS)), {}, seed=130)


def test_a_few_encounters_are_evaluated(rows: EvaluatedEncounters) -> None:
    few = slice(0, 25)
    some = EvaluatedEncounters(
        rows.encounters.iloc[few].reset_index(drop=True),
        np.array([1.0] + [0.0] * 24),
        *(values[few] for values in (PATIENTS, rows.batches, PROBABILITIES)),
        reference=None,
    )
    evaluation = evaluate(VERSION, some, {}, seed=130)
    assert VersionEvaluation.from_json(evaluation.to_json()) == evaluation
    assert evaluation.subgroups == ()
    assert set(draw_evaluation(evaluation)) >= {"test_subgroups.png", "test_importances.png"}


def test_bins_of_the_calibration_curve_have_score_intervals() -> None:
    for events, encounters in ((0, 90), (7, 90), (90, 90)):
        expected = binomtest(events, encounters).proportion_ci(method="wilson")
        interval = wilson_interval(events, encounters)
        assert (interval.low, interval.high) == (pytest.approx(expected.low), pytest.approx(expected.high))
    bins = calibration_bins(LABELS, PROBABILITIES)
    assert len(bins) == 20
    assert np.mean([item.predicted for item in bins]) == pytest.approx(PROBABILITIES.mean())


def test_an_evaluation_survives_json(rows: EvaluatedEncounters, evaluation: VersionEvaluation) -> None:
    assert VersionEvaluation.from_json(evaluation.to_json()) == evaluation
    # Nobody is flagged, batch 1 and the reference are absent: figures that are undefined are null.
    extreme = replace(VERSION, threshold=0.999)
    undefined = evaluate(extreme, replace(rows, batches=rows.batches + 1, reference=None), {}, seed=130)
    document = json.loads(undefined.to_json())
    assert document["operating_point"]["ppv"] == {"value": None, "low": None, "high": None}
    assert document["decision_curve"][0]["reference"] is None
    assert VersionEvaluation.from_json(undefined.to_json()) == undefined

import numpy as np
import pytest

from readmit.core.candidate_selection import PatientLosses, select_candidate

PATIENTS = 2_000


def losses(extra: float, noise: float, seed: int) -> PatientLosses:
    """Losses of patients of one or two stays: common ones, more by `extra` per stay, and noise of the model's own."""
    common = np.random.default_rng(1).exponential(0.3, PATIENTS)
    stays = np.random.default_rng(2).integers(1, 3, PATIENTS)
    own = np.random.default_rng(seed).normal(0, noise, PATIENTS)
    own -= (stays @ own) / stays.sum()
    return PatientLosses(stays, stays * (common + extra + own))


def test_the_simplest_candidate_within_one_standard_error_of_the_best_is_selected() -> None:
    error = 0.05 * np.sqrt(2 / PATIENTS)
    candidates = {
        "simple": losses(5 * error, 0.05, 3),
        "close": losses(0.0, 0.05, 4),
        "best": losses(-0.1 * error, 0.05, 5),
        "complex": losses(-0.1 * error, 0.05, 5),
    }
    selection = select_candidate(candidates, seed=1)
    assert selection.best == "best"
    assert selection.selected == "close"
    assert not selection.differences["simple"].within_error
    assert selection.differences["close"].standard_error == pytest.approx(error, rel=0.2)


def test_the_standard_error_is_that_of_the_paired_difference() -> None:
    """Two models of the same losses but a constant: as certain as can be, though each loss varies widely."""
    selection = select_candidate({"a": losses(0.001, 0.0, 3), "b": losses(0.0, 0.0, 3)}, seed=1)
    assert selection.selected == "b"
    assert selection.differences["a"].difference == pytest.approx(0.001)
    assert selection.differences["a"].standard_error < 1e-9
    assert selection.reason.startswith("the least log loss")


def test_equal_candidates_give_the_simplest() -> None:
    selection = select_candidate({"simple": losses(0, 0.1, 3), "complex": losses(0, 0.1, 3)}, seed=1)
    assert selection.selected == "simple"


def test_losses_are_summed_by_patient_in_the_order_of_their_first_encounters() -> None:
    probabilities = np.array([0.5, 0.25, 0.5])
    summed = PatientLosses.of([1, 0, 0], probabilities, np.array([9, 4, 9]))
    assert summed.encounters.tolist() == [2, 1]
    np.testing.assert_allclose(summed.losses, [2 * np.log(2), -np.log(0.75)])
    assert PatientLosses.from_json(summed.to_json()).to_json() == summed.to_json()

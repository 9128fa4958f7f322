"""The bootstrap of the verdict equals a direct computation on the same draws, and its time grows linearly."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from readmit.core import metrics
from readmit.core.metrics import Floats, RankedScores, patient_weights
from readmit.core.resampled_auc import resampled_aucs
from tests.growth import QUADRATIC, growth

ROWS, SEED = 3_000, 5


def labelled(rows: int, rng: np.random.Generator) -> tuple[Floats, list[str]]:
    """Labels, of which one in nine is positive, and patients with one or more encounters."""
    return (rng.random(rows) < 1 / 9).astype(np.float64), [str(number) for number in rng.integers(0, rows // 2, rows)]


@pytest.mark.parametrize(
    "scores",
    [
        lambda rng: rng.random(ROWS),
        lambda rng: np.round(rng.random(ROWS), 1),
        lambda _: np.full(ROWS, 0.5),
        lambda rng: np.where(rng.random(ROWS) < 0.1, np.nan, np.round(rng.random(ROWS), 2)),
        lambda rng: rng.choice([-np.inf, 0.0, -0.0, np.inf], ROWS),
    ],
    ids=["distinct", "tied", "constant", "not a number", "infinite"],
)
def test_the_rank_counts_give_exactly_the_weighted_statistic_of_the_same_draws(
    scores: Callable[[np.random.Generator], Floats],
) -> None:
    rng = np.random.default_rng(1)
    y, patients = labelled(ROWS, rng)
    p = scores(rng)
    direct = [RankedScores(y, p).roc_auc(weights) for weights in patient_weights(patients, 120, SEED)]
    (aucs,) = resampled_aucs(y, [p], patients, 120, SEED)
    np.testing.assert_array_equal(aucs, np.concatenate(direct))


def test_a_resample_has_the_roc_auc_of_its_encounters_written_out() -> None:
    rng = np.random.default_rng(2)
    y, patients = labelled(ROWS, rng)
    p = np.round(rng.random(ROWS), 2)
    (weights,) = patient_weights(patients, 10, SEED)
    repeated = [np.repeat(np.arange(ROWS), row.astype(int)) for row in weights]
    (aucs,) = resampled_aucs(y, [p], patients, 10, SEED)
    assert aucs == pytest.approx([roc_auc_score(y[rows], p[rows]) for rows in repeated], abs=1e-12)


def test_the_draws_do_not_depend_on_how_many_are_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    patients = labelled(ROWS, np.random.default_rng(3))[1]
    together = np.concatenate(list(patient_weights(patients, 120, SEED)))
    monkeypatch.setattr(metrics, "WEIGHTS_PER_BLOCK", 7 * ROWS)
    blocks = list(patient_weights(patients, 120, SEED))
    assert [len(block) for block in blocks] == [7] * 17 + [1]
    np.testing.assert_array_equal(np.concatenate(blocks), together)


def test_the_time_for_200_000_test_rows_is_not_quadratic() -> None:
    rng = np.random.default_rng(4)

    def resample(rows: int) -> Callable[[], object]:
        y, patients = labelled(rows, rng)
        return partial(resampled_aucs, y, [rng.beta(1, 8, rows)], patients, 10, SEED)

    assert growth(resample(50_000), resample(200_000)) < QUADRATIC

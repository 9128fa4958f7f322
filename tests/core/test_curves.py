import numpy as np
import pytest
from sklearn.metrics import auc, average_precision_score, roc_auc_score

from readmit.core.curves import MAX_POINTS, curves_of
from readmit.core.metrics import expected_calibration_error
from readmit.core.verdict import Curves

RNG = np.random.default_rng(8)
P = RNG.beta(1.2, 7, 4_000)
LABELS = (RNG.random(P.size) < P).astype(int).tolist()


@pytest.fixture(scope="module")
def curves() -> Curves:
    return curves_of(LABELS, P)


def test_the_area_below_the_drawn_roc_is_the_auc(curves: Curves) -> None:
    x, y = zip(*curves.roc, strict=True)
    assert (curves.roc[0], curves.roc[-1]) == ((0.0, 0.0), (1.0, 1.0))
    assert auc(x, y) == pytest.approx(roc_auc_score(LABELS, P), abs=0.005)
    assert len(curves.roc) <= MAX_POINTS


def test_precision_ends_at_the_base_rate_at_full_recall(curves: Curves) -> None:
    x, y = zip(*curves.precision_recall, strict=True)
    assert curves.precision_recall[-1] == pytest.approx((1.0, np.mean(LABELS)), abs=1e-5)
    assert list(x) == sorted(x)
    assert auc(x, y) == pytest.approx(average_precision_score(LABELS, P), abs=0.02)
    assert len(curves.precision_recall) <= MAX_POINTS


def test_the_drawn_calibration_is_what_the_error_measures(curves: Curves) -> None:
    gaps = [abs(predicted - observed) for predicted, observed in curves.calibration]
    assert np.mean(gaps) == pytest.approx(expected_calibration_error(np.array(LABELS, dtype=float), P), abs=1e-5)


def test_curves_survive_json(curves: Curves) -> None:
    assert Curves.from_json(curves.to_json()) == curves


def test_a_handful_of_encounters_has_curves_too() -> None:
    curves = curves_of([0, 1, 0], np.array([0.1, 0.1, 0.1]))
    assert curves.roc == ((0.0, 0.0), (1.0, 1.0))
    assert curves.precision_recall == ((1.0, 0.33333),)

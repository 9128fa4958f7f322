"""Made encounters of known risk, models that know it of a share of them, and the verdicts on these models."""

import numpy as np
import pandas as pd

from readmit.core.metrics import Floats
from readmit.core.promotion_gates import HeldOutPatients, Predictions
from readmit.core.promotion_verdict import EarlierModels, judge
from readmit.core.verdict import Verdict

ROWS = 3_000
RNG = np.random.default_rng(23)
RISK = RNG.beta(1.2, 7, ROWS)
LABELS = (RNG.random(ROWS) < RISK).astype(int).tolist()
PATIENTS = RNG.integers(0, 2_200, ROWS)
RECORDED = RNG.random(ROWS)
GROUPS = pd.DataFrame({"race": np.where(RNG.random(ROWS) < 0.4, "Asian", "Other")}, dtype=object)
THRESHOLD = 1 / 7


def informed(share: float) -> Floats:
    """Return the probabilities of a calibrated model that knows the risk of a share of the encounters."""
    return np.where(share > RECORDED, RISK, RISK.mean())


GOOD, MEDIOCRE = informed(0.6), informed(0.3)


def predictions(
    probabilities: Floats, version: str = "2", threshold: float = THRESHOLD, batch: int | None = None
) -> Predictions:
    """Return a version's predictions; it was trained on the batches up to its number unless another one is given."""
    return Predictions(version, threshold, probabilities, int(version) if batch is None else batch)


def held_out(target: str = "within_30_days", reference: Floats | None = None) -> HeldOutPatients:
    """Return the test split."""
    return HeldOutPatients(target, np.array(LABELS, dtype=np.float64), PATIENTS, GROUPS, reference)


def verdict(
    challenger: Floats,
    champion: Floats | None = None,
    target: str = "within_30_days",
    best: Floats | None = None,
    consultations: int = 1,
) -> Verdict:
    """Return the verdict on version 3, or 2 if it is not compared with two earlier ones."""
    earlier = EarlierModels(
        None if champion is None else predictions(champion, "1" if best is None else "2"),
        None if best is None else predictions(best, "1"),
    )
    version = "2" if best is None else "3"
    return judge(held_out(target), predictions(challenger, version), earlier, consultations, seed=130, resamples=400)

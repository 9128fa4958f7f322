"""Made patients, and models of them whose faults are known: what the promotion gates are measured with.

A patient's true log-odds is normal. A model sees it with noise, and gives the exact probability of what it sees: every
model is perfectly calibrated until a fault is added, and its ROC-AUC falls with the noise.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from readmit.core.calibration import logits
from readmit.core.metrics import Floats, Ints
from readmit.core.promotion_gates import HeldOutPatients, Predictions
from readmit.core.promotion_verdict import EarlierModels, judge
from readmit.core.threshold import threshold_from_cost_ratio

TEST_ROWS_PER_BATCH = 2_080
"""Test encounters of a batch of the real file, without excluded ones."""
STAYS_PER_PATIENT = 1.4
RESAMPLES = 250
TARGET = "within_30_days"
THRESHOLD = threshold_from_cost_ratio(None, TARGET)
CENTRE, SPREAD = -2.36, 0.90
"""Mean and standard deviation of the true log-odds: one in nine readmitted."""
EQUAL, WORSE, BETTER, FIVE_COUNTS = 0.70, 0.92, 0.55, 1.30
"""Noise of the models, in standard deviations of the truth: ROC-AUC about 0.690, 0.670, 0.703 and 0.64."""
SHARED_NOISE = {"equal": 0.62, "other": 0.68}
"""Noise that all models have in common, with an equal challenger and with another one.

On the real file, after batch 6, the standard error of the change of ROC-AUC is 0.0015 to 0.0027 between versions, and
0.0036 to 0.0043 for models that are worse by 0.02 (interpolated between LightGBM on 20 % of the patients and LightGBM
without a field that matters). Here it is 0.0030 between equal models, which makes them harder to tell from worse ones,
and 0.0038 for a model that is worse by 0.02.
"""
GROUP_SHARES: Mapping[str, tuple[float, ...]] = {
    "sex": (0.54, 0.46),
    "age": (0.26, 0.25, 0.17, 0.17, 0.1, 0.05),
    "race": (0.76, 0.19, 0.02, 0.02, 0.01),
    "payer": (0.4, 0.32, 0.06, 0.06, 0.05, 0.11),
    "stays": (0.66, 0.19, 0.08, 0.07),
}
"""Shares of groups about as in the real file."""
BIASED_GROUP = ("race", "1")
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(31)


@dataclass(frozen=True, slots=True)
class MadePatients:
    """A test split. `truth`: standardized log-odds; `hidden`: noise of which all models have `shared`.

    Both of shape (rows,).
    """

    held_out: HeldOutPatients
    truth: Floats
    hidden: Floats
    shared: float
    batch: int

    def model(self, noise: float, rng: np.random.Generator, batch: int) -> Predictions:
        """Return a calibrated model of the batches up to one."""
        shared = min(noise, self.shared)
        own = np.sqrt(noise**2 - shared**2)
        seen = self.truth + shared * self.hidden + own * rng.standard_normal(self.truth.size)
        reliability = 1 / (1 + noise**2)
        centre, spread = reliability * seen, np.sqrt(1 - reliability)
        risks = 1 / (1 + np.exp(-(CENTRE + SPREAD * (centre[:, None] + spread * NODES))))
        return Predictions(str(batch), THRESHOLD, np.asarray(risks @ WEIGHTS / WEIGHTS.sum()), batch)


def make_patients(batch: int, shared: float, rng: np.random.Generator) -> MadePatients:
    """Return the test split of batches 1 to n."""
    rows = TEST_ROWS_PER_BATCH * batch
    patients: Ints = rng.integers(0, int(rows / STAYS_PER_PATIENT), rows)
    of_patient = rng.standard_normal(rows)
    # Half of the truth is shared by the stays of a patient.
    truth = np.sqrt(0.5) * (of_patient[patients] + rng.standard_normal(rows))
    labels = (rng.random(rows) < 1 / (1 + np.exp(-(CENTRE + SPREAD * truth)))).astype(np.float64)
    groups = {
        field: rng.choice(len(shares), rows, p=shares).astype(str).astype(object)
        for field, shares in GROUP_SHARES.items()
    }
    held_out = HeldOutPatients(TARGET, labels, patients, pd.DataFrame(groups), None)
    made = MadePatients(held_out, truth, rng.standard_normal(rows), shared, batch)
    return replace(made, held_out=replace(made.held_out, reference=made.model(FIVE_COUNTS, rng, 0).probabilities))


def _changed(model: Predictions, change: Callable[[Floats], Floats]) -> Predictions:
    """Return a model with other log-odds."""
    return replace(model, probabilities=1 / (1 + np.exp(-change(logits(model.probabilities)))))


Fault = Callable[[MadePatients, np.random.Generator], Predictions]


def _tripled(made: MadePatients, rng: np.random.Generator) -> Predictions:
    model = made.model(EQUAL, rng, made.batch)
    return replace(model, probabilities=np.clip(3 * model.probabilities, 0, 0.99))


def _swapped(made: MadePatients, rng: np.random.Generator) -> Predictions:
    return _changed(made.model(EQUAL, rng, made.batch), lambda odds: 2 * CENTRE - odds)


def _biased(made: MadePatients, rng: np.random.Generator, noise: float = EQUAL) -> Predictions:
    field, group = BIASED_GROUP
    shift = np.where(made.held_out.groups[field] == group, -1.0, 0.0)
    return _changed(made.model(noise, rng, made.batch), lambda odds: odds + shift)


def _unfair(made: MadePatients, rng: np.random.Generator) -> Predictions:
    return _biased(made, rng, BETTER / 3)


def _overconfident(made: MadePatients, rng: np.random.Generator) -> Predictions:
    return _changed(made.model(BETTER, rng, made.batch), lambda odds: 2 * (odds - CENTRE) + CENTRE - 0.4)


def _leaking(made: MadePatients, rng: np.random.Generator) -> Predictions:
    model = made.model(EQUAL, rng, made.batch)
    return _changed(model, lambda odds: odds + 1.5 * (made.held_out.labels - 0.111))


CHALLENGERS: Mapping[str, Fault] = {
    "equal": lambda made, rng: made.model(EQUAL, rng, made.batch),
    "better by 0.013 of ROC-AUC": lambda made, rng: made.model(BETTER, rng, made.batch),
    "worse by 0.02 of ROC-AUC": lambda made, rng: made.model(WORSE, rng, made.batch),
    "risks tripled": _tripled,
    "labels swapped": _swapped,
    "one subgroup's odds divided by 2.7": _biased,
    "better over all, the same subgroup wrong": _unfair,
    "better ROC-AUC, overconfident": _overconfident,
    "better by a leak": _leaking,
}


def refusing_gates(name: str, batch: int, day: int) -> list[str]:
    """Return the gates that refuse a challenger, compared with a champion and with an earlier version equal to it."""
    rng = np.random.default_rng([day, batch, list(CHALLENGERS).index(name)])
    made = make_patients(batch, SHARED_NOISE["equal" if name == "equal" else "other"], rng)
    champion = made.model(EQUAL, rng, batch - 1) if batch > 1 else None
    best = made.model(EQUAL, rng, batch - 2) if batch > 2 else None
    verdict = judge(made.held_out, CHALLENGERS[name](made, rng), EarlierModels(champion, best), batch, day, RESAMPLES)
    return [gate for gate, reason in verdict.gates.items() if reason is not None]

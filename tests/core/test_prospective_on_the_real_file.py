"""The figures on batches 2 to 6 of the real file, each of a model that was fitted on the batches before."""

import polars as pl
import pytest

from readmit.core.encounter import FEATURES, OUTCOME, PATIENT, labels
from readmit.core.model import CANDIDATES, fit_candidate, model_input, probabilities
from readmit.core.prospective import EvaluatedModel
from readmit.core.prospective_estimation import evaluate_prospectively
from readmit.core.splitting import SPLIT, Split

TARGET = "within_30_days"
REVIEWED = {2: (0.677, 1.04), 3: (0.672, 1.00), 4: (0.668, 0.85), 5: (0.673, 0.91), 6: (0.674, 0.94)}
"""ROC-AUC and observed/expected by an independent review, of the candidates at that time."""


@pytest.mark.parametrize("batch", REVIEWED)
def test_the_figures_are_those_of_the_review_within_the_noise_of_a_fit(
    real_batches: list[pl.DataFrame], batch: int
) -> None:
    candidate = next(item for item in CANDIDATES if item.name == "pairwise_boosting")
    known, new = pl.concat(real_batches[: batch - 1]).filter(pl.col(SPLIT) != Split.TEST), real_batches[batch - 1]
    encounters, stays = (model_input(rows.select(FEATURES).to_dict(as_series=False)) for rows in (known, new))
    model = fit_candidate(candidate, 130, encounters, labels(known[OUTCOME], TARGET), known[PATIENT].to_numpy())
    evaluation = evaluate_prospectively(
        EvaluatedModel(batch, str(batch - 1), TARGET, batch - 1, 1 / 7),
        labels(new[OUTCOME], TARGET),
        probabilities(model, stays),
        new[PATIENT].to_numpy(),
        seed=130,
    )
    roc_auc, observed_expected = REVIEWED[batch]
    assert evaluation.roc_auc.value == pytest.approx(roc_auc, abs=0.01)
    assert evaluation.observed_expected.value == pytest.approx(observed_expected, abs=0.03)
    assert evaluation.roc_auc.low < roc_auc < evaluation.roc_auc.high
    assert evaluation.observed_expected.low < observed_expected < evaluation.observed_expected.high

"""The comparison of a challenger with the champion, by their predictions for the same test patients."""

import numpy as np

from readmit.core.dataset import Dataset
from readmit.core.errors import VersionUnusable
from readmit.core.fit_key import SEED
from readmit.core.metrics import Floats
from readmit.core.model import chunks, probabilities, raw_values
from readmit.core.promotion_gates import Predictions, judge
from readmit.core.verdict import Verdict
from readmit.core.version import Version
from readmit.io.lightgbm_native import load_scorer
from readmit.io.registry.model_versions import Registry


def compare(challenger: Version, champion: Version | None, registry: Registry, test: Dataset) -> Verdict:
    """Return the verdict of the gates.

    Both models predict from the same one of their two files, so that equal models have equal predictions. Raises
    VersionUnusable when either can't be loaded.
    """
    fitted = challenger.model_file != "" and (champion is None or champion.model_file != "")
    challenger_predictions = _predict(challenger, registry, test, fitted)
    try:
        champion_predictions = None if champion is None else _predict(champion, registry, test, fitted)
    except VersionUnusable as error:
        raise _champion_unusable(challenger, error) from error
    return judge(challenger.target, test.labels, test.patients, challenger_predictions, champion_predictions, SEED)


def _champion_unusable(challenger: Version, error: VersionUnusable) -> VersionUnusable:
    return VersionUnusable(
        f"version {challenger.number} is not promoted, because the version to beat can't be loaded: {error}. "
        "Production stays as it is. Restore that version's files, or put another version in its place with "
        f"`just rollback NUMBER --why ...` (NUMBER may be {challenger.number}), and run the day again"
    )


def _predict(version: Version, registry: Registry, test: Dataset, fitted: bool) -> Predictions:
    if fitted:
        predicted = probabilities(registry.load(version), test.encounters)
    else:
        predicted = _compiled_probabilities(version, registry, test)
    return Predictions(version.number, version.threshold, predicted)


def _compiled_probabilities(version: Version, registry: Registry, test: Dataset) -> Floats:
    """Return the compiled model's probabilities, shape (rows,): older versions carry a hash of its file only."""
    scorer = load_scorer(registry.scorer(version))
    scorer.verify()
    return np.concatenate([scorer.probabilities(raw_values(chunk)) for chunk in chunks(test.encounters)])

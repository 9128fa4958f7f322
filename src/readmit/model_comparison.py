"""The comparison of a challenger with earlier versions, by their predictions for the same test patients."""

from dataclasses import dataclass

import numpy as np

from readmit.core.dataset import Dataset
from readmit.core.errors import VersionUnusable
from readmit.core.fit_key import SEED
from readmit.core.metrics import Floats
from readmit.core.model import chunks, probabilities, raw_values
from readmit.core.promotion_gates import HeldOutPatients, Predictions
from readmit.core.promotion_verdict import EarlierModels, judge
from readmit.core.subgroups import subgroups
from readmit.core.verdict import Verdict
from readmit.core.version import Version
from readmit.io.lightgbm_native import load_scorer
from readmit.io.registry.model_versions import Registry


@dataclass(frozen=True, slots=True)
class EarlierVersions:
    """What a challenger is compared with. `champion`, `best`: None when there is none, or the best is the champion.

    `verdicts`: how many other models of the target were judged.
    """

    champion: Version | None
    best: Version | None
    verdicts: int


def compare(challenger: Version, earlier: EarlierVersions, registry: Registry, test: Dataset) -> Verdict:
    """Return the verdict of the gates.

    All models predict from the same one of their two files, so that equal models have equal predictions. Raises
    VersionUnusable when one can't be loaded.
    """
    others = [version for version in (earlier.champion, earlier.best) if version is not None]
    fitted = all(version.model_file for version in (challenger, *others))
    predictions = {challenger.number: _predict(challenger, registry, test, fitted)}
    for other in others:
        try:
            predictions[other.number] = _predict(other, registry, test, fitted)
        except VersionUnusable as error:
            raise _other_unusable(challenger, error) from error
    champion, best = (
        None if version is None else predictions[version.number] for version in (earlier.champion, earlier.best)
    )
    held_out = _held_out(challenger, registry, test)
    return judge(held_out, predictions[challenger.number], EarlierModels(champion, best), earlier.verdicts + 1, SEED)


def _held_out(challenger: Version, registry: Registry, test: Dataset) -> HeldOutPatients:
    reference = registry.reference(challenger)
    return HeldOutPatients(
        target=challenger.target,
        labels=np.asarray(test.labels, dtype=np.float64),
        patients=test.patients,
        groups=subgroups(test.encounters),
        reference=None if reference is None else reference.probabilities(test.encounters),
    )


def _other_unusable(challenger: Version, error: VersionUnusable) -> VersionUnusable:
    return VersionUnusable(
        f"version {challenger.number} is not promoted, because a version to compare it with can't be loaded: {error}. "
        "Production stays as it is. Restore that version's files, or put another version in its place with "
        f"`just rollback NUMBER --why ...` (NUMBER may be {challenger.number}), and run the day again"
    )


def _predict(version: Version, registry: Registry, test: Dataset, fitted: bool) -> Predictions:
    if fitted:
        predicted = probabilities(registry.load(version), test.encounters)
    else:
        predicted = _compiled_probabilities(version, registry, test)
    return Predictions(version.number, version.threshold, predicted, version.batch)


def _compiled_probabilities(version: Version, registry: Registry, test: Dataset) -> Floats:
    """Return the compiled model's probabilities, shape (rows,): older versions carry a hash of its file only."""
    scorer = load_scorer(registry.scorer(version))
    scorer.verify()
    return np.concatenate([scorer.probabilities(raw_values(chunk)) for chunk in chunks(test.encounters)])

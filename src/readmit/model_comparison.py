"""The comparison of a challenger with earlier versions, by their predictions for the same test patients."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

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
    """What a challenger is compared with.

    `champion`: None when there is none; `better`: earlier versions that were better than it, best first.
    `verdicts`: how many other models of the target were judged.
    """

    champion: Version | None
    better: Sequence[Version]
    verdicts: int


def compare(challenger: Version, earlier: EarlierVersions, registry: Registry, test: Dataset) -> Verdict:
    """Return the verdict of the gates, with a reason for each better version that can't be loaded.

    All models predict from the same one of their two files, so that equal models have equal predictions. Raises
    VersionUnusable when the challenger or the champion can't be loaded.
    """
    versions = [challenger, *([] if earlier.champion is None else [earlier.champion]), *earlier.better]
    fitted = all(version.model_file for version in versions)
    own = _predict(challenger, registry, test, fitted)
    champion = None
    if earlier.champion is not None:
        try:
            champion = _predict(earlier.champion, registry, test, fitted)
        except VersionUnusable as error:
            raise _champion_unusable(challenger, error) from error
    best, unusable = _best_usable(earlier.better, registry, test, fitted)
    held_out = _held_out(challenger, registry, test)
    verdict = judge(held_out, own, EarlierModels(champion, best), earlier.verdicts + 1, SEED)
    return replace(verdict, reasons=(*verdict.reasons, *unusable))


def _best_usable(
    versions: Sequence[Version], registry: Registry, test: Dataset, fitted: bool
) -> tuple[Predictions | None, list[str]]:
    """Return the predictions of the first version that can be loaded, and a reason for each one before it."""
    unusable: list[str] = []
    for version in versions:
        try:
            return _predict(version, registry, test, fitted), unusable
        except VersionUnusable as error:
            unusable.append(f"not compared with version {version.number}, which was better: {error}")
    return None, unusable


def _held_out(challenger: Version, registry: Registry, test: Dataset) -> HeldOutPatients:
    reference = registry.reference(challenger)
    return HeldOutPatients(
        target=challenger.target,
        labels=np.asarray(test.labels, dtype=np.float64),
        patients=test.patients,
        groups=subgroups(test.encounters),
        reference=None if reference is None else reference.probabilities(test.encounters),
    )


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
        # Older versions carry a hash of their compiled file only.
        predicted = compiled_probabilities(version, registry, test.encounters)
    return Predictions(version.number, version.threshold, predicted, version.batch)


def compiled_probabilities(version: Version, registry: Registry, encounters: pd.DataFrame) -> Floats:
    """Return the compiled model's probabilities, shape (rows,). Raises VersionUnusable when it can't be loaded."""
    scorer = load_scorer(registry.scorer(version))
    scorer.verify()
    return np.concatenate([scorer.probabilities(raw_values(chunk)) for chunk in chunks(encounters)])

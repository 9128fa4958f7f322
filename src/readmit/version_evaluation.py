"""The evaluation of a version on the test split of a snapshot, stored with its run."""

import numpy as np

from readmit.batch_trees import load_batch_scorer, load_batch_trees
from readmit.core.dataset import Dataset
from readmit.core.encoded_columns import EncodedColumns
from readmit.core.fit_key import SEED
from readmit.core.importance import importances
from readmit.core.metrics import Ints
from readmit.core.model import raw_values
from readmit.core.model_evaluation import EvaluatedEncounters, evaluate
from readmit.core.snapshot import Snapshot
from readmit.core.splitting import Split
from readmit.core.version import Version
from readmit.io.registry.model_versions import Registry


def store_version_evaluation(version: Version, snapshot: Snapshot, test: Dataset, registry: Registry) -> None:
    """Evaluate the compiled model of a version, which is the one that is served, and store the result with its run.

    `test`: the test split of the snapshot. Does nothing when the version has an evaluation, or has no compiled model,
    or predicts what is not a number, for which no figure is defined. Raises VersionUnusable when its compiled model
    can't be loaded.
    """
    if version.evaluation or not version.scorer:
        return
    scorer, labels = load_batch_scorer(registry.scorer(version)), np.asarray(test.labels, dtype=np.float64)
    scorer.verify()
    columns = EncodedColumns(scorer, raw_values(test.encounters))
    predicted = columns.probabilities(columns.matrix)
    if not np.isfinite(predicted).all():
        return
    reference = registry.reference(version)
    rows = EvaluatedEncounters(
        encounters=test.encounters,
        labels=labels,
        patients=np.asarray(test.patients),
        batches=_batches(snapshot),
        probabilities=predicted,
        reference=None if reference is None else reference.probabilities(test.encounters),
    )
    increases = importances(scorer, load_batch_trees, test.encounters, labels, SEED)
    registry.store_evaluation(version, evaluate(version, rows, increases, SEED))


def _batches(snapshot: Snapshot) -> Ints:
    """Return the batch of each encounter of the test split, shape (rows,)."""
    parts = snapshot.of(Split.TEST)
    return np.repeat([part.batch for part in parts], [part.rows for part in parts])

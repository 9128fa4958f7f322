"""The evaluation of a version from its compiled model and the test split of a snapshot."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from readmit.core.compiler import compile_model
from readmit.core.coverage import Coverage
from readmit.core.dataset import Dataset
from readmit.core.encounter import FEATURES
from readmit.core.evaluation import VersionEvaluation
from readmit.core.metrics import classification_metrics
from readmit.core.model import CANDIDATES, fit_candidate, model_input, probabilities
from readmit.core.probe_set import parity_check_of
from readmit.core.reference_model import ReferenceModel, fit_reference
from readmit.core.snapshot import Snapshot
from readmit.core.snapshot_part import Part
from readmit.core.suppression import BATCH
from readmit.core.version import Version
from readmit.version_evaluation import store_version_evaluation

ROWS = 600
VERSION = Version("4", "logistic_regression", "within_30_days", 0.3, 2, "s", "c", "r", scorer="a hash")
SNAPSHOT = Snapshot(
    2,
    tuple(
        Part(batch, split, rows, "", "") for batch, split, rows in ((1, "test", 400), (1, "train", 9), (2, "test", 200))
    ),
)


@dataclass
class OneModelRegistry:
    """A registry with one compiled model, which keeps the evaluation that is stored."""

    artifact: bytes
    reference_model: ReferenceModel | None = None
    stored: dict[str, VersionEvaluation] = field(default_factory=dict)

    def scorer(self, _: Version) -> bytes:
        return self.artifact

    def reference(self, _: Version) -> ReferenceModel | None:
        return self.reference_model

    def store_evaluation(self, version: Version, evaluation: VersionEvaluation) -> None:
        self.stored[version.number] = evaluation


@pytest.fixture(scope="module")
def test_split(random_encounters: Callable[[int], dict[str, list[str | int]]]) -> Dataset:
    encounters = model_input(random_encounters(ROWS))
    chance = np.random.default_rng(2).random(ROWS)
    labels = (chance < 0.05 + encounters["number_inpatient"].to_numpy() / 14).astype(int).tolist()
    return Dataset(encounters, labels, np.arange(ROWS) // 2)


def test_a_version_is_evaluated_on_the_test_split_with_the_model_that_is_served(test_split: Dataset) -> None:
    encounters, labels = test_split.encounters, test_split.labels
    model = fit_candidate(CANDIDATES[0], 1, encounters, labels, range(ROWS))
    coverage = Coverage.of({name: encounters[name].tolist() for name in FEATURES})
    compiled = compile_model(model, encounters, coverage, parity_check_of(model, coverage))
    registry = OneModelRegistry(compiled.to_json(), fit_reference(encounters, labels))
    store_version_evaluation(VERSION, SNAPSHOT, test_split, registry)  # type: ignore[arg-type]  # a fake
    evaluation = registry.stored["4"]
    metrics = classification_metrics(labels, probabilities(model, encounters), VERSION.threshold)
    assert (evaluation.encounters, evaluation.patients) == (ROWS, ROWS // 2)
    assert evaluation.roc_auc.value == pytest.approx(metrics["roc_auc"])
    assert evaluation.operating_point.ppv.value == pytest.approx(metrics["precision"])
    batches = [(group.values, group.encounters) for group in evaluation.subgroups if group.field == BATCH]
    assert batches == [(("1",), 400), (("2",), 200)]
    first = next(group for group in evaluation.subgroups if group.field == BATCH)
    assert evaluation.comparable_roc_auc is not None
    assert evaluation.comparable_roc_auc.value == pytest.approx(first.roc_auc.value)
    assert all(point.reference is not None for point in evaluation.decision_curve)
    assert set(evaluation.importances) == set(FEATURES)


@pytest.mark.parametrize("version", [replace(VERSION, evaluation="a hash"), replace(VERSION, scorer="")])
def test_a_version_that_is_evaluated_or_has_no_compiled_model_is_left_as_it_is(
    version: Version, test_split: Dataset
) -> None:
    registry = OneModelRegistry(b"never read")
    store_version_evaluation(version, SNAPSHOT, test_split, registry)  # type: ignore[arg-type]  # a fake
    assert registry.stored == {}

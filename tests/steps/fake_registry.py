"""A registry in memory, with models that hold a share of the true risk, for the tests of `promote`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from readmit import challenger_verdict
from readmit.core.dataset import Dataset
from readmit.core.errors import ReadmitError, RegistryUnavailable, VersionUnusable
from readmit.core.metrics import Floats
from readmit.core.production_history import rollback_target
from readmit.core.reference_model import REFERENCE_COUNTS, ReferenceModel
from readmit.core.version import Version
from readmit.io.database import ledger
from readmit.io.database.connection import connect
from readmit.io.database.schema import migrate
from readmit.io.registry.audit_note import create_note
from readmit.settings import Settings
from readmit.steps import promote
from tests.card_facts import TRAINING
from tests.made_predictions import GROUPS, LABELS, PATIENTS, ROWS, informed

SUBGROUPS = {"gender": "Female", "age": "[70-80)", "race": GROUPS["race"], "payer_code": "MC"}
COUNTS = dict.fromkeys(REFERENCE_COUNTS, 1.0)
TEST = Dataset(pd.DataFrame({"row": range(ROWS)}).assign(**SUBGROUPS, **COUNTS), LABELS, PATIENTS)
WITHIN, ANY = Settings(target="within_30_days"), Settings(target="any")


@dataclass
class FakeModel:
    """A model that knows the risk of a share of the encounters, and the outcome of all by `leak`.

    `distorted`: its probabilities, from those that it would have otherwise.
    """

    share: float
    leak: float = 0.0
    distorted: Callable[[Floats], Floats] = field(default=lambda p: p)

    def predict_proba(self, frame: pd.DataFrame) -> npt.NDArray[np.float64]:
        rows = frame["row"]
        p = (1 - self.leak) * informed(self.share)[rows] + self.leak * np.asarray(LABELS)[rows]
        p = self.distorted(p)
        return np.column_stack([1 - p, p])


@dataclass
class FakeRegistry:
    """Versions by number, and the alias of production. `broken`: the errors of versions that can't be loaded."""

    stored: dict[str, Version] = field(default_factory=dict)
    models: dict[str, FakeModel] = field(default_factory=dict)
    alias: str | None = None
    broken: dict[str, ReadmitError] = field(default_factory=dict)
    artifacts: dict[str, bytes] = field(default_factory=dict)
    references: dict[str, ReferenceModel] = field(default_factory=dict)
    descriptions: dict[str, str] = field(default_factory=dict)
    unavailable_after_alias: bool = False

    def version(self, number: str) -> Version:
        return self.stored[number]

    def versions(self) -> list[Version]:
        return list(self.stored.values())

    def production(self) -> Version | None:
        return None if self.alias is None else self.stored[self.alias]

    def load(self, version: Version) -> Any:
        assert version.model_file, "without a hash nothing is loaded"
        if version.number in self.broken:
            raise self.broken[version.number]
        return self.models[version.number]

    def reference(self, version: Version) -> ReferenceModel | None:
        return self.references.get(version.number)

    def scorer(self, version: Version) -> bytes:
        if not version.scorer:
            raise VersionUnusable(f"version {version.number} can't be served")
        return self.artifacts[version.number]

    def tag_figures(self, version: str, figures: Mapping[str, float], verdict: str) -> None:
        assert verdict.startswith(("promoted: ", "refused: "))
        self.stored[version] = replace(self.stored[version], figures=figures)
        self.descriptions[version] = verdict

    def set_production(self, version: str, by: str, why: str, at: datetime) -> None:
        assert by == "promote"
        promoted_note = create_note(at, by, why, self.versions())
        self.stored[version], self.alias = replace(self.stored[version], promoted_note=promoted_note), version
        if self.unavailable_after_alias:
            raise RegistryUnavailable("no answer")

    def roll_back(self, to: str | None = None) -> None:
        """Roll back as a person does."""
        replaced, restored = rollback_target(self.versions(), self.production(), to)
        rollback_note = create_note(datetime.now(UTC), "ana", "flags everybody", self.versions())
        self.stored[replaced.number], self.stored[restored.number] = (
            replace(replaced, rolled_back_note=rollback_note),
            replace(restored, promoted_note=rollback_note),
        )
        self.alias = restored.number


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeRegistry:
    connect(f"sqlite:///{tmp_path / 'db'}")
    migrate()
    fake = FakeRegistry()
    monkeypatch.setattr(promote, "Registry", lambda _: fake)
    monkeypatch.setattr(challenger_verdict, "_test_patients", lambda *_: TEST)
    monkeypatch.setattr(challenger_verdict, "read_training_facts", lambda *_: TRAINING)
    monkeypatch.setattr(challenger_verdict, "_evaluate", lambda *_: None)
    return fake


def register(registry: FakeRegistry, batch: int, share: float, target: str = "within_30_days") -> str:
    """Register a new version and record it with its batch, as the step `register` does."""
    number = str(len(registry.stored) + 1)
    registry.stored[number] = Version(
        number, "lightgbm", target, 1 / 7, batch, "snapshot", "code", "run", scorer="a hash", model_file="another"
    )
    registry.models[number] = FakeModel(share)
    ledger.update_batch(batch, version=int(number))
    return number

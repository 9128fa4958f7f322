"""The step `promote` in each situation, with real databases and gates and a fake registry."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.metrics import log_loss

from readmit import challenger_verdict
from readmit.core.dataset import Dataset
from readmit.core.errors import PrerequisiteMissing, ReadmitError, RegistryUnavailable, VersionUnusable
from readmit.core.model import model_input, probabilities
from readmit.core.production_history import rollback_target
from readmit.core.verdict import Verdict
from readmit.core.version import Version
from readmit.io.database import leases, ledger, promotions
from readmit.io.database.connection import connect
from readmit.io.database.schema import migrate
from readmit.io.registry.audit_note import create_note
from readmit.retry import is_retryable
from readmit.settings import Settings
from readmit.steps import promote
from tests.api.conftest import FittedVersion, additive, served

__all__ = ["additive", "served"]

RNG = np.random.default_rng(5)
RISK = RNG.beta(1.2, 7, 1_500)
LABELS = (RNG.random(RISK.size) < RISK).astype(int).tolist()
NOISE = RNG.random(RISK.size) * 2 * RISK.mean()
TEST = Dataset(pd.DataFrame({"risk": RISK, "noise": NOISE}), LABELS, [str(row // 2) for row in range(RISK.size)])
WITHIN, ANY = Settings(target="within_30_days"), Settings(target="any")


@dataclass
class FakeModel:
    """A model whose predictions hold a share of the true risk, the rest is noise."""

    share: float

    def predict_proba(self, frame: pd.DataFrame) -> npt.NDArray[np.float64]:
        p = self.share * frame["risk"].to_numpy() + (1 - self.share) * frame["noise"].to_numpy()
        return np.column_stack([1 - p, p])


@dataclass
class FakeRegistry:
    """Versions by number, and the alias of production. `broken`: the errors of versions that can't be loaded."""

    stored: dict[str, Version] = field(default_factory=dict)
    models: dict[str, FakeModel] = field(default_factory=dict)
    alias: str | None = None
    broken: dict[str, ReadmitError] = field(default_factory=dict)
    artifacts: dict[str, bytes] = field(default_factory=dict)
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

    def scorer(self, version: Version) -> bytes:
        if not version.scorer:
            raise VersionUnusable(f"version {version.number} can't be served")
        return self.artifacts[version.number]

    def tag_figures(self, version: str, figures: Mapping[str, float], verdict: str) -> None:
        assert verdict.startswith(("promoted: ", "refused: "))
        self.stored[version] = replace(self.stored[version], figures=figures)

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


def test_a_better_challenger_is_promoted_and_a_worse_one_is_not(registry: FakeRegistry) -> None:
    register(registry, 1, 0.3)
    assert promote.run(1, WITHIN)["outcome"] == "provisional"
    register(registry, 2, 0.5)
    assert promote.run(2, WITHIN)["outcome"] == "promoted"
    register(registry, 3, 0.2)
    assert promote.run(3, WITHIN)["outcome"] == "refused"
    assert registry.alias == "2"


def test_another_targets_model_is_no_champion_and_the_first_targets_own_is_restored(registry: FakeRegistry) -> None:
    register(registry, 1, 0.5)
    promote.run(1, WITHIN)
    register(registry, 1, 0.3, "any")
    assert promote.run(1, ANY)["outcome"] == "provisional"
    assert registry.alias == "2"
    ledger.update_batch(1, version=1)
    promote.run(1, WITHIN)
    assert registry.alias == "1"


def test_after_another_target_a_challenger_still_has_to_beat_its_own_targets_last_model(registry: FakeRegistry) -> None:
    register(registry, 1, 0.5)
    promote.run(1, WITHIN)
    register(registry, 1, 0.5, "any")
    promote.run(1, ANY)
    register(registry, 2, 0.2)
    assert promote.run(2, WITHIN)["outcome"] == "refused"
    stored = promotions.get_verdict("3")
    assert stored is not None
    assert stored.rival == "1"
    assert registry.alias == "1"


def test_each_verdict_and_each_return_to_an_earlier_version_is_one_line_of_the_log(
    registry: FakeRegistry, capfd: pytest.CaptureFixture[str]
) -> None:
    def lines() -> list[tuple[object, ...]]:
        logged = [json.loads(line) for line in capfd.readouterr().err.splitlines() if "readmit.promotions" in line]
        assert all(0 <= line["seconds"] < 60 for line in logged)
        return [tuple(line.get(name) for name in ("run_id", "batch", "version", "outcome")) for line in logged]

    register(registry, 1, 0.5)
    leases.acquire(1, "the run", 0.0, 60.0)
    promote.run(1, WITHIN)
    assert lines() == [("the run", 1, "1", "provisional")]
    promote.run(1, WITHIN)
    assert lines() == [], "the verdict stands"
    register(registry, 1, 0.3, "any")
    promote.run(1, ANY)
    assert lines() == [("the run", 1, "2", "provisional")]
    ledger.update_batch(1, version=1)
    promote.run(1, WITHIN)
    assert lines() == [("the run", 1, "1", "restored")]


def test_a_version_of_another_target_than_the_setting_is_not_promoted(registry: FakeRegistry) -> None:
    register(registry, 1, 0.5)
    with pytest.raises(PrerequisiteMissing, match="predicts within_30_days, not any: run register first"):
        promote.run(1, ANY)
    assert registry.alias is None


def test_a_verdict_that_a_crash_left_unapplied_is_applied_as_it_was_stored(registry: FakeRegistry) -> None:
    register(registry, 1, 0.5)
    registry.unavailable_after_alias = True
    with pytest.raises(RegistryUnavailable):
        promote.run(1, WITHIN)
    stored = promotions.get_verdict("1")
    assert stored is not None
    registry.unavailable_after_alias = False
    assert promote.run(1, WITHIN)["reason"] == "; ".join(stored.reasons)
    assert promotions.is_applied("1")
    assert registry.alias == "1"


def test_an_unapplied_verdict_is_replaced_when_there_is_another_champion_by_now(registry: FakeRegistry) -> None:
    register(registry, 1, 0.3)
    promote.run(1, WITHIN)
    middling, best = register(registry, 2, 0.4), register(registry, 3, 0.6)
    registry.unavailable_after_alias = True
    ledger.update_batch(2, version=int(middling))
    with pytest.raises(RegistryUnavailable):
        promote.run(2, WITHIN)
    registry.unavailable_after_alias, registry.alias = False, "1"
    promote.run(3, WITHIN)
    assert registry.alias == best
    assert promote.run(2, WITHIN)["outcome"] == "refused"
    assert registry.alias == best


def test_a_challenger_judged_against_a_former_champion_is_judged_again(
    registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(registry, 1, 0.3)
    promote.run(1, WITHIN)
    middling, best = register(registry, 2, 0.4), register(registry, 3, 0.6)
    ledger.update_batch(2, version=int(middling))
    judged, decide = [], challenger_verdict.compare

    def decide_late(challenger: Version, champion: Version | None, *rest: object) -> Verdict:
        judged.append((challenger.number, None if champion is None else champion.number))
        if judged == [(middling, "1")]:
            promote.run(3, WITHIN)
        return decide(challenger, champion, *rest)  # type: ignore[arg-type]  # passed on as received

    monkeypatch.setattr(challenger_verdict, "compare", decide_late)
    assert promote.run(2, WITHIN)["outcome"] == "refused"
    assert judged == [(middling, "1"), (best, "1"), (middling, best)]
    assert registry.alias == best


@pytest.mark.parametrize(
    ("error", "retryable"),
    [
        (VersionUnusable("version 1: model.skops has SHA-256 0f, not 1e as registered"), False),
        (RegistryUnavailable("MLflow at http://mlflow:5000: no answer"), True),
    ],
)
def test_a_champion_that_can_not_be_loaded_stops_the_promotion_and_stays_in_production(
    error: ReadmitError, retryable: bool, registry: FakeRegistry
) -> None:
    register(registry, 1, 0.3)
    promote.run(1, WITHIN)
    registry.broken["1"] = error
    register(registry, 2, 0.6)
    with pytest.raises(type(error), match=str(error)) as raised:
        promote.run(2, WITHIN)
    assert is_retryable(raised.value) is retryable
    assert registry.alias == "1"
    assert promotions.get_verdict("2") is None


def test_the_error_for_an_unusable_champion_gives_a_remedy_that_works(registry: FakeRegistry) -> None:
    register(registry, 1, 0.3)
    promote.run(1, WITHIN)
    registry.broken["1"] = VersionUnusable("version 1 can't be read")
    register(registry, 2, 0.6)
    with pytest.raises(VersionUnusable, match=r"`just rollback NUMBER --why ...` \(NUMBER may be 2\)"):
        promote.run(2, WITHIN)
    registry.roll_back(to="2")
    assert promote.run(2, WITHIN)["outcome"] == "provisional"
    assert registry.alias == "2"


@pytest.fixture
def champion_without_model_hash(
    registry: FakeRegistry,
    served: FittedVersion,
    additive: FittedVersion,
    random_encounters: Callable[[int], dict[str, list[str | int]]],
    monkeypatch: pytest.MonkeyPatch,
) -> Dataset:
    """Register a champion without a model hash and a challenger, both real models; return the test patients."""
    registry.artifacts = {"1": served.artifact, "2": additive.artifact}
    columns = random_encounters(300)
    labels = [int(int(stays) > 5) for stays in columns["number_inpatient"]]
    test = Dataset(model_input(columns), labels, [str(row) for row in range(300)])
    monkeypatch.setattr(challenger_verdict, "_test_patients", lambda *_: test)
    for batch in (1, 2):
        register(registry, batch, 0.5)
    registry.stored["1"] = replace(registry.stored["1"], model_file="")
    registry.set_production("1", "promote", "first", datetime.now(UTC))
    return test


def test_a_champion_without_model_hash_is_judged_by_its_compiled_model(
    champion_without_model_hash: Dataset, served: FittedVersion, additive: FittedVersion
) -> None:
    promote.run(2, WITHIN)
    verdict = promotions.get_verdict("2")
    assert verdict is not None
    assert verdict.rival == "1"
    for figures, pipeline in ((verdict.figures, additive.pipeline), (verdict.rival_figures, served.pipeline)):
        predicted = probabilities(pipeline, champion_without_model_hash.encounters)
        assert figures["log_loss"] == pytest.approx(log_loss(champion_without_model_hash.labels, predicted), abs=1e-7)


@pytest.mark.usefixtures("champion_without_model_hash")
def test_a_champion_without_any_hash_stops_the_promotion(registry: FakeRegistry) -> None:
    registry.stored["1"] = replace(registry.stored["1"], scorer="")
    with pytest.raises(VersionUnusable, match=r"version 2 is not promoted.*version 1 can't be served"):
        promote.run(2, WITHIN)
    assert registry.alias == "1"


def roll_back_from_2_to_1(registry: FakeRegistry) -> None:
    for batch, share in ((1, 0.3), (2, 0.5)):
        register(registry, batch, share)
        promote.run(batch, WITHIN)
    registry.roll_back()
    assert registry.alias == "1"


def test_a_version_in_production_records_when_and_why(registry: FakeRegistry) -> None:
    register(registry, 1, 0.5)
    before = datetime.now(UTC)
    facts = promote.run(1, WITHIN)
    promoted_note = registry.stored["1"].promoted_note
    assert promoted_note is not None
    assert (promoted_note.by, promoted_note.why) == ("promote", facts["reason"])
    assert before <= datetime.fromisoformat(promoted_note.at) <= datetime.now(UTC)


def test_after_a_rollback_the_next_challenger_is_compared_with_what_serves_now(registry: FakeRegistry) -> None:
    roll_back_from_2_to_1(registry)
    register(registry, 3, 0.4)
    assert promote.run(3, WITHIN)["outcome"] == "promoted", "it is better than 1, and would not be better than 2"
    stored = promotions.get_verdict("3")
    assert stored is not None
    assert stored.rival == "1"
    registry.roll_back()
    assert registry.alias == "1", "only an explicit rollback restores 2"


def test_a_repeated_day_does_not_undo_a_rollback(registry: FakeRegistry) -> None:
    roll_back_from_2_to_1(registry)
    assert promote.run(2, WITHIN)["outcome"] == "promoted", "that was its verdict"
    assert registry.alias == "1"


def test_a_verdict_applied_before_a_crash_does_not_undo_a_rollback(registry: FakeRegistry) -> None:
    register(registry, 1, 0.3)
    promote.run(1, WITHIN)
    register(registry, 2, 0.5)
    registry.unavailable_after_alias = True
    with pytest.raises(RegistryUnavailable):
        promote.run(2, WITHIN)
    registry.unavailable_after_alias = False
    registry.roll_back()
    promote.run(2, WITHIN)
    assert registry.alias == "1"
    assert promotions.is_applied("2")


def test_a_restored_target_has_the_version_that_a_rollback_put_there(registry: FakeRegistry) -> None:
    roll_back_from_2_to_1(registry)
    register(registry, 2, 0.5, "any")
    promote.run(2, ANY)
    assert registry.alias == "3"
    ledger.update_batch(2, version=2)
    promote.run(2, WITHIN)
    assert registry.alias == "1"


def test_a_version_in_production_without_a_promotion_note_is_the_champion(
    registry: FakeRegistry,
) -> None:
    register(registry, 1, 0.6)
    promote.run(1, WITHIN)
    registry.stored["1"] = replace(registry.stored["1"], promoted_note=None)
    register(registry, 2, 0.4)
    assert promote.run(2, WITHIN)["outcome"] == "refused"
    assert registry.alias == "1"

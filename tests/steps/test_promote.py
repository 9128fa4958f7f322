"""What `promote` does in each situation: databases and judge are real, versions answer from memory."""

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

from readmit.core.dataset import Dataset
from readmit.core.errors import PrerequisiteMissing, ReadmitError, RegistryUnavailable, VersionUnusable
from readmit.core.model import model_input, probabilities
from readmit.core.production_history import rollback_target
from readmit.core.verdict import Verdict
from readmit.core.version import Version
from readmit.io.database import ledger, promotions
from readmit.io.database.connection import connect
from readmit.io.database.schema import migrate
from readmit.io.registry.audit_note import note
from readmit.pipeline import is_retryable
from readmit.settings import Settings
from readmit.steps import promote
from tests.api.conftest import Made, additive, served

__all__ = ["additive", "served"]

CHANCE = np.random.default_rng(5)
RISK = CHANCE.beta(1.2, 7, 1_500)
LABELS = (CHANCE.random(RISK.size) < RISK).astype(int).tolist()
NOISE = CHANCE.random(RISK.size) * 2 * RISK.mean()
TEST = Dataset(pd.DataFrame({"risk": RISK, "noise": NOISE}), LABELS, [str(row // 2) for row in range(RISK.size)])
WITHIN, ANY = Settings(target="within_30_days"), Settings(target="any")


@dataclass
class Knows:
    """A model that knows a share of the true risk."""

    share: float

    def predict_proba(self, frame: pd.DataFrame) -> npt.NDArray[np.float64]:
        p = self.share * frame["risk"].to_numpy() + (1 - self.share) * frame["noise"].to_numpy()
        return np.column_stack([1 - p, p])


@dataclass
class Shelf:
    """The registry's place: versions by number, and who is in production. `broken`: why one can't be loaded."""

    held: dict[str, Version] = field(default_factory=dict)
    knows: dict[str, Knows] = field(default_factory=dict)
    alias: str | None = None
    broken: dict[str, ReadmitError] = field(default_factory=dict)
    artifacts: dict[str, bytes] = field(default_factory=dict)
    away_after_alias: bool = False

    def version(self, number: str) -> Version:
        return self.held[number]

    def versions(self) -> list[Version]:
        return list(self.held.values())

    def production(self) -> Version | None:
        return None if self.alias is None else self.held[self.alias]

    def load(self, version: Version) -> Any:
        assert version.model_file, "without a hash nothing is loaded"
        if version.number in self.broken:
            raise self.broken[version.number]
        return self.knows[version.number]

    def scorer(self, version: Version) -> bytes:
        if not version.scorer:
            raise VersionUnusable(f"version {version.number} can't be served")
        return self.artifacts[version.number]

    def tag_figures(self, version: str, figures: Mapping[str, float], verdict: str) -> None:
        assert verdict.startswith(("promoted: ", "refused: "))
        self.held[version] = replace(self.held[version], figures=figures)

    def name_production(self, version: str, by: str, why: str, at: datetime) -> None:
        assert by == "promote"
        placed = note(at, by, why, self.versions())
        self.held[version], self.alias = replace(self.held[version], promoted_note=placed), version
        if self.away_after_alias:
            raise RegistryUnavailable("no answer")

    def roll_back(self, to: str | None = None) -> None:
        """As a person does it."""
        left, goal = rollback_target(self.versions(), self.production(), to)
        said = note(datetime.now(UTC), "ana", "flags everybody", self.versions())
        self.held[left.number], self.held[goal.number] = (
            replace(left, rolled_back_note=said),
            replace(goal, promoted_note=said),
        )
        self.alias = goal.number


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    connect(f"sqlite:///{tmp_path / 'db'}")
    migrate()
    made = Shelf()
    monkeypatch.setattr(promote, "Registry", lambda _: made)
    monkeypatch.setattr(promote, "_test_patients", lambda *_: TEST)
    return made


def registered(shelf: Shelf, batch: int, share: float, target: str = "within_30_days") -> str:
    """As `register` leaves it: a new version, noted with its batch."""
    number = str(len(shelf.held) + 1)
    shelf.held[number] = Version(
        number, "lightgbm", target, 1 / 7, batch, "snapshot", "code", "run", scorer="a hash", model_file="another"
    )
    shelf.knows[number] = Knows(share)
    ledger.update_batch(batch, version=int(number))
    return number


def test_a_better_challenger_takes_the_place_and_a_worse_one_does_not(shelf: Shelf) -> None:
    registered(shelf, 1, 0.3)
    assert promote.run(1, WITHIN)["outcome"] == "provisional"
    registered(shelf, 2, 0.5)
    assert promote.run(2, WITHIN)["outcome"] == "promoted"
    registered(shelf, 3, 0.2)
    assert promote.run(3, WITHIN)["outcome"] == "refused"
    assert shelf.alias == "2"


def test_another_targets_model_is_no_rival_and_going_back_puts_the_first_targets_own_in_place(shelf: Shelf) -> None:
    registered(shelf, 1, 0.5)
    promote.run(1, WITHIN)
    registered(shelf, 1, 0.3, "any")
    assert promote.run(1, ANY)["outcome"] == "provisional"
    assert shelf.alias == "2"
    ledger.update_batch(1, version=1)
    promote.run(1, WITHIN)
    assert shelf.alias == "1"


def test_after_another_target_a_challenger_still_has_to_beat_its_own_targets_last_model(shelf: Shelf) -> None:
    registered(shelf, 1, 0.5)
    promote.run(1, WITHIN)
    registered(shelf, 1, 0.5, "any")
    promote.run(1, ANY)
    registered(shelf, 2, 0.2)
    assert promote.run(2, WITHIN)["outcome"] == "refused"
    stored = promotions.verdict_on("3")
    assert stored is not None
    assert stored.rival == "1"
    assert shelf.alias == "1"


def test_a_version_of_another_target_than_is_asked_for_is_not_promoted(shelf: Shelf) -> None:
    registered(shelf, 1, 0.5)
    with pytest.raises(PrerequisiteMissing, match="foretells within_30_days, not any; register comes before promote"):
        promote.run(1, ANY)
    assert shelf.alias is None


def test_a_verdict_that_a_crash_left_unapplied_is_applied_as_it_was_stored(shelf: Shelf) -> None:
    registered(shelf, 1, 0.5)
    shelf.away_after_alias = True
    with pytest.raises(RegistryUnavailable):
        promote.run(1, WITHIN)
    decided = promotions.verdict_on("1")
    assert decided is not None
    shelf.away_after_alias = False
    assert promote.run(1, WITHIN)["reason"] == "; ".join(decided.reasons)
    assert promotions.is_applied("1")
    assert shelf.alias == "1"


def test_an_unapplied_verdict_is_made_anew_when_another_rival_is_in_place_by_now(shelf: Shelf) -> None:
    registered(shelf, 1, 0.3)
    promote.run(1, WITHIN)
    middling, best = registered(shelf, 2, 0.4), registered(shelf, 3, 0.6)
    shelf.away_after_alias = True
    ledger.update_batch(2, version=int(middling))
    with pytest.raises(RegistryUnavailable):
        promote.run(2, WITHIN)
    shelf.away_after_alias, shelf.alias = False, "1"
    promote.run(3, WITHIN)
    assert shelf.alias == best
    assert promote.run(2, WITHIN)["outcome"] == "refused"
    assert shelf.alias == best


def test_who_was_overtaken_while_it_judged_judges_again(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    registered(shelf, 1, 0.3)
    promote.run(1, WITHIN)
    middling, best = registered(shelf, 2, 0.4), registered(shelf, 3, 0.6)
    ledger.update_batch(2, version=int(middling))
    judged, decide = [], promote._decide

    def overtaken(challenger: Version, rival: Version | None, *rest: object) -> Verdict:
        judged.append((challenger.number, None if rival is None else rival.number))
        if judged == [(middling, "1")]:
            promote.run(3, WITHIN)
        return decide(challenger, rival, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(promote, "_decide", overtaken)
    assert promote.run(2, WITHIN)["outcome"] == "refused"
    assert judged == [(middling, "1"), (best, "1"), (middling, best)]
    assert shelf.alias == best


@pytest.mark.parametrize(
    ("error", "tried_again"),
    [
        (VersionUnusable("version 1: model.skops has SHA-256 0f, and not 1e as registered"), False),
        (RegistryUnavailable("MLflow at http://mlflow:5000: no answer"), True),
    ],
)
def test_a_champion_that_can_not_be_loaded_stops_promotion_and_stays_in_production(
    error: ReadmitError, tried_again: bool, shelf: Shelf
) -> None:
    registered(shelf, 1, 0.3)
    promote.run(1, WITHIN)
    shelf.broken["1"] = error
    registered(shelf, 2, 0.6)
    with pytest.raises(type(error), match=str(error)) as stopped:
        promote.run(2, WITHIN)
    assert is_retryable(stopped.value) is tried_again
    assert shelf.alias == "1"
    assert promotions.verdict_on("2") is None


def test_who_is_told_that_a_champion_can_not_be_loaded_is_told_what_to_do_and_doing_it_helps(shelf: Shelf) -> None:
    registered(shelf, 1, 0.3)
    promote.run(1, WITHIN)
    shelf.broken["1"] = VersionUnusable("version 1 can't be read")
    registered(shelf, 2, 0.6)
    with pytest.raises(VersionUnusable, match=r"`just rollback NUMBER --why ...` \(NUMBER may be 2\)"):
        promote.run(2, WITHIN)
    shelf.roll_back(to="2")
    assert promote.run(2, WITHIN)["outcome"] == "provisional"
    assert shelf.alias == "2"


@pytest.fixture
def before_hashes(
    shelf: Shelf,
    served: Made,
    additive: Made,
    encounters_by_chance: Callable[[int], dict[str, list[str | int]]],
    monkeypatch: pytest.MonkeyPatch,
) -> Dataset:
    """A champion whose model file carries no hash, its challenger, real models both, and the test patients."""
    shelf.artifacts = {"1": served.artifact, "2": additive.artifact}
    columns = encounters_by_chance(300)
    labels = [int(int(stays) > 5) for stays in columns["number_inpatient"]]
    test = Dataset(model_input(columns), labels, [str(row) for row in range(300)])
    monkeypatch.setattr(promote, "_test_patients", lambda *_: test)
    for batch in (1, 2):
        registered(shelf, batch, 0.5)
    shelf.held["1"] = replace(shelf.held["1"], model_file="")
    shelf.name_production("1", "promote", "first", datetime.now(UTC))
    return test


def test_a_champion_from_before_hashes_is_judged_by_its_compiled_model_which_has_one(
    before_hashes: Dataset, served: Made, additive: Made
) -> None:
    promote.run(2, WITHIN)
    verdict = promotions.verdict_on("2")
    assert verdict is not None
    assert verdict.rival == "1"
    for figures, pipeline in ((verdict.figures, additive.pipeline), (verdict.rival_figures, served.pipeline)):
        said = probabilities(pipeline, before_hashes.encounters)
        assert figures["log_loss"] == pytest.approx(log_loss(before_hashes.labels, said), abs=1e-7)


@pytest.mark.usefixtures("before_hashes")
def test_a_champion_with_neither_hash_stops_promotion(shelf: Shelf) -> None:
    shelf.held["1"] = replace(shelf.held["1"], scorer="")
    with pytest.raises(VersionUnusable, match=r"version 2 is not promoted.*version 1 can't be served"):
        promote.run(2, WITHIN)
    assert shelf.alias == "1"


def rolled_back_from_2_to_1(shelf: Shelf) -> None:
    for batch, share in ((1, 0.3), (2, 0.5)):
        registered(shelf, batch, share)
        promote.run(batch, WITHIN)
    shelf.roll_back()
    assert shelf.alias == "1"


def test_a_version_that_goes_into_production_says_when_and_why(shelf: Shelf) -> None:
    registered(shelf, 1, 0.5)
    before = datetime.now(UTC)
    told = promote.run(1, WITHIN)
    placed = shelf.held["1"].promoted_note
    assert placed is not None
    assert (placed.by, placed.why) == ("promote", told["reason"])
    assert before <= datetime.fromisoformat(placed.at) <= datetime.now(UTC)


def test_after_a_rollback_the_next_challenger_is_compared_with_what_serves_now(shelf: Shelf) -> None:
    rolled_back_from_2_to_1(shelf)
    registered(shelf, 3, 0.4)
    assert promote.run(3, WITHIN)["outcome"] == "promoted", "it is better than 1, and would not be better than 2"
    stored = promotions.verdict_on("3")
    assert stored is not None
    assert stored.rival == "1"
    shelf.roll_back()
    assert shelf.alias == "1", "nobody comes back to 2 but by its name"


def test_a_day_that_is_run_again_does_not_undo_a_rollback(shelf: Shelf) -> None:
    rolled_back_from_2_to_1(shelf)
    assert promote.run(2, WITHIN)["outcome"] == "promoted", "that was its verdict"
    assert shelf.alias == "1"


def test_a_verdict_that_the_alias_followed_before_a_crash_does_not_undo_a_rollback(shelf: Shelf) -> None:
    registered(shelf, 1, 0.3)
    promote.run(1, WITHIN)
    registered(shelf, 2, 0.5)
    shelf.away_after_alias = True
    with pytest.raises(RegistryUnavailable):
        promote.run(2, WITHIN)
    shelf.away_after_alias = False
    shelf.roll_back()
    promote.run(2, WITHIN)
    assert shelf.alias == "1"
    assert promotions.is_applied("2")


def test_coming_back_to_a_target_finds_the_version_that_a_rollback_had_put_there(shelf: Shelf) -> None:
    rolled_back_from_2_to_1(shelf)
    registered(shelf, 2, 0.5, "any")
    promote.run(2, ANY)
    assert shelf.alias == "3"
    ledger.update_batch(2, version=2)
    promote.run(2, WITHIN)
    assert shelf.alias == "1"


def test_a_version_in_production_that_was_promoted_before_that_was_noted_is_the_rival_all_the_same(
    shelf: Shelf,
) -> None:
    registered(shelf, 1, 0.6)
    promote.run(1, WITHIN)
    shelf.held["1"] = replace(shelf.held["1"], promoted_note=None)
    registered(shelf, 2, 0.4)
    assert promote.run(2, WITHIN)["outcome"] == "refused"
    assert shelf.alias == "1"

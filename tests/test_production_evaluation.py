"""The version in production is evaluated on each batch before anything is learned from it, with a real SQLite."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import polars as pl
import pytest

from readmit.core.encounter import OUTCOME
from readmit.core.errors import VersionUnusable
from readmit.core.snapshot import PATIENT_KEY, Snapshot
from readmit.core.snapshot_part import Part
from readmit.core.splitting import Split
from readmit.core.verdict import Interval, Verdict
from readmit.core.version import Note, Version
from readmit.io.database import ledger, promotions, prospective_results
from readmit.io.database.connection import connect
from readmit.io.database.schema import migrate
from readmit.io.object_store import Bucket
from readmit.io.registry.model_versions import Registry
from readmit.production_evaluation import NO_STAYS, NO_VERSION, evaluate_production
from tests.api.conftest import FittedVersion, served

__all__ = ["served"]
Encounters = Callable[[int], dict[str, list[str | int]]]
ROWS = 120


@dataclass
class Stores:
    """A registry and a bucket in memory, with versions by number and the rows of each part by its name."""

    artifact: bytes
    versions: dict[str, Version] = field(default_factory=dict)
    alias: str | None = None
    rows: dict[str, pl.DataFrame] = field(default_factory=dict)
    loaded: list[str] = field(default_factory=list)
    broken: bool = False

    def production(self) -> Version | None:
        return None if self.alias is None else self.versions[self.alias]

    def version(self, number: str) -> Version:
        return self.versions[number]

    def scorer(self, version: Version) -> bytes:
        if self.broken:
            raise VersionUnusable(f"version {version.number} can't be loaded")
        self.loaded.append(version.number)
        return self.artifact

    def each_parquet(self, names: Iterable[str]) -> Iterator[pl.DataFrame]:
        return (self.rows[name] for name in names)

    def register(self, batch: int, target: str = "within_30_days") -> str:
        """Register the version of a batch and put it into production."""
        number = str(len(self.versions) + 1)
        note = Note(datetime.now(UTC).isoformat(timespec="microseconds"), "promote", "better")
        self.versions[number] = Version(
            number, "lightgbm", target, 1 / 7, batch, "s", "c", "r", scorer="h", promoted_note=note
        )
        self.alias = number
        return number

    def evaluate(self, batch: int, parts: Iterable[Part]) -> str:
        snapshot = Snapshot(batch, tuple(part for part in parts if part.batch <= batch))
        return evaluate_production(snapshot, cast(Bucket, self), cast(Registry, self))


@pytest.fixture
def stores(tmp_path: Path, served: FittedVersion) -> Stores:
    connect(f"sqlite:///{tmp_path / 'db'}")
    migrate()
    return Stores(served.artifact)


@pytest.fixture
def parts(stores: Stores, random_encounters: Encounters) -> list[Part]:
    """Store three batches of three parts each, and record them in the ledger as not done."""
    listed = []
    for batch in (1, 2, 3):
        ledger.update_batch(batch, rows=3 * ROWS)
        for number, split in enumerate(Split):
            name = f"{batch}-{split}"
            patients = [str(ROWS * number + row // 2) for row in range(ROWS)]
            outcomes = [("<30", ">30", "NO", "NO")[(row + batch) % 4] for row in range(ROWS)]
            columns: dict[str, Any] = random_encounters(ROWS) | {PATIENT_KEY: patients, OUTCOME: outcomes}
            stores.rows[name] = pl.DataFrame(columns)
            listed.append(Part(batch, split.value, ROWS, f"content of {name}", name))
    return listed


def judged(version: str, rival: str | None) -> Verdict:
    interval = Interval(0.6, 0.7)
    return Verdict(True, False, ("better",), version, rival, {"roc_auc": 0.65}, {}, interval, None, None, None)


def evaluated() -> dict[int, tuple[str, int]]:
    """Return version and encounters of each evaluation by batch."""
    found = [stored.evaluation for stored in prospective_results.list_evaluations()]
    return {item.model.batch: (item.model.version, item.encounters) for item in found}


def test_the_version_in_production_is_evaluated_on_all_splits_of_the_new_batch_alone(
    stores: Stores, parts: list[Part]
) -> None:
    assert stores.evaluate(1, parts) == NO_VERSION
    stores.register(1)
    assert stores.evaluate(2, parts).startswith("version 1 on batch 2: ROC-AUC 0.")
    assert evaluated() == {2: ("1", 3 * ROWS)}


def test_a_version_that_has_learned_from_the_batch_or_a_later_one_is_not_evaluated_on_it(
    stores: Stores, parts: list[Part]
) -> None:
    stores.register(3)
    for batch in (1, 2, 3):
        assert stores.evaluate(batch, parts) == NO_VERSION
    assert evaluated() == {}
    assert stores.loaded == []


def test_an_evaluation_stands_when_the_batch_is_run_again_with_another_version_in_production(
    stores: Stores, parts: list[Part]
) -> None:
    stores.register(1)
    first = stores.evaluate(2, parts)
    stores.register(2)
    assert stores.evaluate(2, parts) == first
    stores.alias = stores.register(1)
    assert stores.evaluate(2, parts) == first
    assert stores.loaded == ["1"]


def test_on_other_data_of_the_batch_the_same_version_is_evaluated_again(stores: Stores, parts: list[Part]) -> None:
    stores.register(1)
    stores.evaluate(2, parts)
    stores.register(2)
    corrected = [replace(part, content="corrected") if part.batch == 2 else part for part in parts[:-1]]
    stores.rows["2-test"] = stores.rows["2-test"].head(50)
    stores.evaluate(2, corrected)
    assert evaluated() == {2: ("1", 2 * ROWS + 50)}
    assert stores.loaded == ["1", "1"]


def test_a_missing_evaluation_is_made_up_for_with_the_champion_of_the_days_verdict(
    stores: Stores, parts: list[Part]
) -> None:
    for batch, rival in ((1, None), (2, "1")):
        version = stores.register(batch)
        ledger.update_batch(batch, version=int(version))
        promotions.store_verdict(batch, "within_30_days", judged(version, rival))
        ledger.mark_done(batch)
    stores.evaluate(3, parts)
    assert evaluated() == {2: ("1", 3 * ROWS), 3: ("2", 3 * ROWS)}


def test_a_batch_without_training_is_made_up_for_only_if_the_version_was_in_production_by_then(
    stores: Stores, parts: list[Part]
) -> None:
    stores.register(1)
    ledger.mark_done(2)
    stores.evaluate(3, parts)
    assert evaluated() == {2: ("1", 3 * ROWS), 3: ("1", 3 * ROWS)}
    prospective_results.remove_evaluation(2)
    stores.register(1)
    stores.evaluate(3, parts)
    assert set(evaluated()) == {3}, "what was in production when batch 2 arrived is not known"


def test_labels_are_those_of_the_target_of_the_version(stores: Stores, parts: list[Part]) -> None:
    stores.register(1, "any")
    stores.evaluate(2, parts)
    (stored,) = prospective_results.list_evaluations()
    assert (stored.evaluation.model.target, stored.evaluation.events) == ("any", 3 * ROWS // 2)


def test_a_version_that_can_not_be_loaded_is_a_reason_and_no_error(stores: Stores, parts: list[Part]) -> None:
    stores.register(1)
    stores.broken = True
    assert stores.evaluate(2, parts) == "not evaluated: version 1 can't be loaded"
    assert evaluated() == {}
    stores.broken = False
    stores.evaluate(3, parts)
    assert set(evaluated()) == {2, 3}


def test_a_batch_without_included_stays_is_not_evaluated(stores: Stores, parts: list[Part]) -> None:
    stores.register(1)
    empty = [replace(part, rows=0) for part in parts]
    assert stores.evaluate(2, empty) == NO_STAYS

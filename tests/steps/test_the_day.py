"""The eleven steps on real services, over the sample."""

import csv
import importlib
import sqlite3
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

from readmit.cli import main
from readmit.core.encounter import COLUMNS
from readmit.core.errors import BatchRejected, MissingBatches, PrerequisiteMissing
from readmit.io.database import ledger, promotions, rows
from readmit.io.database.connection import NAMES
from readmit.io.database.prospective_results import list_evaluations
from readmit.io.object_store import Bucket
from readmit.io.registry.model_versions import Registry
from readmit.pipeline import STEPS, Facts, RunRequest, Step, day
from readmit.settings import Settings
from readmit.step_attempt import attempt
from readmit.steps import split, train, upload

TIME_COLUMNS = {"created_at", "decided_at", "evaluated_at", "applied_at", "done_at", "lease_until", "leased_by"}


def execute(step: Step, request: RunRequest) -> Facts:
    return attempt(step, request)


def run_day(batch: int | None = None, train: bool = True) -> dict[str, Facts]:
    return dict(day(RunRequest(f"run of {batch}", batch, train), execute))


def run_step(name: str, batch: int, settings: Settings) -> None:
    importlib.import_module(f"readmit.steps.{name}").run(batch, settings)


def stored_state(settings: Settings) -> dict[str, object]:
    """Return all rows, object names and versions, without timestamps."""
    state: dict[str, object] = {}
    folder = Path(settings.database_url.removeprefix("sqlite:///"))
    for name in NAMES:
        with closing(sqlite3.connect(folder / f"{name}.sqlite3")) as database:
            database.row_factory = sqlite3.Row
            tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for table in sorted(set(tables) - {"step_runs", "sqlite_sequence"}):
                records = database.execute(f"SELECT * FROM {table}").fetchall()
                state[f"{name}.{table}"] = sorted(
                    str({key: row[key] for key in row.keys() if key not in TIME_COLUMNS})  # noqa: SIM118 - a Row has no iterator of keys
                    for row in records
                )
    state |= {bucket: Bucket(bucket, *settings.s3_login).names() for bucket in ("raw", "clean", "datasets")}
    registry = Registry(settings.mlflow_tracking_uri)
    production = registry.production()
    state["versions"], state["production"] = registry.versions(), None if production is None else production.number
    return state


def test_a_day_runs_each_batch_once_and_every_step_is_idempotent(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(settings.mlflow_tracking_uri)
    versions_before = len(registry.versions())
    first = run_day()
    assert list(first) == [step.name for step in STEPS]
    assert first["check_source"]["batch"] == 1
    counts = first["clean"]
    assert counts["raw"] == int(str(counts["clean"])) + int(str(counts["quarantined"])) + int(str(counts["excluded"]))
    assert first["promote"]["outcome"] == "provisional", first["promote"]
    assert first["signal"]["replicas"] == 1

    second = run_day()
    assert second["check_source"]["batch"] == 2
    assert str(second["train"]["prospective"]).startswith(f"version {first['register']['version']} on batch 2: ROC-AUC")
    before = stored_state(settings)
    for step in STEPS:
        assert main(["step", step.name, "--batch", "2"]) == 0
        assert stored_state(settings) == before, step.name
    assert ledger.done_batches() == {1, 2}

    assert run_day(3, train=False)["upload"]["train"] > second["upload"]["train"]  # type: ignore[operator]  # facts have several types
    nothing = run_day()
    assert list(nothing) == ["check_source"]
    assert nothing["check_source"]["word"] == "no new batch"

    again = run_day(1)
    assert again["promote"] == first["promote"]
    assert again["train"] == first["train"]
    assert len(registry.versions()) - versions_before == 2
    assert len(promotions.list_verdicts()) == 2
    _no_patient_is_in_two_splits(settings)
    _the_card_of_every_version_is_complete_and_about_its_own_data(registry)
    first_version = str(first["register"]["version"])
    _another_target_trains_on_uploaded_data_and_the_first_one_is_restored(settings, first_version, monkeypatch)


def _another_target_trains_on_uploaded_data_and_the_first_one_is_restored(
    settings: Settings, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, before = Registry(settings.mlflow_tracking_uri), stored_state(settings)
    champion = registry.production()
    assert champion is not None
    monkeypatch.setenv("READMIT_TARGET", "any")
    trained = run_day()
    assert list(trained) == ["check_source", "train", "register", "promote", "signal"]
    assert trained["promote"]["outcome"] == "provisional", "the model of the other target is not a champion"
    other = registry.production()
    assert other is not None
    assert other.target == "any"
    assert list(run_day()) == ["check_source"]
    monkeypatch.setenv("READMIT_TARGET", "within_30_days")
    assert list(run_day()) == ["check_source", "train", "register", "promote", "signal"]
    restored = registry.production()
    assert restored is not None
    assert restored.number == champion.number
    changed = {name for name, value in stored_state(settings).items() if value != before[name]}
    assert changed <= {"predictions_db.promotions", "datasets", "versions"}
    (stored,) = list_evaluations()
    assert (stored.evaluation.model.batch, stored.evaluation.model.version) == (2, first)


def _the_card_of_every_version_is_complete_and_about_its_own_data(registry: Registry) -> None:
    for batch, verdict in promotions.list_verdicts():
        version, training = registry.version(verdict.version), promotions.get_training_facts(verdict.version)
        assert training is not None
        parts = ledger.parts_up_to(batch)
        assert {split: facts.rows for split, facts in training.splits.items()} == {
            split: sum(part.rows for part in parts if part.split == split) for split in training.splits
        }
        assert training.splits["test"].readmitted / training.splits["test"].rows == pytest.approx(
            verdict.figures["base_rate"]
        )
        assert training.batches == tuple(range(1, batch + 1))
        assert training.flow is not None
        received = sum(facts.rows for facts in training.splits.values())
        assert training.flow.received == received + training.flow.quarantined + training.flow.excluded
        assert verdict.figures == pytest.approx(version.figures, abs=1e-6), "those of the registered version"
        assert verdict.gates["complete_card"] is None


def _no_patient_is_in_two_splits(settings: Settings) -> None:
    bucket, parts = Bucket("datasets", *settings.s3_login), ledger.parts_up_to(3)
    assert len(parts) == 9
    stored = pl.concat(
        bucket.read_parquet([part.object_name]).select("patient_key", pl.lit(part.split).alias("split"))
        for part in parts
    )
    assert stored.group_by("patient_key").agg(pl.col("split").n_unique())["split"].max() == 1
    assert stored.height == sum(row.clean or 0 for row in ledger.list_batches())


def test_a_step_without_its_input_names_what_is_missing(settings: Settings) -> None:
    for step in STEPS[2:]:
        with pytest.raises(PrerequisiteMissing, match="batch 1"):
            run_step(step.name, 1, settings)


@pytest.mark.usefixtures("settings")
def test_a_batch_after_a_gap_is_rejected() -> None:
    with pytest.raises(MissingBatches, match=r"not uploaded yet: 1"):
        run_day(2, train=False)
    assert ledger.done_batches() == set()


def test_a_batch_with_more_than_one_in_twenty_quarantined_stops_before_train(settings: Settings) -> None:
    for step in STEPS[1:6]:
        run_step(step.name, 1, settings)
    ledger.update_batch(1, quarantined=251)
    with pytest.raises(BatchRejected, match=r"not used for training: 251 of 5,000 encounters quarantined \(5\.0%\)"):
        upload.run(1, settings)
    with pytest.raises(PrerequisiteMissing, match="snapshot_object"):
        train.run(1, settings)


def test_clean_rows_that_are_not_all_stored_are_not_split(settings: Settings) -> None:
    for step in STEPS[1:5]:
        run_step(step.name, 1, settings)
    ledger.update_batch(1, clean=1)
    with pytest.raises(PrerequisiteMissing, match="run store_clean first"):
        split.run(1, settings)


def test_raw_rows_are_those_of_the_source(settings: Settings, sample: Path) -> None:
    for name in ("fetch", "store_raw"):
        run_step(name, 2, settings)
    with sample.open(newline="") as file:
        source = list(csv.reader(file))[1:][5_000:10_000]
    stored = rows.raw_rows(2)
    assert stored["position"].to_list() == list(range(1, 5_001))
    assert [list(row) for row in stored.select(COLUMNS).iter_rows()] == source

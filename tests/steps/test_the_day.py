"""The eleven steps on real services, over the sample."""

import csv
import importlib
import sqlite3
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

from readmit.attempt import attempt
from readmit.cli import main
from readmit.core.errors import BatchRejected, MissingBatches, PrerequisiteMissing
from readmit.io.database import ledger, promotions, rows
from readmit.io.database.connection import NAMES
from readmit.io.object_store import Bucket
from readmit.io.registry.model_versions import Registry
from readmit.pipeline import STEPS, Facts, RunRequest, Step, day
from readmit.settings import Settings
from readmit.steps import split, train, upload

CLOCKS = {"created_at", "decided_at", "applied_at", "done_at", "lease_until", "leased_by"}


def carry_out(step: Step, ticket: RunRequest) -> Facts:
    return attempt(step, ticket)


def whole_day(batch: int | None = None, train: bool = True) -> dict[str, Facts]:
    return dict(day(RunRequest(f"run of {batch}", batch, train), carry_out))


def run_step(name: str, batch: int, settings: Settings) -> None:
    importlib.import_module(f"readmit.steps.{name}").run(batch, settings)


def everything_kept(settings: Settings) -> dict[str, object]:
    """All rows, object names and versions, without what a clock wrote."""
    kept: dict[str, object] = {}
    folder = Path(settings.database_url.removeprefix("sqlite:///"))
    for name in NAMES:
        with closing(sqlite3.connect(folder / f"{name}.sqlite3")) as database:
            database.row_factory = sqlite3.Row
            tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for table in sorted(set(tables) - {"step_runs", "sqlite_sequence"}):
                found = database.execute(f"SELECT * FROM {table}").fetchall()
                kept[f"{name}.{table}"] = sorted(
                    str({key: row[key] for key in row.keys() if key not in CLOCKS})  # noqa: SIM118 - Row is no dict
                    for row in found
                )
    kept |= {bucket: Bucket(bucket, *settings.s3_login).names() for bucket in ("raw", "clean", "datasets")}
    registry = Registry(settings.mlflow_tracking_uri)
    production = registry.production()
    kept["versions"], kept["production"] = registry.versions(), None if production is None else production.number
    return kept


def test_a_day_takes_each_batch_once_and_every_step_run_twice_leaves_the_same(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(settings.mlflow_tracking_uri)
    others = len(registry.versions())
    first = whole_day()
    assert list(first) == [step.name for step in STEPS]
    assert first["check_source"]["batch"] == 1
    counts = first["clean"]
    assert counts["raw"] == int(str(counts["clean"])) + int(str(counts["quarantined"])) + int(str(counts["excluded"]))
    assert first["promote"]["outcome"] == "provisional"
    assert first["signal"]["replicas"] == 1

    second = whole_day()
    assert second["check_source"]["batch"] == 2
    before = everything_kept(settings)
    for step in STEPS:
        assert main(["step", step.name, "--batch", "2"]) == 0
        assert everything_kept(settings) == before, step.name
    assert ledger.done_batches() == {1, 2}

    assert whole_day(3, train=False)["upload"]["train"] > second["upload"]["train"]  # type: ignore[operator]
    nothing = whole_day()
    assert list(nothing) == ["check_source"]
    assert nothing["check_source"]["word"] == "nothing new"

    again = whole_day(1)
    assert again["promote"] == first["promote"]
    assert again["train"] == first["train"]
    assert len(registry.versions()) - others == 2
    assert len(promotions.verdicts()) == 2
    _no_patient_is_in_two_splits(settings)
    _another_target_trains_on_what_is_there_and_the_first_one_comes_back(settings, monkeypatch)


def _another_target_trains_on_what_is_there_and_the_first_one_comes_back(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, rows_before = Registry(settings.mlflow_tracking_uri), everything_kept(settings)
    standing = registry.production()
    assert standing is not None
    monkeypatch.setenv("READMIT_TARGET", "any")
    trained = whole_day()
    assert list(trained) == ["check_source", "train", "register", "promote", "signal"]
    assert trained["promote"]["outcome"] == "provisional", "the model of the other target is no rival"
    other = registry.production()
    assert other is not None
    assert other.target == "any"
    assert list(whole_day()) == ["check_source"]
    monkeypatch.setenv("READMIT_TARGET", "within_30_days")
    assert list(whole_day()) == ["check_source", "train", "register", "promote", "signal"]
    back = registry.production()
    assert back is not None
    assert back.number == standing.number
    changed = {name for name, kept in everything_kept(settings).items() if kept != rows_before[name]}
    assert changed <= {"predictions_db.promotions", "datasets", "versions"}


def _no_patient_is_in_two_splits(settings: Settings) -> None:
    bucket, parts = Bucket("datasets", *settings.s3_login), ledger.parts_until(3)
    assert len(parts) == 9
    stored = pl.concat(
        bucket.read_parquet([part.object_name]).select("patient_key", pl.lit(part.split).alias("split"))
        for part in parts
    )
    assert stored.group_by("patient_key").agg(pl.col("split").n_unique())["split"].max() == 1
    assert stored.height == sum(row.clean or 0 for row in ledger.batch_rows())


def test_a_step_before_its_input_says_what_is_missing(settings: Settings) -> None:
    for step in STEPS[2:]:
        with pytest.raises(PrerequisiteMissing, match="batch 1"):
            run_step(step.name, 1, settings)


@pytest.mark.usefixtures("settings")
def test_a_batch_after_a_gap_is_refused() -> None:
    with pytest.raises(MissingBatches, match=r"not uploaded yet: 1"):
        whole_day(2, train=False)
    assert ledger.done_batches() == set()


def test_a_batch_with_more_than_one_in_twenty_quarantined_stops_before_train(settings: Settings) -> None:
    for step in STEPS[1:6]:
        run_step(step.name, 1, settings)
    ledger.update_batch(1, quarantined=251)
    with pytest.raises(BatchRejected, match=r"not learnt from: 251 of 5,000 encounters quarantined \(5\.0%\)"):
        upload.run(1, settings)
    with pytest.raises(PrerequisiteMissing, match="snapshot_object"):
        train.run(1, settings)


def test_clean_rows_that_are_not_all_stored_are_not_split(settings: Settings) -> None:
    for step in STEPS[1:5]:
        run_step(step.name, 1, settings)
    ledger.update_batch(1, clean=1)
    with pytest.raises(PrerequisiteMissing, match="run store_clean first"):
        split.run(1, settings)


def test_what_is_stored_raw_is_what_the_source_has(settings: Settings, sample: Path) -> None:
    for name in ("fetch", "store_raw"):
        run_step(name, 2, settings)
    with sample.open(newline="") as file:
        source = list(csv.reader(file))[1:][5_000:10_000]
    stored = rows.raw_rows(2)
    assert stored["position"].to_list() == list(range(1, 5_001))
    assert [list(row) for row in stored.drop("position").iter_rows()] == source

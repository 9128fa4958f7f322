"""The contents of a stack's stores without times and random values: equal after equal work."""

import json
import math
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field, fields
from pathlib import Path

import httpx
from mlflow import MlflowClient
from mlflow.entities import Run

from readmit.core.fit_key import FIT_TAG
from readmit.core.version import MODEL, MODEL_FILE_TAG, PROMOTED_TAG
from readmit.embedded.stack import Stack
from readmit.io.database.connection import NAMES
from readmit.io.object_store import Bucket
from readmit.io.registry.experiment_runs import EXPERIMENT

CLOCK_FIELDS = {
    "created_at",
    "decided_at",
    "evaluated_at",
    "applied_at",
    "done_at",
    "lease_until",
    "leased_by",
    "fit_seconds",
    "seconds",
}
BUCKETS = ("raw", "clean", "datasets")
DIGITS = 9
COMPARED_RUN_TAGS = "mlflow.runName", "mlflow.note.content"
Rows = list[dict[str, object]]


@dataclass(frozen=True, slots=True)
class StoreContents:
    """`rows` by table, `objects` by bucket, `versions` in order, `aliases`: version by name, `fits`: finished runs.

    `reports`: of the days. `served`: the version that the API serves. `seconds`: of the last successful attempt at each
    step.
    """

    rows: Mapping[str, Rows]
    objects: Mapping[str, list[str]]
    versions: list[dict[str, object]]
    aliases: Mapping[str, str]
    fits: Mapping[str, object]
    reports: Mapping[str, object]
    served: str | None
    seconds: Mapping[str, float] = field(compare=False)


def read_stores(stack: Stack) -> StoreContents:
    """All contents. Fails when a fit has more than one finished run, or a version belongs to an unfinished one."""
    client = MlflowClient(stack.addresses["mlflow"])
    finished = [run for run in runs(client) if run.info.status == "FINISHED"]
    versions, aliases = _versions(client, {run.info.run_id for run in finished})
    return StoreContents(
        rows=rows(stack),
        objects=objects(stack),
        versions=versions,
        aliases=aliases,
        fits=_fits(client, finished),
        reports=_reports(stack),
        served=httpx.get(f"{stack.addresses['api']}/health", trust_env=False).json()["model_version"],
        seconds=_seconds(stack),
    )


def rows(stack: Stack, batch: int | None = None) -> dict[str, Rows]:
    """The rows of each table, of all batches or of one."""
    where = "" if batch is None else f" WHERE batch = {batch:d}"
    by_table = {}
    for name in NAMES:
        with _database(stack, name) as database:
            tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for table in sorted(set(tables) - {"step_runs", "migrations", "sqlite_sequence"}):
                selected = (dict(row) for row in database.execute(f"SELECT * FROM {table}{where}"))
                by_table[f"{name}.{table}"] = sorted((_plain_row(row) for row in selected), key=str)
    return by_table


def _plain_row(row: dict[str, object]) -> dict[str, object]:
    documents = {name: json.loads(str(row[name])) for name in ("verdict", "evaluation") if name in row}
    # It matters whether a batch is done or a verdict applied, not when.
    flags = {name: row[name] is not None for name in ("done_at", "applied_at") if name in row}
    plain: dict[str, object] = _plain({**row, **documents})  # type: ignore[assignment] # a mapping gives a mapping
    return plain | flags


def _plain(value: object) -> object:
    """A value without times, and with numbers rounded."""
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items() if name.rpartition(".")[2] not in CLOCK_FIELDS}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    # The last digits of a figure may depend on the order of summation.
    return round(value, DIGITS) if isinstance(value, float) and math.isfinite(value) else value


def objects(stack: Stack) -> dict[str, list[str]]:
    """The names of the objects in each bucket."""
    return {name: _bucket(stack, name).names() for name in BUCKETS}


def runs(client: MlflowClient) -> list[Run]:
    """All runs, whatever their status."""
    experiment = client.get_experiment_by_name(EXPERIMENT)
    return [] if experiment is None else list(client.search_runs([experiment.experiment_id], max_results=1000))


def _versions(client: MlflowClient, finished: set[str]) -> tuple[list[dict[str, object]], dict[str, str]]:
    registered = sorted(client.search_model_versions(f"name = '{MODEL}'"), key=lambda version: int(version.version))
    assert {version.run_id for version in registered} <= finished, "a version belongs to a run that was killed"
    aliases = client.get_registered_model(MODEL).aliases if registered else {}
    versions: list[dict[str, object]] = [
        {"number": str(item.version), "tags": _tags(item.tags), "page": item.description, "status": item.status}
        for item in registered
    ]
    return versions, {alias: str(version) for alias, version in aliases.items()}


def _tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Without the time of the promotion, of which only the reason matters."""
    timeless = {name: json.loads(text)["why"] if name == PROMOTED_TAG else text for name, text in tags.items()}
    return _without_digest(timeless)


def _without_digest(tags: Mapping[str, str]) -> dict[str, str]:
    """A fitted model's file is a zip with its creation time: of its digest only the length matters."""
    return {name: str(len(text)) if name == MODEL_FILE_TAG else text for name, text in tags.items()}


def _fits(client: MlflowClient, finished: list[Run]) -> dict[str, object]:
    by_fit = {run.data.tags[FIT_TAG]: run for run in finished}
    assert len(by_fit) == len(finished), "a fit has more than one finished run"
    return {digest: _fit(client, run) for digest, run in by_fit.items()}


def _fit(client: MlflowClient, run: Run) -> dict[str, object]:
    assert run.inputs is not None
    models = [] if run.outputs is None else run.outputs.model_outputs
    tags = {
        name: text
        for name, text in run.data.tags.items()
        if name in COMPARED_RUN_TAGS or not name.startswith("mlflow.")
    }
    return {
        "tags": _without_digest(tags),
        "parameters": dict(run.data.params),
        "figures": _plain(run.data.metrics),
        "files": sorted(file.path for file in client.list_artifacts(run.info.run_id)),
        "datasets": sorted(str(item.dataset.name) for item in run.inputs.dataset_inputs),
        "models": [client.get_logged_model(item.model_id).status for item in models],
    }


def _reports(stack: Stack) -> dict[str, object]:
    bucket = _bucket(stack, "datasets")
    reports = {name: json.loads(bucket.get(name)) for name in bucket.names("days/")}
    for report in reports.values():
        # A run's id is random.
        for step in ("train", "register"):
            facts = report["steps"][step].items()
            report["steps"][step] = {name: value for name, value in facts if name.rpartition(".")[2] != "run"}
    return {name: _plain(report) for name, report in reports.items()}


def _seconds(stack: Stack) -> dict[str, float]:
    with _database(stack, "raw_data_db") as database:
        return dict(iter(database.execute("SELECT step, seconds FROM step_runs WHERE state = 'done' ORDER BY number")))


def _bucket(stack: Stack, name: str) -> Bucket:
    variables = stack.environment
    return Bucket(name, *(variables[f"READMIT_S3_{part}"] for part in ("URL", "ACCESS_KEY", "SECRET_KEY")))


def _database(stack: Stack, name: str) -> "closing[sqlite3.Connection]":
    database = sqlite3.connect(
        Path(stack.environment["READMIT_DATABASE_URL"].removeprefix("sqlite:///")) / f"{name}.sqlite3"
    )
    database.row_factory = sqlite3.Row
    return closing(database)


def assert_subset_of(stack: Stack, batch: int, *wholes: StoreContents) -> None:
    """Fail when a killed run left something of a batch that is in none of some undisturbed contents.

    Each table has all rows of the batch, or none; values of the ledger and of a verdict are right or not set yet.
    """
    for table, left in rows(stack, batch).items():
        expected = [[row for row in whole.rows[table] if row["batch"] == batch] for whole in wholes]
        if table.endswith((".batches", ".promotions")):
            known = [row for part in expected for row in part]
            assert all(any(_agrees_with(row, full) for full in known) for row in left), (table, left, known)
        else:
            assert left in ([], *expected), f"{table}: {len(left)} rows, not {[len(part) for part in expected]}"
    for bucket, names in objects(stack).items():
        assert set(names) <= {name for whole in wholes for name in whole.objects[bucket]}, bucket


def _agrees_with(row: Mapping[str, object], whole: Mapping[str, object]) -> bool:
    return all(value in (None, False, whole[name]) for name, value in row.items())


def differences(left: object, right: object, path: str = "") -> list[str]:
    """The paths at which two of the above differ, each with both values."""
    if isinstance(left, StoreContents) and isinstance(right, StoreContents):
        names = (item.name for item in fields(StoreContents) if item.compare)
        return [text for name in names for text in differences(getattr(left, name), getattr(right, name), name)]
    if isinstance(left, Mapping) and isinstance(right, Mapping) and left.keys() == right.keys():
        return [text for name in left for text in differences(left[name], right[name], f"{path}[{name}]")]
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        pairs = enumerate(zip(left, right, strict=True))
        return [text for index, (a, b) in pairs for text in differences(a, b, f"{path}[{index}]")]
    return [] if left == right else [f"{path}: {left} != {right}"]

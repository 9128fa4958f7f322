"""What the stores of a stack hold, without what a clock or a chance wrote: two that did the same hold the same."""

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
from readmit.core.version import MODEL, MODEL_FILE_TAG, PLACED_TAG
from readmit.embedded.stack import Stack
from readmit.io.database.connection import NAMES
from readmit.io.object_store import Bucket
from readmit.io.registry.experiment_runs import EXPERIMENT

CLOCKS = {"created_at", "decided_at", "applied_at", "done_at", "lease_until", "leased_by", "fit_seconds", "seconds"}
BUCKETS = ("raw", "clean", "datasets")
DIGITS = 9
OF_A_RUN = "mlflow.runName", "mlflow.note.content"
Rows = list[dict[str, object]]


@dataclass(frozen=True, slots=True)
class Kept:
    """`rows` by table, `objects` by bucket, `versions` in order, `aliases`: version by name, `fits`: finished runs.

    `reports`: of the days. `served`: the version that the API serves. `seconds`: of the last good attempt at each step.
    """

    rows: Mapping[str, Rows]
    objects: Mapping[str, list[str]]
    versions: list[dict[str, object]]
    aliases: Mapping[str, str]
    fits: Mapping[str, object]
    reports: Mapping[str, object]
    served: str | None
    seconds: Mapping[str, float] = field(compare=False)


def kept(stack: Stack) -> Kept:
    """All of it. AssertionError: a fit has more than one finished run, or a version is made of an unfinished one."""
    client = MlflowClient(stack.addresses["mlflow"])
    finished = [run for run in runs(client) if run.info.status == "FINISHED"]
    versions, aliases = _versions(client, {run.info.run_id for run in finished})
    return Kept(
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
    of_batch = "" if batch is None else f" WHERE batch = {batch:d}"
    found = {}
    for name in NAMES:
        with _database(stack, name) as database:
            tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for table in sorted(set(tables) - {"step_runs", "migrations", "sqlite_sequence"}):
                read = (dict(row) for row in database.execute(f"SELECT * FROM {table}{of_batch}"))
                found[f"{name}.{table}"] = sorted((_plain_row(row) for row in read), key=str)
    return found


def _plain_row(row: dict[str, object]) -> dict[str, object]:
    told = {"verdict": json.loads(str(row["verdict"]))} if "verdict" in row else {}
    # Whether a batch is done or a verdict applied counts, not when.
    marks = {name: row[name] is not None for name in ("done_at", "applied_at") if name in row}
    plain: dict[str, object] = _plain({**row, **told})  # type: ignore[assignment]
    return plain | marks


def _plain(value: object) -> object:
    """Without clocks, and with numbers rounded."""
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items() if name.rpartition(".")[2] not in CLOCKS}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    # The last digits of a figure may depend on the order in which a machine sums.
    return round(value, DIGITS) if isinstance(value, float) and math.isfinite(value) else value


def objects(stack: Stack) -> dict[str, list[str]]:
    """The names of the objects in each bucket."""
    return {name: _bucket(stack, name).names() for name in BUCKETS}


def runs(client: MlflowClient) -> list[Run]:
    """All runs, whatever became of them."""
    experiment = client.get_experiment_by_name(EXPERIMENT)
    return [] if experiment is None else list(client.search_runs([experiment.experiment_id], max_results=1000))


def _versions(client: MlflowClient, finished: set[str]) -> tuple[list[dict[str, object]], dict[str, str]]:
    found = sorted(client.search_model_versions(f"name = '{MODEL}'"), key=lambda version: int(version.version))
    assert {version.run_id for version in found} <= finished, "a version is made of a run that was killed"
    named = client.get_registered_model(MODEL).aliases if found else {}
    told: list[dict[str, object]] = [
        {"number": str(each.version), "tags": _tags(each.tags), "page": each.description, "status": each.status}
        for each in found
    ]
    return told, {alias: str(version) for alias, version in named.items()}


def _tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Who placed a version and why counts, not when."""
    own = {name: json.loads(text)["why"] if name == PLACED_TAG else text for name, text in tags.items()}
    return _without_digest(own)


def _without_digest(tags: Mapping[str, str]) -> dict[str, str]:
    """The file of a fitted model is a zip, and holds when it was made: of its digest it counts that there is one."""
    return {name: str(len(text)) if name == MODEL_FILE_TAG else text for name, text in tags.items()}


def _fits(client: MlflowClient, finished: list[Run]) -> dict[str, object]:
    found = {run.data.tags[FIT_TAG]: run for run in finished}
    assert len(found) == len(finished), "a fit has more than one finished run"
    return {digest: _fit(client, run) for digest, run in found.items()}


def _fit(client: MlflowClient, run: Run) -> dict[str, object]:
    assert run.inputs is not None
    assert run.outputs is not None
    tags = {name: text for name, text in run.data.tags.items() if name in OF_A_RUN or not name.startswith("mlflow.")}
    return {
        "tags": _without_digest(tags),
        "parameters": dict(run.data.params),
        "figures": _plain(run.data.metrics),
        "files": sorted(file.path for file in client.list_artifacts(run.info.run_id)),
        "datasets": sorted(str(each.dataset.name) for each in run.inputs.dataset_inputs),
        "models": [client.get_logged_model(each.model_id).status for each in run.outputs.model_outputs],
    }


def _reports(stack: Stack) -> dict[str, object]:
    bucket = _bucket(stack, "datasets")
    told = {name: json.loads(bucket.get(name)) for name in bucket.names("days/")}
    for report in told.values():
        # The number of a run is chance.
        for step in ("train", "register"):
            facts = report["steps"][step].items()
            report["steps"][step] = {name: value for name, value in facts if name.rpartition(".")[2] != "run"}
    return {name: _plain(report) for name, report in told.items()}


def _seconds(stack: Stack) -> dict[str, float]:
    with _database(stack, "raw_data_db") as database:
        return dict(iter(database.execute("SELECT step, seconds FROM step_runs WHERE state = 'done' ORDER BY number")))


def _bucket(stack: Stack, name: str) -> Bucket:
    said = stack.environment
    return Bucket(name, *(said[f"READMIT_S3_{part}"] for part in ("URL", "ACCESS_KEY", "SECRET_KEY")))


def _database(stack: Stack, name: str) -> "closing[sqlite3.Connection]":
    database = sqlite3.connect(
        Path(stack.environment["READMIT_DATABASE_URL"].removeprefix("sqlite:///")) / f"{name}.sqlite3"
    )
    database.row_factory = sqlite3.Row
    return closing(database)


def require_part_of(stack: Stack, batch: int, *wholes: Kept) -> None:
    """AssertionError: a killed run left something of a batch that none of some undisturbed runs has.

    Of each table there are all rows of the batch, or none; what the ledger and a verdict say is right or not said yet.
    """
    for table, left in rows(stack, batch).items():
        wanted = [[row for row in whole.rows[table] if row["batch"] == batch] for whole in wholes]
        if table.endswith((".batches", ".promotions")):
            known = [row for each in wanted for row in each]
            assert all(any(_says_nothing_else(row, each) for each in known) for row in left), (table, left, known)
        else:
            assert left in ([], *wanted), f"{table}: {len(left)} rows, not {[len(each) for each in wanted]}"
    for bucket, names in objects(stack).items():
        assert set(names) <= {name for whole in wholes for name in whole.objects[bucket]}, bucket


def _says_nothing_else(row: Mapping[str, object], whole: Mapping[str, object]) -> bool:
    return all(value in (None, False, whole[name]) for name, value in row.items())


def differences(left: object, right: object, where: str = "") -> list[str]:
    """Each place at which two of the above differ, with both its values."""
    if isinstance(left, Kept) and isinstance(right, Kept):
        names = (each.name for each in fields(Kept) if each.compare)
        return [said for name in names for said in differences(getattr(left, name), getattr(right, name), name)]
    if isinstance(left, Mapping) and isinstance(right, Mapping) and left.keys() == right.keys():
        return [said for name in left for said in differences(left[name], right[name], f"{where}[{name}]")]
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        pairs = enumerate(zip(left, right, strict=True))
        return [said for number, (one, other) in pairs for said in differences(one, other, f"{where}[{number}]")]
    return [] if left == right else [f"{where}: {left} != {right}"]

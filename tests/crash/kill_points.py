"""The critical points of a day at which runs are killed: between two operations that belong together."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class KillPoint:
    """Where a run is killed: at a call of a function, before it, after it, or half way through the bytes that it sends.

    `name`: the step, and what is done and what is not. `call`: the number of the call, from 1, among those with an
    argument that contains (bytes: begins with) `argument_text`.
    """

    name: str
    when: Literal["before", "after", "half"]
    target: str
    call: int = 1
    argument_text: str = ""

    @property
    def step(self) -> str:
        return self.name.partition(":")[0]


LEDGER, LEASES, ROWS, PROMOTIONS = (
    f"readmit.io.database.{name}" for name in ("ledger", "leases", "rows", "promotions")
)
OBJECTS, FITS, VERSIONS = (
    "readmit.io.object_store",
    "readmit.io.registry.experiment_runs",
    "readmit.io.registry.model_versions",
)
SQL, COMMIT, SEND = "peewee:Database.execute_sql", "peewee:Database.commit", "http.client:HTTPConnection.send"
ROWS_WRITTEN = "polars:DataFrame.iter_rows"
PARQUET, CURVES, ZIP = "PAR1", '{"roc"', "PK"

REWRITE_KILL_POINTS = (
    KillPoint("store_raw: repeated, old rows deleted, new ones not written", "before", ROWS_WRITTEN, 1),
    KillPoint("clean: repeated, old faults deleted, new ones not written", "before", ROWS_WRITTEN, 2),
    KillPoint("clean: repeated, old valid encounters deleted, new ones not written", "before", ROWS_WRITTEN, 3),
    KillPoint("store_clean: repeated, old rows deleted, new ones not written", "before", ROWS_WRITTEN, 4),
    KillPoint("split: repeated, old splits deleted, new ones not written", "before", ROWS_WRITTEN, 5),
)
"""Where existing rows are replaced: they are still there after such a kill."""

TO_REGISTER = (
    KillPoint("check_source: the batch has a row, no lease yet", "before", SQL, 1, 'UPDATE "batches"'),
    KillPoint("check_source: leased, step not over", "after", f"{LEASES}:acquire"),
    KillPoint("fetch: half of the raw object sent", "half", SEND, 1, PARQUET),
    KillPoint("fetch: raw object stored, not recorded", "before", f"{LEDGER}:update_batch"),
    KillPoint("store_raw: rows written, not committed", "before", COMMIT),
    KillPoint("store_raw: rows committed, step not over", "after", f"{ROWS}:replace_raw"),
    KillPoint("clean: clean object stored, quarantine not written", "before", f"{ROWS}:replace_quarantine"),
    KillPoint("clean: quarantine written, valid encounters not", "before", f"{ROWS}:replace_valid"),
    KillPoint("clean: quarantine written, counts not recorded", "before", f"{LEDGER}:update_batch", 2),
    KillPoint("store_clean: rows committed, step not over", "after", f"{ROWS}:replace_clean"),
    KillPoint("split: splits committed, step not over", "after", f"{ROWS}:replace_splits"),
    KillPoint("upload: half of a dataset sent", "half", SEND, 2, PARQUET),
    KillPoint("upload: two of three datasets stored", "after", f"{OBJECTS}:Bucket.put_immutable", 4),
    KillPoint("upload: two of three datasets recorded", "after", SQL, 2, 'INSERT INTO "dataset_parts"'),
    KillPoint("upload: snapshot stored, not recorded", "before", f"{LEDGER}:update_batch", 3),
    *REWRITE_KILL_POINTS,
    KillPoint("train: a run started, nothing in it", "after", "mlflow:start_run"),
    KillPoint("train: half of the curves sent", "half", SEND, 1, CURVES),
    KillPoint("train: all logged, the run not ended", "after", "mlflow:MlflowClient.log_batch"),
    KillPoint("train: a run ended, not recorded", "after", "mlflow:MlflowClient.set_terminated", 1, "FINISHED"),
    KillPoint("train: two more candidates fitted, one to go", "before", f"{FITS}:ExperimentRuns.record", 3),
    KillPoint("register: half of a model sent", "half", SEND, 1, ZIP),
    KillPoint("register: a model logged, no figures", "after", "mlflow:MlflowClient.finalize_logged_model"),
    KillPoint("register: the winner refitted, no version", "before", f"{VERSIONS}:Registry.register"),
    KillPoint("register: the model has a name, no version", "after", "mlflow:MlflowClient.create_registered_model"),
    KillPoint("register: a version registered, not recorded", "after", "mlflow:MlflowClient.create_model_version"),
    KillPoint("register: challenger alias set, version not recorded", "before", f"{LEDGER}:update_batch", 4),
)
FROM_PROMOTE = (
    KillPoint("promote: judged, verdict not stored", "before", f"{PROMOTIONS}:store_verdict"),
    KillPoint("promote: verdict stored, nothing applied", "after", f"{PROMOTIONS}:store_verdict"),
    KillPoint("promote: some figures on the version's page", "after", "mlflow:MlflowClient.set_model_version_tag", 5),
    KillPoint("promote: all figures there, the alias not moved", "before", f"{VERSIONS}:Registry.set_production"),
    KillPoint(
        "promote: promotion recorded, the alias not moved",
        *("before", "mlflow:MlflowClient.set_registered_model_alias", 1, "production"),
    ),
    KillPoint("promote: the alias moved, not recorded", "before", f"{PROMOTIONS}:mark_applied"),
    KillPoint("promote: applied, step not over", "after", f"{PROMOTIONS}:mark_applied"),
    KillPoint("signal: APIs reloaded, no report", "after", "readmit.io.api_reload:reload_all"),
    KillPoint("signal: report written, step not over", "after", f"{OBJECTS}:Bucket.put", 1, "days/"),
    KillPoint("signal: step over, batch not marked as done", "before", f"{LEDGER}:mark_done"),
)
MARKED = KillPoint("signal: batch marked as done, lease not released", "before", f"{LEASES}:release")
DAY_KILL_POINTS = (*TO_REGISTER, *FROM_PROMOTE, MARKED)
"""In the order of the day, so that each start gets further; after the last one the day is complete."""
RETRAINING_KILL_POINTS = (
    KillPoint("register: a version registered, not recorded", "after", "mlflow:MlflowClient.create_model_version"),
    *(point for point in FROM_PROMOTE if point.name.startswith("promote")),
)
"""For a version that has a champion in production."""

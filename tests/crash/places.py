"""The nasty places of a day: between two things that belong together."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run dies: at a call of a function, before it, after it, or half way through the bytes that it sends.

    `name`: its step, and what is done and what not. `call`: which one counts, from 1, among those that have an
    argument that holds (bytes: begins with) a text.
    """

    name: str
    when: Literal["before", "after", "half"]
    target: str
    call: int = 1
    holding: str = ""

    @property
    def step(self) -> str:
        return self.name.partition(":")[0]


LEDGER, ROWS, PROMOTIONS = (f"readmit.io.database.{name}" for name in ("ledger", "rows", "promotions"))
OBJECTS, FITS, VERSIONS = (
    "readmit.io.object_store",
    "readmit.io.registry.experiment_runs",
    "readmit.io.registry.model_versions",
)
SQL, COMMIT, SEND = "peewee:Database.execute_sql", "peewee:Database.commit", "http.client:HTTPConnection.send"
ROWS_WRITTEN = "polars:DataFrame.iter_rows"
PARQUET, ZIP = "PAR1", "PK"

AGAIN = (
    Place("store_raw: once more, old rows deleted, new ones not there", "before", ROWS_WRITTEN, 1),
    Place("clean: once more, old faults deleted, new ones not there", "before", ROWS_WRITTEN, 2),
    Place("store_clean: once more, old rows deleted, new ones not there", "before", ROWS_WRITTEN, 3),
    Place("split: once more, old splits deleted, new ones not there", "before", ROWS_WRITTEN, 4),
)
"""Where rows that stand there are replaced: they still stand there after such a kill."""

TO_REGISTER = (
    Place("check_source: the batch has a row, no lease yet", "before", SQL, 1, 'UPDATE "batches"'),
    Place("check_source: leased, not said", "after", f"{LEDGER}:take_lease"),
    Place("fetch: half of the raw object sent", "half", SEND, 1, PARQUET),
    Place("fetch: raw object kept, not noted", "before", f"{LEDGER}:note"),
    Place("store_raw: rows written, not committed", "before", COMMIT),
    Place("store_raw: rows committed, step not over", "after", f"{ROWS}:replace_raw"),
    Place("clean: clean object kept, quarantine not written", "before", f"{ROWS}:replace_quarantine"),
    Place("clean: quarantine written, counts not noted", "before", f"{LEDGER}:note", 2),
    Place("store_clean: rows committed, step not over", "after", f"{ROWS}:replace_clean"),
    Place("split: splits committed, step not over", "after", f"{ROWS}:replace_splits"),
    Place("upload: half of a dataset sent", "half", SEND, 2, PARQUET),
    Place("upload: two of three datasets kept", "after", f"{OBJECTS}:Bucket.keep", 4),
    Place("upload: two of three datasets noted", "after", SQL, 2, 'INSERT INTO "dataset_parts"'),
    Place("upload: snapshot kept, not noted", "before", f"{LEDGER}:note", 3),
    *AGAIN,
    Place("train: a run begun, nothing in it", "after", "mlflow:start_run"),
    Place("train: half of a model sent", "half", SEND, 1, ZIP),
    Place("train: a model logged, its run not ended", "after", "mlflow.models:Model.log"),
    Place("train: a run ended, not said", "before", f"{FITS}:_fit_run"),
    Place("train: two more candidates fitted, one to go", "before", f"{FITS}:Runs.record", 3),
    Place("register: the winner refitted, no version", "before", f"{VERSIONS}:Registry.register"),
    Place("register: the model has a name, no version", "after", "mlflow:MlflowClient.create_registered_model"),
    Place("register: a version made, not said", "after", "mlflow:register_model"),
    Place("register: challenger named, version not noted", "before", f"{LEDGER}:note", 4),
)
FROM_PROMOTE = (
    Place("promote: judged, verdict not stored", "before", f"{PROMOTIONS}:store"),
    Place("promote: verdict stored, nothing applied", "after", f"{PROMOTIONS}:store"),
    Place("promote: some figures on the version's page", "after", "mlflow:MlflowClient.set_model_version_tag", 5),
    Place("promote: all figures there, the alias not moved", "before", f"{VERSIONS}:Registry.name_production"),
    Place(
        "promote: noted as placed, the alias not moved",
        *("before", "mlflow:MlflowClient.set_registered_model_alias", 1, "production"),
    ),
    Place("promote: the alias moved, not said", "before", f"{PROMOTIONS}:mark_applied"),
    Place("promote: applied, step not over", "after", f"{PROMOTIONS}:mark_applied"),
    Place("signal: APIs reloaded, no report", "after", "readmit.io.api_reload:reload_everywhere"),
    Place("signal: report written, step not over", "after", f"{OBJECTS}:Bucket.put", 1, "days/"),
    Place("signal: step over, batch not marked as done", "before", f"{LEDGER}:mark_done"),
)
MARKED = Place("signal: batch marked as done, lease not dropped", "before", f"{LEDGER}:drop_lease")
A_DAY = (*TO_REGISTER, *FROM_PROMOTE, MARKED)
"""In the order of the day, so that each start gets further; after the last one nothing is left to do."""
TRAINED_ANEW = (
    Place("register: a version made, not said", "after", "mlflow:register_model"),
    *(place for place in FROM_PROMOTE if place.name.startswith("promote")),
)
"""For a version that has a rival in production."""

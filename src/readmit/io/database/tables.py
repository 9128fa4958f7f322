"""The tables. Their columns of an encounter are generated from `core.encounter`, including new fields."""

from typing import Any

import peewee as pw

from readmit.core.encounter import ENCOUNTER, FIELDS, TARGETS
from readmit.core.tabular.table_header import ROW_ERROR
from readmit.io.database.connection import CLEAN, PREDICTIONS, RAW


def _model(name: str, database: pw.DatabaseProxy, key: tuple[str, ...], columns: dict[str, pw.Field]) -> type[pw.Model]:
    options: dict[str, Any] = {"database": database, "table_name": name.lower(), "primary_key": pw.CompositeKey(*key)}
    return type(name, (pw.Model,), {**columns, "Meta": type("Meta", (), options), "__module__": __name__})


RawEncounter = _model(
    "Encounters",
    RAW,
    ("batch", "position"),
    {
        "batch": pw.IntegerField(),
        "position": pw.IntegerField(),
        **{field.name: pw.TextField(null=True) for field in FIELDS},
        ROW_ERROR: pw.TextField(null=True),
        "created_at": pw.DateTimeField(),
    },
)
"""Encounters as fetched: all text; null where the batch lacked the column, or the row had no cells that fit it."""

CleanEncounter = _model(
    "Encounters",
    CLEAN,
    (ENCOUNTER,),
    {
        "batch": pw.IntegerField(index=True),
        **{
            field.name: pw.BigIntegerField(null=True) if field.whole_number else pw.CharField(64, null=True)
            for field in FIELDS
        },
        "created_at": pw.DateTimeField(),
    },
)
"""Encounters that satisfy the contract, typed; null where a value was not recorded."""


class Raw(pw.Model):
    """Base of the models in the raw database."""

    class Meta:
        database = RAW


class Batch(Raw):
    """The ledger: one row per batch with its outputs and counts, and the run that holds its lease."""

    batch = pw.IntegerField(primary_key=True)
    leased_by = pw.CharField(255, null=True)
    lease_until = pw.DoubleField(null=True)
    done_at = pw.DateTimeField(null=True)
    rows = pw.IntegerField(null=True)
    sha256 = pw.CharField(64, null=True)
    raw_object = pw.CharField(255, null=True)
    clean_object = pw.CharField(255, null=True)
    clean = pw.IntegerField(null=True)
    quarantined = pw.IntegerField(null=True)
    excluded = pw.IntegerField(null=True)
    snapshot_object = pw.CharField(255, null=True)
    version = pw.IntegerField(null=True)

    class Meta:
        table_name = "batches"


class StepRun(Raw):
    """One attempt at one step. `state`: running, done or failed; a running one without a lease was killed."""

    number = pw.AutoField()
    run_id = pw.CharField(255)
    batch = pw.IntegerField(null=True, index=True)
    step = pw.CharField(32)
    state = pw.CharField(8)
    started_at = pw.DateTimeField()
    seconds = pw.DoubleField(null=True)
    facts = pw.TextField(default="{}")
    error = pw.TextField(null=True)

    class Meta:
        table_name = "step_runs"


class Quarantined(Raw):
    """One fault of one raw encounter, with its reason as text."""

    batch = pw.IntegerField()
    position = pw.IntegerField()
    field = pw.CharField(64)
    encounter_id = pw.TextField(null=True)
    reason = pw.TextField()

    class Meta:
        table_name = "quarantine"
        primary_key = pw.CompositeKey("batch", "position", "field")


class ValidEncounter(Raw):
    """The number of an encounter that is not in quarantine, by which later batches find it as a duplicate."""

    encounter_id = pw.BigIntegerField()
    batch = pw.IntegerField(index=True)

    class Meta:
        table_name = "valid_encounters"
        primary_key = pw.CompositeKey("encounter_id", "batch")


class DatasetPart(Raw):
    """One split of one batch, an object in the bucket `datasets`."""

    batch = pw.IntegerField()
    split = pw.CharField(16)
    rows = pw.IntegerField()
    content = pw.CharField(64)
    object_name = pw.CharField(255)

    class Meta:
        table_name = "dataset_parts"
        primary_key = pw.CompositeKey("batch", "split")


class SetAside(Raw):
    """One batch that an operator has set aside, and who has undone that, if anybody has."""

    number = pw.AutoField()
    batch = pw.IntegerField(index=True)
    operator = pw.CharField(255)
    reason = pw.CharField(255)
    created_at = pw.DateTimeField()
    undone_by = pw.CharField(255, null=True)
    undone_at = pw.DateTimeField(null=True)

    class Meta:
        table_name = "set_aside"


class SplitRow(pw.Model):
    """The split of an encounter, which depends on its patient."""

    encounter_id = pw.BigIntegerField(primary_key=True)
    batch = pw.IntegerField(index=True)
    split = pw.CharField(16)

    class Meta:
        database = CLEAN
        table_name = "splits"


READMITTED_COLUMNS = {target: f"readmitted_{target}" for target in TARGETS}


class EncounterCount(pw.Model):
    """The number of clean encounters of a batch with a value of a field, and of those readmitted, by target."""

    batch = pw.IntegerField()
    field = pw.CharField(32)
    value = pw.CharField(64)
    encounters = pw.IntegerField()

    class Meta:
        database = CLEAN
        table_name = "encounter_counts"
        primary_key = pw.CompositeKey("batch", "field", "value")
        # A covering index: sums over all batches need neither the table nor a sort.
        indexes = ((("field", "value", "encounters", *READMITTED_COLUMNS.values()), False),)


for _column in READMITTED_COLUMNS.values():
    EncounterCount._meta.add_field(_column, pw.IntegerField())


class Promotion(pw.Model):
    """One verdict on one version, stored before it is applied, so that a crash in between loses nothing.

    `card`: the facts about its data that its card needs; null for versions from before there were cards.
    """

    version = pw.IntegerField(primary_key=True)
    batch = pw.IntegerField(index=True)
    target = pw.CharField(32)
    promoted = pw.BooleanField()
    verdict = pw.TextField()
    decided_at = pw.DateTimeField()
    applied_at = pw.DateTimeField(null=True)
    card = pw.TextField(null=True)

    class Meta:
        database = PREDICTIONS
        table_name = "promotions"


class ProspectiveResult(pw.Model):
    """The evaluation of the version in production on a batch it had not learned from, as JSON.

    `data`: SHA-256 over the content of the batch's dataset parts, by which a batch that is stored again is recognized.
    """

    batch = pw.IntegerField(primary_key=True)
    version = pw.IntegerField()
    data = pw.CharField(64)
    evaluation = pw.TextField()
    evaluated_at = pw.DateTimeField()

    class Meta:
        database = PREDICTIONS
        table_name = "prospective_evaluations"


TABLES = (
    *(RawEncounter, CleanEncounter, Batch, StepRun, Quarantined, ValidEncounter, DatasetPart, SetAside),
    *(SplitRow, EncounterCount, Promotion, ProspectiveResult),
)

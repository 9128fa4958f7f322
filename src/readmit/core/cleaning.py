"""From raw encounters to clean ones: what breaks the contract goes to quarantine, each with its reason.

Every raw row ends in exactly one of three places, so that raw = clean + quarantined + excluded.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import polars as pl

from readmit.core.encounter import (
    BY_NAME,
    CANNOT_RETURN,
    COLUMNS,
    DISPOSITION,
    ENCOUNTER,
    FIELDS,
    NOT_RECORDED,
    Field,
    python_name,
    value_fault,
)
from readmit.core.errors import BatchRejected
from readmit.core.quarantine_reasons import ABSENT, DOUBLED, NO_NUMBER, reason_to_show
from readmit.core.request import LONGEST

POSITION = "position"
MOST_QUARANTINED = 0.05
"""Above this share a batch is refused: no model is trained on what is left of it."""
MOST_NAMED = 5
"""So many fields are named in a refusal; the others are counted."""
TEXT = (pl.String, pl.Categorical, pl.Enum, pl.Null)

FAULTS_SCHEMA = pl.Schema({POSITION: pl.Int64, ENCOUNTER: pl.String, "field": pl.String, "reason": pl.String})
CLEAN_SCHEMA = pl.Schema({field.name: pl.Int64 if field.whole_number else pl.String for field in FIELDS})


@dataclass(frozen=True, slots=True)
class Cleaned:
    """`clean`: CLEAN_SCHEMA, null for not recorded. `faults`: FAULTS_SCHEMA, one row per fault.

    `quarantined` and `excluded` count encounters, not faults.
    """

    clean: pl.DataFrame
    faults: pl.DataFrame
    quarantined: int
    excluded: int


def as_they_came(batch: pl.DataFrame) -> pl.DataFrame:
    """`position` from 1 and the 50 columns as text, in UCI's order; null where the batch has no such column.

    BatchRefused: it holds no encounters, or two of its columns are the same one once `-` is read as `_`.
    """
    if batch.is_empty():
        raise BatchRejected("the batch holds no encounters")
    came: dict[str, list[str]] = {name: [] for name in COLUMNS}
    for column in batch.columns:
        came.get(python_name(column), []).append(column)
    if twice := sorted(name for name, columns in came.items() if len(columns) > 1):
        raise BatchRejected(f"the batch has columns twice: {', '.join(twice)}")
    position = pl.int_range(1, batch.height + 1, dtype=pl.Int64, eager=True).alias(POSITION)
    absent = pl.repeat(None, batch.height, dtype=pl.String, eager=True)
    texts = (_as_text(BY_NAME[name], batch[columns[0]]) if columns else absent for name, columns in came.items())
    return pl.DataFrame([position, *(text.alias(name) for text, name in zip(texts, COLUMNS, strict=True))])


def _as_text(field: Field, column: pl.Series) -> pl.Series:
    """A column as text. A type that the field can't have is said with each value, so that none of them passes.

    Else 428.0 would pass as a diagnosis and `true` as a specialty. Bytes are text as some writers of Parquet leave it.
    """
    kind = column.dtype
    if kind in TEXT or (field.whole_number and kind.is_integer()):
        return column.cast(pl.String)
    shown = (None if value is None else _shown(value, kind) for value in column.to_list())
    return pl.Series(shown, dtype=pl.String)


def _shown(value: object, kind: pl.DataType) -> str:
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    return f"{value} (as {kind.base_type()})"


def strange_columns(batch: pl.DataFrame) -> list[str]:
    """Columns that an encounter does not have. They stay in the raw object and go no further."""
    return [column for column in batch.columns if python_name(column) not in COLUMNS]


def clean(raw: pl.DataFrame, earlier_encounters: Collection[str]) -> Cleaned:
    """Sorts a batch into clean, quarantined and excluded.

    `raw`: `position` and the 50 columns as text, null where the batch has no such column.
    `earlier_encounters`: encounter ids that already came, whole, in earlier batches.
    """
    raw = raw.sort(POSITION)
    faults = pl.concat([_field_faults(raw, field) for field in FIELDS])
    whole = raw.join(faults, on=POSITION, how="anti").sort(POSITION)
    doubled = _doubled(whole, earlier_encounters)
    whole = whole.join(doubled, on=POSITION, how="anti").sort(POSITION)
    returning = whole.filter(~pl.col(DISPOSITION).is_in(CANNOT_RETURN))
    all_faults = pl.concat([faults, doubled])
    return Cleaned(
        clean=_typed(returning),
        faults=all_faults.sort(POSITION, "field"),
        quarantined=all_faults[POSITION].n_unique(),
        excluded=whole.height - returning.height,
    )


def _field_faults(raw: pl.DataFrame, field: Field) -> pl.DataFrame:
    """The rows whose value can't stand in the field. Judged once per distinct value: there are few."""
    reasons = {value: _reason(field, value) for value in raw[field.name].unique()}
    bad = {value: reason for value, reason in reasons.items() if reason is not None}
    if not bad:
        return pl.DataFrame(schema=FAULTS_SCHEMA)
    lookup = pl.DataFrame(
        {field.name: list(bad), "reason": list(bad.values())}, schema={field.name: pl.String, "reason": pl.String}
    )
    found = raw.select(*dict.fromkeys((POSITION, ENCOUNTER, field.name))).join(lookup, on=field.name, nulls_equal=True)
    return found.select(POSITION, ENCOUNTER, pl.lit(field.name).alias("field"), "reason").cast(FAULTS_SCHEMA)


def _reason(field: Field, value: str | None) -> str | None:
    if value is None:
        return ABSENT
    if value == NOT_RECORDED:
        return None if field.may_be_unrecorded else f"{NOT_RECORDED!r} (not recorded) can't stand here"
    fault = value_fault(field, value)
    if fault is None or len(value) <= LONGEST:
        return fault
    return value_fault(field, f"{value[:LONGEST]}... ({len(value):,} characters)")


def _doubled(whole: pl.DataFrame, earlier: Collection[str]) -> pl.DataFrame:
    """All but the first of each encounter: the first that keeps the contract counts, in source order."""
    # By number: `007` and `7` are one encounter.
    number = pl.col(ENCOUNTER).cast(pl.Int64)
    before = pl.Series(list(earlier), dtype=pl.String).cast(pl.Int64, strict=False)
    again = ~number.is_first_distinct() | number.is_in(before.to_list())
    return whole.filter(again).select(
        POSITION,
        ENCOUNTER,
        pl.lit(ENCOUNTER).alias("field"),
        pl.lit(DOUBLED).alias("reason"),
    )


def _typed(text: pl.DataFrame) -> pl.DataFrame:
    recorded = text.select(
        pl.when(pl.col(name) != NOT_RECORDED).then(pl.col(name)).alias(name) for name in CLEAN_SCHEMA
    )
    return recorded.cast(CLEAN_SCHEMA)


def too_damaged(rows: int, quarantined: int, counts: Iterable[tuple[str, str, int]]) -> str | None:
    """Why a batch must not be learnt from, in words; None if it may. `counts`: faults as (field, reason, number)."""
    share = quarantined / rows if rows else 1.0
    if share <= MOST_QUARANTINED:
        return None
    told = [f"{quarantined:,} of {rows:,} encounters quarantined ({share:.1%}), more than {MOST_QUARANTINED:.0%}"]
    return ": ".join([*told, *_most_at_fault(rows, counts)])


def _most_at_fault(rows: int, counts: Iterable[tuple[str, str, int]]) -> list[str]:
    """The fields most at fault, in one sentence: columns that did not come at all, then each with its chief reason."""
    found: dict[str, list[tuple[str, int]]] = {}
    for field, reason, number in sorted(counts, key=lambda fault: (-fault[2], fault[:2])):
        found.setdefault(field, []).append((reason, number))
    total = {field: sum(number for _, number in reasons) for field, reasons in found.items()}
    lacking = [field for field in COLUMNS if found.get(field) == [(ABSENT, rows)]]
    damaged = sorted(found.keys() - lacking, key=lambda field: (-total[field], field))
    told = [f"no column {_listed(lacking)}"] if lacking else []
    told += [f"{field} {total[field]:,} times, {_chief_reason(field, found[field])}" for field in damaged[:MOST_NAMED]]
    if rest := damaged[MOST_NAMED:]:
        told.append(f"other fields {sum(total[field] for field in rest):,} times")
    return ["; ".join(told)] if told else []


def _listed(fields: list[str]) -> str:
    more = len(fields) - MOST_NAMED
    return ", ".join(fields[:MOST_NAMED]) + (f" and {more} others" if more > 0 else "")


def _chief_reason(field: str, reasons: list[tuple[str, int]]) -> str:
    """The reason that most of a field's faults have. An encounter's or patient's number goes into no refusal."""
    reason, number = reason_to_show(field, reasons[0][0]), reasons[0][1]
    if reason == NO_NUMBER:
        return f"by {NO_NUMBER}"
    return f"because {reason}" if len(reasons) == 1 else f"most often ({number:,}) because {reason}"

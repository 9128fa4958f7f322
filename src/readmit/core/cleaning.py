"""Validation of raw encounters: rows that violate the contract are quarantined, each with its reasons.

Every raw row is either clean, quarantined or excluded, so raw = clean + quarantined + excluded.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import polars as pl

from readmit.core.encounter import (
    BY_NAME,
    COLUMNS,
    DISPOSITION,
    ENCOUNTER,
    EXCLUDED_DISPOSITIONS,
    FIELDS,
    NOT_RECORDED,
    Field,
    python_name,
)
from readmit.core.errors import BatchRejected
from readmit.core.field_values import canonical_text, value_error
from readmit.core.quarantine_reasons import DUPLICATE, INVALID_NUMBER, MISSING, ROW, redact_reason
from readmit.core.request import MAX_VALUE_LENGTH
from readmit.core.tabular.table_header import ROW_ERROR

POSITION = "position"
MAX_QUARANTINED_SHARE = 0.05
"""A batch with a larger share of quarantined encounters is rejected: no model is trained on the rest."""
MAX_LISTED_FIELDS = 5
"""Fields listed by name in a rejection reason; the others are only counted."""
TEXT_DTYPES = (pl.String, pl.Categorical, pl.Enum, pl.Null)

FAULTS_SCHEMA = pl.Schema({POSITION: pl.Int64, ENCOUNTER: pl.String, "field": pl.String, "reason": pl.String})
VALID_SCHEMA = pl.Schema({ENCOUNTER: pl.Int64})
CLEAN_SCHEMA = pl.Schema({field.name: pl.Int64 if field.whole_number else pl.String for field in FIELDS})


@dataclass(frozen=True, slots=True)
class CleaningResult:
    """Clean encounters, and the faults of the quarantined ones.

    `clean`: CLEAN_SCHEMA, null for not recorded. `faults`: FAULTS_SCHEMA, one row per fault.
    `valid`: the numbers of the clean and the excluded encounters, VALID_SCHEMA.
    `quarantined` and `excluded` count encounters, not faults.
    """

    clean: pl.DataFrame
    faults: pl.DataFrame
    valid: pl.DataFrame
    quarantined: int
    excluded: int


def to_text_columns(batch: pl.DataFrame) -> pl.DataFrame:
    """Return `position` (from 1), the 50 columns in UCI's order and `row_error` as text; a missing column is all null.

    Raises BatchRejected when the batch is empty, or two of its columns have the same name once `-` is read as `_`.
    """
    if batch.is_empty():
        raise BatchRejected("the batch contains no encounters")
    spellings: dict[str, list[str]] = {name: [] for name in COLUMNS}
    for column in batch.columns:
        spellings.get(python_name(column), []).append(column)
    if duplicates := sorted(name for name, columns in spellings.items() if len(columns) > 1):
        raise BatchRejected(f"the batch has duplicate columns: {', '.join(duplicates)}")
    position = pl.int_range(1, batch.height + 1, dtype=pl.Int64, eager=True).alias(POSITION)
    missing = pl.repeat(None, batch.height, dtype=pl.String, eager=True)
    texts = (_as_text(BY_NAME[name], batch[columns[0]]) if columns else missing for name, columns in spellings.items())
    row_errors = batch[ROW_ERROR].cast(pl.String).replace("", None) if ROW_ERROR in batch.columns else missing
    named = (text.alias(name) for text, name in zip(texts, COLUMNS, strict=True))
    return pl.DataFrame([position, *named, row_errors.alias(ROW_ERROR)])


def _as_text(field: Field, column: pl.Series) -> pl.Series:
    """Return a column as text; a value of a type that the field can't have is labelled with its type, and so rejected.

    Otherwise 428.0 would pass as a diagnosis and `true` as a specialty. Some Parquet writers store text as bytes.
    """
    dtype = column.dtype
    if dtype in TEXT_DTYPES or (field.whole_number and dtype.is_integer()):
        return column.cast(pl.String)
    texts = (None if value is None else _format_value(value, dtype) for value in column.to_list())
    return pl.Series(texts, dtype=pl.String)


def _format_value(value: object, dtype: pl.DataType) -> str:
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    return f"{value} (as {dtype.base_type()})"


def unknown_columns(batch: pl.DataFrame) -> list[str]:
    """Return the columns that are not fields of an encounter. They are kept in the raw object only."""
    return [column for column in batch.columns if python_name(column) not in (*COLUMNS, ROW_ERROR)]


def encounter_numbers(raw: pl.DataFrame) -> list[int]:
    """Return the distinct encounter numbers of a batch; invalid ones are left out."""
    texts = [canonical_text(BY_NAME[ENCOUNTER], text) for text in raw[ENCOUNTER].drop_nulls().unique()]
    return pl.Series(texts, dtype=pl.String).cast(pl.Int64, strict=False).drop_nulls().unique().to_list()


def clean(raw: pl.DataFrame, earlier_encounters: Collection[int]) -> CleaningResult:
    """Split a batch into clean, quarantined and excluded encounters.

    `raw`: from `to_text_columns`. `earlier_encounters`: numbers of the batch's encounters that other batches have.
    """
    raw = raw.sort(POSITION)
    whole = raw.filter(pl.col(ROW_ERROR).is_null())
    faults = pl.concat([_row_faults(raw), *(_field_faults(whole, field) for field in FIELDS)])
    valid = _canonical(whole.join(faults, on=POSITION, how="anti").sort(POSITION))
    duplicates = _duplicates(valid, earlier_encounters)
    valid = valid.join(duplicates, on=POSITION, how="anti").sort(POSITION)
    returning = valid.filter(~pl.col(DISPOSITION).is_in(EXCLUDED_DISPOSITIONS))
    all_faults = pl.concat([faults, duplicates])
    return CleaningResult(
        clean=_cast(returning),
        faults=all_faults.sort(POSITION, "field"),
        valid=valid.select(ENCOUNTER).cast(VALID_SCHEMA),
        quarantined=all_faults[POSITION].n_unique(),
        excluded=valid.height - returning.height,
    )


def _canonical(valid: pl.DataFrame) -> pl.DataFrame:
    """Return valid rows with equal values spelled alike, and NOT_RECORDED for missing ones."""
    changes = {}
    for field in FIELDS:
        spellings = {value: canonical_text(field, value) or NOT_RECORDED for value in valid[field.name].unique()}
        changes[field.name] = {value: spelled for value, spelled in spellings.items() if value != spelled}
    return valid.with_columns(pl.col(name).replace(changed) for name, changed in changes.items() if changed)


def _row_faults(raw: pl.DataFrame) -> pl.DataFrame:
    rows = raw.filter(pl.col(ROW_ERROR).is_not_null())
    return rows.select(POSITION, ENCOUNTER, pl.lit(ROW).alias("field"), pl.col(ROW_ERROR).alias("reason")).cast(
        FAULTS_SCHEMA
    )


def _field_faults(raw: pl.DataFrame, field: Field) -> pl.DataFrame:
    """Return the rows with an invalid value in the field, FAULTS_SCHEMA. Each distinct value is checked once."""
    reasons = {value: _reason(field, value) for value in raw[field.name].unique()}
    invalid = {value: reason for value, reason in reasons.items() if reason is not None}
    if not invalid:
        return pl.DataFrame(schema=FAULTS_SCHEMA)
    lookup = pl.DataFrame(
        {field.name: list(invalid), "reason": list(invalid.values())},
        schema={field.name: pl.String, "reason": pl.String},
    )
    rows = raw.select(*dict.fromkeys((POSITION, ENCOUNTER, field.name))).join(lookup, on=field.name, nulls_equal=True)
    return rows.select(POSITION, ENCOUNTER, pl.lit(field.name).alias("field"), "reason").cast(FAULTS_SCHEMA)


def _reason(field: Field, value: str | None) -> str | None:
    if value is None:
        return MISSING
    if len(value) > MAX_VALUE_LENGTH:
        return _long_value_reason(field, value)
    text = canonical_text(field, value)
    if text is None:
        return None if field.may_be_unrecorded else f"{value!r} (not recorded) is not allowed here"
    return value_error(field, text) and value_error(field, value)


def _long_value_reason(field: Field, value: str) -> str | None:
    return value_error(field, value) and value_error(
        field, f"{value[:MAX_VALUE_LENGTH]}... ({len(value):,} characters)"
    )


def _duplicates(valid: pl.DataFrame, earlier: Collection[int]) -> pl.DataFrame:
    """Return the faults of all valid rows of an encounter but the first, in source order."""
    # Compared as numbers: `007` and `7` are the same encounter.
    number = pl.col(ENCOUNTER).cast(pl.Int64)
    is_duplicate = ~number.is_first_distinct() | number.is_in(list(earlier))
    return valid.filter(is_duplicate).select(
        POSITION,
        ENCOUNTER,
        pl.lit(ENCOUNTER).alias("field"),
        pl.lit(DUPLICATE).alias("reason"),
    )


def _cast(text: pl.DataFrame) -> pl.DataFrame:
    recorded = text.select(
        pl.when(pl.col(name) != NOT_RECORDED).then(pl.col(name)).alias(name) for name in CLEAN_SCHEMA
    )
    return recorded.cast(CLEAN_SCHEMA)


def rejection_reason(rows: int, quarantined: int, counts: Iterable[tuple[str, str, int]]) -> str | None:
    """Return why a batch is rejected for training, None if it is accepted. `counts`: (field, reason, faults)."""
    share = quarantined / rows if rows else 1.0
    if share <= MAX_QUARANTINED_SHARE:
        return None
    summary = f"{quarantined:,} of {rows:,} encounters quarantined ({share:.1%}), more than {MAX_QUARANTINED_SHARE:.0%}"
    return ": ".join([summary, *_summarize_faults(rows, counts)])


def _summarize_faults(rows: int, counts: Iterable[tuple[str, str, int]]) -> list[str]:
    """Return at most one sentence: the missing columns, and the fields with most faults, each with its main reason."""
    by_field: dict[str, list[tuple[str, int]]] = {}
    for field, reason, number in sorted(counts, key=lambda fault: (-fault[2], fault[:2])):
        by_field.setdefault(field, []).append((reason, number))
    total = {field: sum(number for _, number in reasons) for field, reasons in by_field.items()}
    missing = [field for field in COLUMNS if by_field.get(field) == [(MISSING, rows)]]
    damaged = sorted(by_field.keys() - missing, key=lambda field: (-total[field], field))
    parts = [f"missing columns: {_join_names(missing)}"] if missing else []
    parts += [
        f"{field} {total[field]:,} times, {_main_reason(field, by_field[field])}"
        for field in damaged[:MAX_LISTED_FIELDS]
    ]
    if rest := damaged[MAX_LISTED_FIELDS:]:
        parts.append(f"other fields {sum(total[field] for field in rest):,} times")
    return ["; ".join(parts)] if parts else []


def _join_names(fields: list[str]) -> str:
    rest = len(fields) - MAX_LISTED_FIELDS
    return ", ".join(fields[:MAX_LISTED_FIELDS]) + (f" and {rest} others" if rest > 0 else "")


def _main_reason(field: str, reasons: list[tuple[str, int]]) -> str:
    """Return the most frequent reason among a field's faults, without encounter or patient numbers."""
    reason, number = redact_reason(field, reasons[0][0]), reasons[0][1]
    if reason == INVALID_NUMBER:
        return f"because {INVALID_NUMBER}"
    return f"because {reason}" if len(reasons) == 1 else f"most often ({number:,}) because {reason}"

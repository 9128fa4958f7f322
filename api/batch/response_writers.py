"""The answers to a batch as they go out: JSON with all that /predict says, CSV and Parquet as a table."""

import io
from collections.abc import Callable, Mapping

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv as arrow_csv

from api.batch.scoring import BatchScores
from api.errors import ApiError
from api.request_parsing import CSV, JSON, PARQUET
from api.schemas import BatchPredictionResponse, NotApplicableRow, PredictionResponse, RejectedRow, RowError
from readmit.core.applicability import NOT_APPLICABLE
from readmit.core.encounter import DISPOSITION
from readmit.core.request import RecordRejected
from readmit.core.spreadsheet import escape_formula
from readmit.core.version import MODEL, Version

ITEM_BYTES = 260
"""Of one answer in JSON, without its warnings."""
MOST_ANSWER_BYTES = 128_000_000


def as_json(judged: BatchScores, version: Version, request_id: str) -> bytes:
    """An item for each row: what /predict answers, the error, or that no risk is applicable.

    Refused: 413, the answer would be too large.
    """
    errors = {index: _error(judged, index) for index in judged.faults}
    _check_size(judged, errors)
    warnings: list[list[str]] = [[] for _ in judged.probabilities]
    answered = ~np.isnan(judged.probabilities)
    for words, codes in judged.warnings:
        with_warning = np.flatnonzero(np.array([word is not None for word in words])[codes] & answered)
        for index, code in zip(with_warning.tolist(), codes[with_warning].tolist(), strict=True):
            warnings[index].append(str(words[code]))
    items = [
        _without_prediction(judged, index, errors)
        or PredictionResponse(
            int(probability >= version.threshold),
            probability,
            version.threshold,
            f"{request_id}.{index}",
            MODEL,
            version.number,
            warnings[index],
        )
        for index, probability in enumerate(judged.probabilities.tolist())
    ]
    return msgspec.json.encode(BatchPredictionResponse(items))


def _without_prediction(
    judged: BatchScores, index: int, errors: Mapping[int, RowError]
) -> RejectedRow | NotApplicableRow | None:
    """Return the item of a row that has no probability; None: it has one."""
    if index in errors:
        return RejectedRow(errors[index])
    if index in judged.not_applicable:
        return NotApplicableRow(RowError(index, DISPOSITION, NOT_APPLICABLE))
    return None


def _check_size(judged: BatchScores, errors: Mapping[int, RowError]) -> None:
    """Estimate the answer before it is built. Refused: 413."""
    size = ITEM_BYTES * len(judged.probabilities) + sum(len(error.message) for error in errors.values())
    answered = ~np.isnan(judged.probabilities)
    for words, codes in judged.warnings:
        size += int(np.array([0 if word is None else len(word) for word in words])[codes[answered]].sum())
    if size > MOST_ANSWER_BYTES:
        raise ApiError(
            413,
            f"the answer would be larger than {MOST_ANSWER_BYTES:,} bytes: send the batch in parts, or ask for CSV or "
            "Parquet, which hold no warnings",
        )


def _error(judged: BatchScores, index: int) -> RowError:
    faults = judged.faults[index]
    return RowError(index, faults[0].field, str(RecordRejected(faults)))


def as_csv(judged: BatchScores, version: Version, _: str) -> bytes:
    """A row for each row; where there is an error, nothing else. An error may name a column of the caller's."""
    out, table = io.BytesIO(), _table(judged, version)
    errors = [None if error is None else escape_formula(error) for error in table["error"].to_pylist()]
    safe = table.set_column(table.num_columns - 1, "error", pa.array(errors, pa.string()))
    arrow_csv.write_csv(safe, out, arrow_csv.WriteOptions(quoting_style="needed"))
    return out.getvalue()


def as_parquet(judged: BatchScores, version: Version, _: str) -> bytes:
    """The same as Parquet."""
    out = io.BytesIO()
    pq.write_table(_table(judged, version), out)
    return out.getvalue()


def _table(judged: BatchScores, version: Version) -> pa.Table:
    said = judged.probabilities
    refused = np.isnan(said)
    errors: list[str | None] = [None] * len(said)
    for index in judged.faults:
        errors[index] = _error(judged, index).message
    for index in judged.not_applicable:
        errors[index] = NOT_APPLICABLE
    columns = {
        "index": pa.array(np.arange(len(said))),
        "prediction": pa.array((said >= version.threshold).astype(np.int8), mask=refused),
        "probability": pa.array(said, mask=refused),
        "error": pa.array(errors, pa.string()),
    }
    return pa.table(columns)


WRITERS: dict[str, Callable[[BatchScores, Version, str], bytes]] = {JSON: as_json, CSV: as_csv, PARQUET: as_parquet}
"""By the content type of the answer."""

"""Writers of the response to a batch: JSON with everything that /predict returns, CSV and Parquet as a table."""

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
"""Estimated size of one item in JSON, without its warnings."""
MAX_RESPONSE_BYTES = 128_000_000


def as_json(scores: BatchScores, version: Version, request_id: str) -> bytes:
    """Return an item for each row: the prediction, the error, or that none is applicable.

    Raises ApiError with status 413 when the response would be too large.
    """
    errors = {index: _error(scores, index) for index in scores.errors}
    _check_size(scores, errors)
    warnings = _warnings(scores)
    items = [
        _without_prediction(scores, index, errors)
        or PredictionResponse(
            int(probability >= version.threshold),
            probability,
            version.threshold,
            f"{request_id}.{index}",
            MODEL,
            version.number,
            warnings[index],
        )
        for index, probability in enumerate(scores.probabilities.tolist())
    ]
    return msgspec.json.encode(BatchPredictionResponse(items))


def _warnings(scores: BatchScores) -> list[list[str]]:
    """Return the warnings of each row, none for a row without a prediction."""
    warnings: list[list[str]] = [[] for _ in scores.probabilities]
    predicted = ~np.isnan(scores.probabilities)
    for texts, codes in scores.warnings:
        with_warning = np.flatnonzero(np.array([text is not None for text in texts])[codes] & predicted)
        for index, code in zip(with_warning.tolist(), codes[with_warning].tolist(), strict=True):
            warnings[index].append(str(texts[code]))
    return warnings


def _without_prediction(
    scores: BatchScores, index: int, errors: Mapping[int, RowError]
) -> RejectedRow | NotApplicableRow | None:
    """Return the item of a row without a prediction; None when it has one."""
    if index in errors:
        return RejectedRow(errors[index])
    if index in scores.not_applicable:
        return NotApplicableRow(RowError(index, DISPOSITION, NOT_APPLICABLE))
    return None


def _check_size(scores: BatchScores, errors: Mapping[int, RowError]) -> None:
    """Estimate the size of the response. Raises ApiError with status 413 when it would be too large."""
    size = ITEM_BYTES * len(scores.probabilities) + sum(len(error.message) for error in errors.values())
    predicted = ~np.isnan(scores.probabilities)
    for texts, codes in scores.warnings:
        size += int(np.array([0 if text is None else len(text) for text in texts])[codes[predicted]].sum())
    if size > MAX_RESPONSE_BYTES:
        raise ApiError(
            413,
            f"the response would exceed {MAX_RESPONSE_BYTES:,} bytes: send the batch in parts, or request Parquet",
        )


def _error(scores: BatchScores, index: int) -> RowError:
    errors = scores.errors[index]
    return RowError(index, errors[0].field, str(RecordRejected(errors)))


def as_csv(scores: BatchScores, version: Version, _: str) -> bytes:
    """Return a CSV row for each row, with its warnings joined by blanks.

    Errors and warnings may contain client input, so formulas in them are escaped.
    """
    out, table = io.BytesIO(), _table(scores, version)
    for position, name in enumerate(table.column_names):
        if name == "warnings":
            texts = [" ".join(warnings) or None for warnings in table[name].to_pylist()]
        elif name == "error":
            texts = table[name].to_pylist()
        else:
            continue
        escaped = [None if text is None else escape_formula(text) for text in texts]
        table = table.set_column(position, name, pa.array(escaped, pa.string()))
    arrow_csv.write_csv(table, out, arrow_csv.WriteOptions(quoting_style="needed"))
    return out.getvalue()


def as_parquet(scores: BatchScores, version: Version, _: str) -> bytes:
    """Return the same table as Parquet."""
    out = io.BytesIO()
    pq.write_table(_table(scores, version), out)
    return out.getvalue()


def _table(scores: BatchScores, version: Version) -> pa.Table:
    probabilities = scores.probabilities
    missing = np.isnan(probabilities)
    errors: list[str | None] = [None] * len(probabilities)
    for index in scores.errors:
        errors[index] = _error(scores, index).message
    for index in scores.not_applicable:
        errors[index] = NOT_APPLICABLE
    columns = {
        "index": pa.array(np.arange(len(probabilities))),
        "prediction": pa.array((probabilities >= version.threshold).astype(np.int8), mask=missing),
        "probability": pa.array(probabilities, mask=missing),
        "error": pa.array(errors, pa.string()),
        "warnings": pa.array(_warnings(scores), pa.list_(pa.string())),
    }
    return pa.table(columns)


WRITERS: dict[str, Callable[[BatchScores, Version, str], bytes]] = {JSON: as_json, CSV: as_csv, PARQUET: as_parquet}
"""By the content type of the response."""

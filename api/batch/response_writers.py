"""Writers of the response to a batch: JSON with everything that /predict returns, CSV and Parquet as a table."""

import io
from collections.abc import Callable, Mapping

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv as arrow_csv

from api.batch.columns import Codes
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
    warnings = _warnings(scores).to_pylist()
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


def _warnings(scores: BatchScores) -> pa.ListArray:
    """Return the warnings of each row, shape (rows,); none for a row without a prediction."""
    predicted = ~np.isnan(scores.probabilities)
    counts = np.zeros(len(predicted), dtype=np.int64)
    texts: list[str] = []
    warned: list[tuple[Codes, Codes]] = []
    for values, codes in scores.warnings:
        positions = np.cumsum([value is not None for value in values]) + len(texts) - 1
        rows = np.flatnonzero(np.array([value is not None for value in values])[codes] & predicted)
        texts += [value for value in values if value is not None]
        warned.append((rows, positions[codes[rows]]))
        counts[rows] += 1
    ends = np.cumsum(counts)
    free, flat = ends - counts, np.empty(counts.sum(), dtype=np.int32)
    for rows, indices in warned:
        flat[free[rows]] = indices
        free[rows] += 1
    sentences = pa.DictionaryArray.from_arrays(flat, pa.array(texts, pa.string())).dictionary_decode()
    return pa.ListArray.from_arrays(np.concatenate([[0], ends]).astype(np.int32), sentences)


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
    joined = pc.binary_join(table["warnings"], " ")
    for name, texts in {"error": table["error"], "warnings": joined}.items():
        column = pa.chunked_array([_escape_formulas(texts.combine_chunks())])
        table = table.set_column(table.column_names.index(name), name, column)
    arrow_csv.write_csv(table, out, arrow_csv.WriteOptions(quoting_style="needed"))
    return out.getvalue()


def _escape_formulas(texts: pa.StringArray) -> pa.StringArray:
    """Return the texts with formulas escaped, each distinct one once; null for an empty one."""
    coded = texts.dictionary_encode()
    escaped = [escape_formula(text) or None for text in coded.dictionary.to_pylist()]
    return pa.array(escaped, pa.string()).take(coded.indices)


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
        "warnings": _warnings(scores),
    }
    return pa.table(columns)


WRITERS: dict[str, Callable[[BatchScores, Version, str], bytes]] = {JSON: as_json, CSV: as_csv, PARQUET: as_parquet}
"""By the content type of the response."""

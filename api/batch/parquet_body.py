"""Reader of Parquet batches, whose columns are text as in CSV or numbers as in a data frame."""

import math

import numpy as np
import pyarrow as pa

from api.batch.columns import BatchColumn, BatchColumns, check_header
from readmit.core.encounter import Field
from readmit.core.parquet_table import ParquetTable
from readmit.core.request import cell_text, json_text
from readmit.core.table_limits import TableLimits


def columns(body: bytes, max_rows: int) -> BatchColumns:
    """Return the columns of a Parquet file.

    Raises InvalidTable when it is not valid Parquet, TableTooLarge when it exceeds a limit, also once decompressed.
    """
    table = ParquetTable(body, TableLimits(rows=max_rows))
    indices, common_errors = check_header(table.header)
    encoded = table.read(list(indices.values()))
    fields = dict(zip(indices, [_column(column, table.rows) for column in encoded], strict=True))
    return BatchColumns(table.rows, fields, typed_text, common_errors=common_errors)


def _column(coded: pa.DictionaryArray | None, rows: int) -> BatchColumn:
    if coded is None:
        # No field accepts a list, a date or a struct, whatever its value.
        return BatchColumn([[]], np.zeros(rows, dtype=np.int64))
    values = coded.dictionary.to_pylist()
    codes = coded.indices.fill_null(len(values)).to_numpy(zero_copy_only=False).astype(np.int64)
    return BatchColumn([*values, None] if coded.null_count or not values else values, codes)


def typed_text(field: Field, raw: object) -> str | None:
    """Read a value of a data frame, where a whole number may be text, or a float in a column with missing values."""
    if isinstance(raw, str):
        return cell_text(field, raw)
    if isinstance(raw, float):
        if math.isnan(raw):
            return None
        return json_text(field, int(raw) if raw.is_integer() else raw)
    return json_text(field, raw)

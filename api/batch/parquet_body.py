"""Parquet to columns: text as CSV has it, or numbers as a data frame has them."""

import math

import numpy as np
import pyarrow as pa

from api.batch.columns import BatchColumn, BatchColumns, checked_names
from readmit.core.encounter import Field
from readmit.core.parquet_table import ParquetTable
from readmit.core.request import cell_text, json_text
from readmit.core.table_limits import TableLimits


def columns(body: bytes, most: int) -> BatchColumns:
    """The rows of a file. InvalidTable: it is no Parquet; TableTooLarge: above a limit, or once it is unpacked."""
    table = ParquetTable(body, TableLimits(rows=most))
    places, everywhere = checked_names(table.header)
    found = table.read(list(places.values()))
    fields = dict(zip(places, [_column(each, table.rows) for each in found], strict=True))
    return BatchColumns(table.rows, fields, typed_text, everywhere=everywhere)


def _column(coded: pa.DictionaryArray | None, rows: int) -> BatchColumn:
    if coded is None:
        # A list, a date or a structure can stand in no field; what it holds does not matter.
        return BatchColumn([[]], np.zeros(rows, dtype=np.int64))
    raws = coded.dictionary.to_pylist()
    codes = coded.indices.fill_null(len(raws)).to_numpy(zero_copy_only=False).astype(np.int64)
    return BatchColumn([*raws, None] if coded.null_count or not raws else raws, codes)


def typed_text(field: Field, raw: object) -> str | None:
    """Reads a value of a data frame, where a whole number may stand as text, and beside absent ones as a float."""
    if isinstance(raw, str):
        return cell_text(field, raw)
    if isinstance(raw, float):
        if math.isnan(raw):
            return None
        return json_text(field, int(raw) if raw.is_integer() else raw)
    return json_text(field, raw)

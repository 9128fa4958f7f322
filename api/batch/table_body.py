"""Reader of CSV, Parquet and zipped batches, whose cells are text."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from api.batch.columns import BatchColumn, BatchColumns
from readmit.core.encounter import BY_NAME, FEATURES
from readmit.core.request import ACCEPTED_FIELDS, RequestError, cell_text
from readmit.core.tabular.csv_table import CsvTable
from readmit.core.tabular.parquet_table import ParquetTable
from readmit.core.tabular.table_file import open_table
from readmit.core.tabular.table_limits import TableLimits

REQUIRED = tuple(name for name in FEATURES if BY_NAME[name].required)
Open = Callable[[bytes, TableLimits], CsvTable | ParquetTable]


def columns(body: bytes, max_rows: int, open_body: Open = open_table) -> BatchColumns:
    """Return the columns of a table.

    Raises InvalidTable when it is not a table of encounters, TableTooLarge when it exceeds a limit, also once
    decompressed.
    """
    table = open_body(body, TableLimits(rows=max_rows))
    header = table.header
    header.require_known()
    indices = {name: index for name, index in header.fields.items() if name in ACCEPTED_FIELDS}
    data = table.read(list(indices.values()))
    if data.rows:
        header.require(REQUIRED)
    whole = np.ones(data.rows, dtype=bool)
    whole[list(data.ragged)] = False
    fields = dict(zip(indices, [_column(column, whole) for column in data.columns], strict=True))
    width = len(header.names)
    errors = {row: (RequestError("", ragged.message(width)),) for row, ragged in data.ragged.items()}
    return BatchColumns(data.rows, fields, cell_text, errors)


def parquet_columns(body: bytes, max_rows: int) -> BatchColumns:
    """Return the columns of a Parquet file; see `columns`."""
    return columns(body, max_rows, ParquetTable)


def _column(coded: pa.DictionaryArray, whole: np.ndarray) -> BatchColumn:
    """Return a column over all rows; rows that are not `whole` get an arbitrary value."""
    values = coded.dictionary.to_pylist()
    codes = np.zeros(len(whole), dtype=np.int64)
    codes[whole] = coded.indices.fill_null(len(values)).to_numpy(zero_copy_only=False)
    return BatchColumn([*values, None] if coded.null_count or not values else values, codes)

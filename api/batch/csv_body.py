"""Reader of CSV batches."""

import numpy as np
import pyarrow as pa

from api.batch.columns import BatchColumn, BatchColumns, FieldErrors, check_header
from readmit.core.csv_table import CsvTable
from readmit.core.request import RequestError, cell_text
from readmit.core.table_limits import TableLimits


def columns(body: bytes, max_rows: int) -> BatchColumns:
    """Return the columns of a CSV file with a header.

    Raises InvalidTable when it is not valid CSV in UTF-8, TableTooLarge when it exceeds a limit.
    """
    table = CsvTable(body, TableLimits(rows=max_rows))
    indices, common_errors = check_header(table.header)
    data = table.read(list(indices.values()))
    shared = {cells: _ragged(cells, len(table.header)) for cells in set(data.ragged.values())}
    ragged = {row: shared[cells] for row, cells in data.ragged.items()}
    whole = np.ones(data.rows, dtype=bool)
    whole[list(ragged)] = False
    fields = dict(zip(indices, [_column(column, whole) for column in data.columns], strict=True))
    return BatchColumns(data.rows, fields, cell_text, ragged, common_errors)


def _column(coded: pa.DictionaryArray, whole: np.ndarray) -> BatchColumn:
    """Return a column over all rows; rows that are not `whole` get an arbitrary value."""
    codes = np.zeros(len(whole), dtype=np.int64)
    codes[whole] = coded.indices.to_numpy(zero_copy_only=False)
    return BatchColumn(coded.dictionary.to_pylist() or [None], codes)


def _ragged(cells: int, columns: int) -> FieldErrors:
    return (RequestError("", f"the row has {cells} cells, but the header has {columns}"),)

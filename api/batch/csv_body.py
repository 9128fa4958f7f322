"""CSV to columns."""

import numpy as np
import pyarrow as pa

from api.batch.columns import BatchColumn, BatchColumns, Faults, checked_names
from readmit.core.csv_table import CsvTable
from readmit.core.request import RequestError, cell_text
from readmit.core.table_limits import TableLimits


def columns(body: bytes, most: int) -> BatchColumns:
    """A header and its rows. InvalidTable: it is no CSV, or none that is UTF-8; TableTooLarge: above a limit."""
    table = CsvTable(body, TableLimits(rows=most))
    places, everywhere = checked_names(table.header)
    found = table.read(list(places.values()))
    shared = {cells: _ragged(cells, len(table.header)) for cells in set(found.ragged.values())}
    ragged = {row: shared[cells] for row, cells in found.ragged.items()}
    whole = np.ones(found.rows, dtype=bool)
    whole[list(ragged)] = False
    fields = dict(zip(places, [_column(each, whole) for each in found.columns], strict=True))
    return BatchColumns(found.rows, fields, cell_text, ragged, everywhere)


def _column(coded: pa.DictionaryArray, whole: np.ndarray) -> BatchColumn:
    """Rows that are none have whichever value."""
    codes = np.zeros(len(whole), dtype=np.int64)
    codes[whole] = coded.indices.to_numpy(zero_copy_only=False)
    return BatchColumn(coded.dictionary.to_pylist() or [None], codes)


def _ragged(cells: int, columns: int) -> Faults:
    return (RequestError("", f"the row has {cells} cells, the header {columns}"),)

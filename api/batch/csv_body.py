"""CSV to columns: by Arrow where no quotes make it hard, else by Python's own strict reader."""

import csv
import io
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv

from api.batch.columns import Column, Columns, Faults, checked_number, named
from api.body import utf8
from api.errors import Refused
from readmit.core.request import RequestFault, cell_text

BLOCK = 4_000_000
"""Bytes that Arrow takes at a time: more than a row of ours can have."""
CODED = pa.dictionary(pa.int32(), pa.string())


def columns(body: bytes, most: int) -> Columns:
    """A header and its rows. Refused: 400, it is no CSV, or none that is UTF-8; 413, it has more than `most` rows."""
    text = utf8(body).removeprefix("\ufeff")
    try:
        header, coded, total, ragged = _quoted(text) if '"' in text else _unquoted(text)
    except (csv.Error, pa.ArrowInvalid) as error:
        raise Refused(400, f"the body is no valid CSV: {str(error)[:200]}") from error
    checked_number(total, most)
    whole = np.ones(total, dtype=bool)
    whole[list(ragged)] = False
    fields, everywhere = named(header, [_column(each, whole) for each in coded])
    return Columns(total, fields, cell_text, ragged, everywhere)


def _column(coded: pa.DictionaryArray, whole: np.ndarray) -> Column:
    """Rows that are none have whichever value."""
    codes = np.zeros(len(whole), dtype=np.int64)
    codes[whole] = coded.indices.to_numpy(zero_copy_only=False)
    return Column(coded.dictionary.to_pylist() or [None], codes)


Read = tuple[list[str], list[pa.DictionaryArray], int, dict[int, Faults]]
"""The header, its columns of whole rows, the number of all rows, and those that are none by index."""


def _quoted(text: str) -> Read:
    rows = [cells for cells in csv.reader(io.StringIO(text, newline=""), strict=True) if cells]
    header, cells = (rows[0], rows[1:]) if rows else ([], [])
    ragged = {place: _ragged(len(row), len(header)) for place, row in enumerate(cells) if len(row) != len(header)}
    whole = [row for place, row in enumerate(cells) if place not in ragged]
    by_column: Sequence[Sequence[str]] = list(zip(*whole, strict=True)) or [()] * len(header)
    return header, [pa.array(each, pa.string()).dictionary_encode() for each in by_column], len(cells), ragged


def _ragged(cells: int, columns: int) -> Faults:
    return (RequestFault("", f"the row has {cells} cells, the header {columns}"),)


def _unquoted(text: str) -> Read:
    stream = io.StringIO(text, newline="")
    header = next((cells for cells in csv.reader(stream) if cells), [])
    body = text[stream.tell() :].encode()
    if not header or not body.strip():
        return header, [pa.array([], pa.string()).dictionary_encode() for _ in header], 0, {}
    ragged: dict[int, Faults] = {}

    def refused(row: arrow_csv.InvalidRow) -> str:
        ragged[row.number - 1] = _ragged(row.actual_columns, row.expected_columns)
        return "skip"

    places = [str(place) for place in range(len(header))]
    table = arrow_csv.read_csv(
        pa.BufferReader(body),
        arrow_csv.ReadOptions(use_threads=False, column_names=places, block_size=BLOCK),
        arrow_csv.ParseOptions(quote_char=False, invalid_row_handler=refused),
        arrow_csv.ConvertOptions(column_types=dict.fromkeys(places, CODED), null_values=[], check_utf8=False),
    )
    coded = [column.unify_dictionaries().combine_chunks() for column in table.columns]
    return header, coded, table.num_rows + len(ragged), ragged

"""Parquet files as dictionary-encoded columns, read after their decompressed size was checked."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from readmit.core.parquet_layout import check_pages, parquet_layout
from readmit.core.table_limits import InvalidTable, TableLimits, TableTooLarge

READABLE_TYPES = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_boolean,
)


class ParquetTable:
    """A Parquet file. `header`: its column names; `rows`: its number of rows.

    Raises InvalidTable when it is not valid Parquet; TableTooLarge when it exceeds a limit.
    """

    def __init__(self, content: bytes, limits: TableLimits) -> None:
        self._content, self._limits = content, limits
        self._layout = parquet_layout(content, limits)
        self.header = [column.name for column in self._layout.columns]
        self.rows = self._layout.rows

    def read(self, indices: Sequence[int]) -> list[pa.DictionaryArray | None]:
        """Return the columns with the given indices; None, without reading it, for a column of an unsupported type.

        Their names have to be unique. Raises InvalidTable, TableTooLarge.
        """
        columns = [self._layout.columns[index] for index in indices]
        flat = {column.name: column.leaf for column in columns if column.leaf is not None}
        check_pages(self._content, self._layout, flat.values(), self._limits)
        texts = [column.name for column in columns if column.leaf is not None and column.is_bytes]
        try:
            file = pq.ParquetFile(pa.BufferReader(self._content), read_dictionary=texts)
            types = {field.name: _value_type(field.type) for field in file.schema_arrow if field.name in flat}
            table = file.read([name for name, type_ in types.items() if is_readable(type_)], use_threads=False)
            # Arrow looks up codes without a bounds check.
            table.validate(full=True)
        except MemoryError as error:
            raise TableTooLarge("text_bytes", "more than fits into memory when decompressed") from error
        except (pa.ArrowException, OSError) as error:
            raise InvalidTable("its pages cannot be decoded") from error
        encoded = {name: _dictionary_encode(table[name]) for name in table.column_names}
        encoded |= {name: _null_column(self.rows) for name, type_ in types.items() if pa.types.is_null(type_)}
        if sum(text_bytes(column) for column in encoded.values()) > self._limits.text_bytes:
            raise TableTooLarge("text_bytes", f"more than {self._limits.text_bytes:,} bytes of text")
        return [encoded.get(column.name) for column in columns]


def is_readable(type_: pa.DataType) -> bool:
    """Return whether the type can occur in a field: text, numbers and booleans."""
    return any(matches(type_) for matches in READABLE_TYPES)


def text_bytes(column: pa.DictionaryArray) -> int:
    """Return the bytes of all cells of a text column; 0 for a column of numbers."""
    values = column.dictionary
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)) or not len(values):
        return 0
    lengths = pc.binary_length(values).fill_null(0).to_numpy(zero_copy_only=False)
    codes = column.indices.drop_null().to_numpy(zero_copy_only=False)
    return int(np.bincount(codes, minlength=len(values)) @ lengths)


def _value_type(type_: pa.DataType) -> pa.DataType:
    return type_.value_type if pa.types.is_dictionary(type_) else type_


def _null_column(rows: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.nulls(rows, pa.int32()), pa.array([], pa.string()))


def _dictionary_encode(values: pa.ChunkedArray) -> pa.DictionaryArray:
    if not pa.types.is_dictionary(values.type):
        plain = values.cast(pa.float32()) if pa.types.is_float16(values.type) else values
        values = plain.dictionary_encode()
    return values.unify_dictionaries().combine_chunks()

"""A Parquet file as columns of codes and distinct values, once it is known what it would unpack to."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from readmit.core.parquet_layout import check_pages, parquet_layout
from readmit.core.table_limits import InvalidTable, TableLimits, TableTooLarge

KINDS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean)


class ParquetTable:
    """`header`: the names of its columns; `rows`: how many it has.

    Raises InvalidTable when it is no Parquet; TableTooLarge when it exceeds a limit.
    """

    def __init__(self, content: bytes, limits: TableLimits) -> None:
        self._content, self._limits = content, limits
        self._layout = parquet_layout(content, limits)
        self.header = [column.name for column in self._layout.columns]
        self.rows = self._layout.rows

    def read(self, places: Sequence[int]) -> list[pa.DictionaryArray | None]:
        """Return the columns at some places; None for one whose type no field has, which is not unpacked.

        Their names have to be unique. Raises InvalidTable, TableTooLarge.
        """
        columns = [self._layout.columns[place] for place in places]
        flat = {column.name: column.leaf for column in columns if column.leaf is not None}
        check_pages(self._content, self._layout, flat.values(), self._limits)
        texts = [column.name for column in columns if column.leaf is not None and column.is_bytes]
        try:
            file = pq.ParquetFile(pa.BufferReader(self._content), read_dictionary=texts)
            types = {each.name: _plain(each.type) for each in file.schema_arrow if each.name in flat}
            table = file.read([name for name, kind in types.items() if is_readable(kind)], use_threads=False)
            # Arrow looks up codes without asking whether the dictionary has so many values.
            table.validate(full=True)
        except MemoryError as error:
            raise TableTooLarge("text_bytes", "more than fits into memory once it is unpacked") from error
        except (pa.ArrowException, OSError) as error:
            raise InvalidTable("its pages cannot be decoded") from error
        coded = {name: _coded(table[name]) for name in table.column_names}
        coded |= {name: _nulls(self.rows) for name, kind in types.items() if pa.types.is_null(kind)}
        if sum(text_bytes(each) for each in coded.values()) > self._limits.text_bytes:
            raise TableTooLarge("text_bytes", f"more than {self._limits.text_bytes:,} bytes of text")
        return [coded.get(column.name) for column in columns]


def is_readable(kind: pa.DataType) -> bool:
    """Whether values of the type can stand in a field: text, numbers and booleans."""
    return any(fits(kind) for fits in KINDS)


def text_bytes(coded: pa.DictionaryArray) -> int:
    """Return the bytes of all cells of a column of text; 0 for one of numbers."""
    values = coded.dictionary
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)) or not len(values):
        return 0
    lengths = pc.binary_length(values).fill_null(0).to_numpy(zero_copy_only=False)
    codes = coded.indices.drop_null().to_numpy(zero_copy_only=False)
    return int(np.bincount(codes, minlength=len(values)) @ lengths)


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _nulls(rows: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.nulls(rows, pa.int32()), pa.array([], pa.string()))


def _coded(values: pa.ChunkedArray) -> pa.DictionaryArray:
    if not pa.types.is_dictionary(values.type):
        plain = values.cast(pa.float32()) if pa.types.is_float16(values.type) else values
        values = plain.dictionary_encode()
    return values.unify_dictionaries().combine_chunks()

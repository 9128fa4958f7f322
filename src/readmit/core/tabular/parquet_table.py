"""Parquet files as dictionary-encoded columns of text, read after their decompressed size was checked."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from readmit.core.tabular.csv_table import TableRows
from readmit.core.tabular.parquet_layout import ParquetColumn, check_pages, parquet_layout
from readmit.core.tabular.parquet_text import dictionary_encode, is_readable, text_bytes, to_text, value_type
from readmit.core.tabular.table_header import TableHeader, join_names, match_header
from readmit.core.tabular.table_limits import InvalidTable, TableLimits, TableTooLarge


class ParquetTable:
    """A Parquet file. `header`: its columns.

    Raises InvalidTable when it is not valid Parquet of encounters; TableTooLarge when it exceeds a limit.
    """

    def __init__(self, content: bytes, limits: TableLimits) -> None:
        self._content, self._limits = content, limits
        self._layout = parquet_layout(content, limits)
        self.header: TableHeader = match_header([column.name for column in self._layout.columns])

    def is_readable(self, index: int) -> bool:
        """Return whether the column is of a type of text or numbers. Raises InvalidTable when its type is unknown."""
        return is_readable(value_type(self._open(()).schema_arrow.field(index).type))

    def read(self, indices: Sequence[int]) -> TableRows:
        """Return the columns with the given indices.

        Raises InvalidTable, also when the type of a column is not one of text or numbers, and TableTooLarge.
        """
        columns = [self._layout.columns[index] for index in indices]
        flat = [column.leaf for column in columns if column.leaf is not None]
        check_pages(self._content, self._layout, flat, self._limits)
        table = self._table(columns)
        encoded = [dictionary_encode(table[column.name]) for column in columns]
        if sum(text_bytes(column) for column in encoded) > self._limits.text_bytes:
            raise TableTooLarge("text_bytes", f"more than {self._limits.text_bytes:,} bytes of text")
        texts = [to_text(values, column.name) for values, column in zip(encoded, columns, strict=True)]
        return TableRows(self._layout.rows, texts)

    def _table(self, columns: Sequence[ParquetColumn]) -> pa.Table:
        names = [column.name for column in columns]
        file = self._open([column.name for column in columns if column.leaf is not None and column.is_bytes])
        _check_types({name: file.schema_arrow.field(name).type for name in names})
        try:
            table = file.read(names, use_threads=False)
            # Arrow looks up codes without a bounds check.
            table.validate(full=True)
        except MemoryError as error:
            raise TableTooLarge("text_bytes", "more than fits into memory when decompressed") from error
        except (pa.ArrowException, OSError) as error:
            raise InvalidTable("its pages cannot be decoded") from error
        return table

    def _open(self, texts: Sequence[str]) -> pq.ParquetFile:
        """Open the file. `texts`: names of the columns that are read as dictionaries."""
        try:
            return pq.ParquetFile(pa.BufferReader(self._content), read_dictionary=texts)
        except (pa.ArrowException, OSError) as error:
            raise InvalidTable("its schema cannot be decoded") from error


def _check_types(types: dict[str, pa.DataType]) -> None:
    """Raise InvalidTable when a column's type can be that of no field."""
    unreadable = [f"{name} ({type_})" for name, type_ in types.items() if not is_readable(value_type(type_))]
    if unreadable:
        raise InvalidTable(f"columns of a type that is neither text nor a number: {join_names(unreadable)}")

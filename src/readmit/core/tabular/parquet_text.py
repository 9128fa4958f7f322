"""Values of a Parquet column as text: every type that holds text or numbers is read by value."""

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from readmit.core.tabular.table_limits import InvalidTable

TEXTS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
BINARIES = (
    *(pa.types.is_binary, pa.types.is_large_binary),
    *(pa.types.is_binary_view, pa.types.is_fixed_size_binary),
)
NUMBERS = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)


def value_type(type_: pa.DataType) -> pa.DataType:
    """Return the type of the values: of a dictionary, that of its entries."""
    return type_.value_type if pa.types.is_dictionary(type_) else type_


def is_readable(type_: pa.DataType) -> bool:
    """Return whether values of the type can be read as those of a field: text and numbers, or none at all."""
    return any(matches(type_) for matches in (*TEXTS, *BINARIES, *NUMBERS, pa.types.is_null))


def text_bytes(column: pa.DictionaryArray) -> int:
    """Return the bytes of all cells of a column of text or bytes; 0 for a column of numbers."""
    values = column.dictionary
    if not any(matches(values.type) for matches in (*TEXTS, *BINARIES)) or not len(values):
        return 0
    lengths = pc.binary_length(values).fill_null(0).to_numpy(zero_copy_only=False)
    codes = column.indices.drop_null().to_numpy(zero_copy_only=False)
    return int(np.bincount(codes, minlength=len(values)) @ lengths)


def dictionary_encode(values: pa.ChunkedArray) -> pa.DictionaryArray:
    """Return a column as dictionary-encoded values of the types that Arrow can encode."""
    if pa.types.is_null(values.type):
        return pa.DictionaryArray.from_arrays(pa.nulls(len(values), pa.int32()), pa.array([], pa.string()))
    if not pa.types.is_dictionary(values.type):
        values = _encodable(values).dictionary_encode()
    return values.unify_dictionaries().combine_chunks()


def _encodable(values: pa.ChunkedArray) -> pa.ChunkedArray:
    type_ = values.type
    if pa.types.is_float16(type_):
        return values.cast(pa.float32())
    if pa.types.is_string_view(type_):
        return values.cast(pa.string())
    return values.cast(pa.binary()) if pa.types.is_binary_view(type_) else values


def to_text(column: pa.DictionaryArray, name: str) -> pa.DictionaryArray:
    """Return a column with its values as text; a NaN becomes null.

    Raises InvalidTable, naming the column, when it holds bytes that are not UTF-8.
    """
    values = column.dictionary
    if pa.types.is_string(values.type):
        return column
    if any(matches(values.type) for matches in TEXTS):
        texts = values.cast(pa.string())
    elif any(matches(values.type) for matches in BINARIES):
        try:
            texts = values.cast(pa.binary()).cast(pa.string())
        except pa.ArrowInvalid as error:
            raise InvalidTable(f"column {name} holds bytes that are not UTF-8 text") from error
    elif pa.types.is_integer(values.type):
        texts = values.cast(pa.string())
    else:
        texts = pa.array([_number_text(value) for value in values.to_pylist()], pa.string())
    return _reencode(column.indices, texts)


def _number_text(value: float | Decimal | None) -> str | None:
    if value is None or value != value:
        return None
    return str(int(value)) if abs(value) != float("inf") and value == int(value) else str(value)


def _reencode(indices: pa.Array, texts: pa.Array) -> pa.DictionaryArray:
    """Return codes and texts as one column without nulls or repeated texts among its distinct values."""
    if not texts.null_count:
        return pa.DictionaryArray.from_arrays(indices, texts)
    return texts.take(indices).dictionary_encode()

"""Parquet to columns: text as CSV has it, or numbers as a data frame has them."""

import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from api.batch.columns import Column, Columns, checked_number, named
from api.errors import Refused
from readmit.core.encounter import Field
from readmit.core.request import cell_text, json_text

KINDS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean)
MOST_UNPACKED_BYTES = 1_000_000_000
"""What a file says that it holds: a small one can be blown up to fill any memory."""


def columns(body: bytes, most: int) -> Columns:
    """The rows of a file. Refused: 400, it is no Parquet; 413, it has more than `most` rows, or unpacks to too much."""
    try:
        file = pq.ParquetFile(pa.BufferReader(body))
        rows = checked_number(file.metadata.num_rows, most)
        groups = (file.metadata.row_group(place) for place in range(file.metadata.num_row_groups))
        if sum(group.total_byte_size for group in groups) > MOST_UNPACKED_BYTES:
            raise Refused(413, f"the body holds more than {MOST_UNPACKED_BYTES:,} bytes once it is unpacked")
        table = file.read(use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise Refused(400, f"the body is no valid Parquet: {str(error)[:200]}") from error
    fields, everywhere = named(table.column_names, [_column(each) for each in table.columns])
    return Columns(rows, fields, typed_text, everywhere=everywhere)


def _column(values: pa.ChunkedArray) -> Column:
    kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    if len(values) == 0 or pa.types.is_null(kind):
        return Column([None], np.zeros(len(values), dtype=np.int64))
    if not any(fits(kind) for fits in KINDS):
        # A list, a date or a structure can stand in no field; what it holds does not matter.
        return Column([[]], np.zeros(len(values), dtype=np.int64))
    plain = values.cast(pa.float32() if pa.types.is_float16(kind) else kind)
    # Once more, for values that are coded already may be coded twice.
    coded = plain.dictionary_encode(null_encoding="encode").unify_dictionaries().combine_chunks()
    return Column(coded.dictionary.to_pylist(), coded.indices.to_numpy(zero_copy_only=False).astype(np.int64))


def typed_text(field: Field, raw: object) -> str | None:
    """Reads a value of a data frame, where a whole number may stand as text, and beside absent ones as a float."""
    if isinstance(raw, str):
        return cell_text(field, raw)
    if isinstance(raw, float):
        if math.isnan(raw):
            return None
        return json_text(field, int(raw) if raw.is_integer() else raw)
    return json_text(field, raw)

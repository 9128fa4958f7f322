"""UCI's layout: the published file, its columns, and readers for files in that layout."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from readmit.core.tabular.csv_table import TableRows
from readmit.core.tabular.table_file import open_table, table_content
from readmit.core.tabular.table_header import ROW_ERROR, uci_names
from readmit.core.tabular.table_limits import InvalidTable, TableLimits, TableTooLarge

DRUGS = (
    *("metformin", "repaglinide", "nateglinide", "chlorpropamide", "glimepiride", "acetohexamide"),
    *("glipizide", "glyburide", "tolbutamide", "pioglitazone", "rosiglitazone", "acarbose", "miglitol"),
    *("troglitazone", "tolazamide", "examide", "citoglipton", "insulin", "glyburide-metformin"),
    *("glipizide-metformin", "glimepiride-pioglitazone", "metformin-rosiglitazone", "metformin-pioglitazone"),
)
COLUMNS = (
    *("encounter_id", "patient_nbr", "race", "gender", "age", "weight", "admission_type_id"),
    *("discharge_disposition_id", "admission_source_id", "time_in_hospital", "payer_code", "medical_specialty"),
    *("num_lab_procedures", "num_procedures", "num_medications", "number_outpatient", "number_emergency"),
    *("number_inpatient", "diag_1", "diag_2", "diag_3", "number_diagnoses", "max_glu_serum", "A1Cresult"),
    *DRUGS,
    *("change", "diabetesMed", "readmitted"),
)
WHOLE_NUMBERS = frozenset(
    (
        *("encounter_id", "patient_nbr", "admission_type_id", "discharge_disposition_id", "admission_source_id"),
        *("time_in_hospital", "num_lab_procedures", "num_procedures", "num_medications", "number_outpatient"),
        *("number_emergency", "number_inpatient", "number_diagnoses"),
    )
)


LIMITS = TableLimits(rows=50_000_000, text_bytes=16_000_000_000, page_bytes=2_000_000_000)
"""Of the operator's own file: large, but a damaged one does not take all memory."""
_ORDER = "order"


class NotInLayout(Exception):
    """A file that can't be read as a table in UCI's layout; the message gives the reason."""


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """A published file; downloads are verified against it. `size` is in bytes."""

    name: str
    size: int
    sha256: str


UCI = PublishedFile("diabetic_data.csv", 19_159_383, "0689e7ec031237dc63031b938805c48377748761a3b26acab621567afa24df97")


def sha256(content: bytes) -> str:
    """Return the SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def csv_content(path: Path) -> bytes:
    """Return the bytes of the table: the file itself, or the table inside a zip. Raises OSError or NotInLayout."""
    try:
        return table_content(path.read_bytes(), LIMITS)
    except (InvalidTable, TableTooLarge) as error:
        raise NotInLayout(str(error)) from error


def read_table(content: bytes) -> pl.DataFrame:
    """Return the rows of a CSV or Parquet file, or the one in a zip, all cells as text: `?`, `None` and empty ones too.

    Fields are named as UCI names them. A row with more or fewer cells than the header has empty cells, and what is
    wrong in the column ROW_ERROR, which only such a file has. Raises NotInLayout.
    """
    try:
        table = open_table(content, LIMITS)
        table.header.require(["encounter_id"])
        rows = table.read(range(len(table.header.names)))
    except (InvalidTable, TableTooLarge) as error:
        raise NotInLayout(str(error)) from error
    if not rows.rows:
        raise NotInLayout("the file has no encounters")
    # One column after the other, because the decoded ones take several times the memory.
    columns = (pl.Series(column.dictionary_decode().fill_null("")) for column in rows.columns)
    frame = pl.DataFrame(dict(zip(uci_names(table.header), columns, strict=True)))
    return _with_row_errors(frame, rows, len(table.header.names)) if rows.ragged else frame


def _with_row_errors(frame: pl.DataFrame, rows: TableRows, width: int) -> pl.DataFrame:
    """Return the frame with the ragged rows at their places, and ROW_ERROR, empty for the other rows."""
    whole = [row for row in range(rows.rows) if row not in rows.ragged]
    errors = {row: ragged.message(width) for row, ragged in rows.ragged.items()}
    parts = [
        frame.with_columns(pl.lit("").alias(ROW_ERROR), pl.Series(_ORDER, whole)),
        pl.DataFrame({ROW_ERROR: list(errors.values()), _ORDER: list(errors)}),
    ]
    return pl.concat(parts, how="diagonal").sort(_ORDER).drop(_ORDER).with_columns(pl.all().fill_null(""))

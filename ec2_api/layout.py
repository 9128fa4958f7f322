"""UCI's layout: the published file, its columns, and readers for files in that layout."""

import hashlib
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ec2_api.csv_fault import find_csv_error

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
    """Return the CSV's bytes: the file itself, or the table inside a zip. Raises OSError or NotInLayout."""
    if not zipfile.is_zipfile(path):
        return path.read_bytes()
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.read(_find_table(archive))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise NotInLayout(f"the zip can't be read: {error}") from error


def _find_table(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    tables = [entry for entry in archive.infolist() if entry.filename.lower().endswith(".csv")]
    candidates = [entry for entry in tables if Path(entry.filename).name == UCI.name] or tables
    # Two folders may hold the table; a table of another name is used only when it is the only one.
    if not candidates or (len(candidates) > 1 and candidates is tables):
        raise NotInLayout(f"the zip has no {UCI.name}, and {len(tables)} other CSV files instead of one")
    return candidates[0]


def read_table(content: bytes) -> pl.DataFrame:
    """Return the rows of the file, all cells as text: `?`, `None` and empty cells too. Raises NotInLayout."""
    try:
        # Blank lines at the end are dropped; one in the middle is damage and is passed on.
        frame = pl.read_csv(content.rstrip(b"\r\n"), infer_schema=False, empty_string_is_null=False)
    except pl.exceptions.PolarsError:
        # The message of Polars quotes cells.
        raise NotInLayout(f"not a valid CSV: {find_csv_error(content, COLUMNS) or 'unknown error'}") from None
    if "encounter_id" not in frame.columns:
        raise NotInLayout("column encounter_id is missing")
    if frame.is_empty():
        raise NotInLayout("the file has no encounters")
    return frame

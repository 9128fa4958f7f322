"""UCI's layout: the published file, its columns, and how a file in that layout is read."""

import hashlib
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ec2_api.csv_fault import find_csv_fault

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
    """The file can't be read as a table in UCI's layout; the text says why."""


@dataclass(frozen=True, slots=True)
class Published:
    """A file as it was published: a download is checked against it."""

    name: str
    size: int
    sha256: str


UCI = Published("diabetic_data.csv", 19_159_383, "0689e7ec031237dc63031b938805c48377748761a3b26acab621567afa24df97")


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def csv_content(path: Path) -> bytes:
    """The CSV's bytes: the file itself, or the table inside a zip. OSError, NotInLayout."""
    if not zipfile.is_zipfile(path):
        return path.read_bytes()
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.read(_table_inside(archive))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise NotInLayout(f"the zip can't be read: {error}") from error


def _table_inside(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    tables = [entry for entry in archive.infolist() if entry.filename.lower().endswith(".csv")]
    named = [entry for entry in tables if Path(entry.filename).name == UCI.name] or tables
    # Two folders may hold the table; another table is taken only when it is the one there is.
    if not named or (len(named) > 1 and named is tables):
        raise NotInLayout(f"the zip holds no {UCI.name}, and {len(tables)} tables by other names")
    return named[0]


def table(content: bytes) -> pl.DataFrame:
    """The rows as they stand in the file, every cell its text: `?`, `None` and the empty text too. NotInLayout."""
    try:
        # Blank lines at the end are no encounters; one in the middle is damage, and is handed on.
        frame = pl.read_csv(content.rstrip(b"\r\n"), infer_schema=False, empty_string_is_null=False)
    except pl.exceptions.PolarsError:
        # The reader's own text repeats cells.
        raise NotInLayout(f"it is no readable CSV: {find_csv_fault(content, COLUMNS) or 'unknown fault'}") from None
    if "encounter_id" not in frame.columns:
        raise NotInLayout("it has no column encounter_id")
    if frame.is_empty():
        raise NotInLayout("it holds no encounters")
    return frame

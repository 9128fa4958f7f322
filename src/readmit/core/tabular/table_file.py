"""A file with a table, recognised by its content: CSV, Parquet, or a zip with one of them."""

import io
import zipfile
import zlib

from readmit.core.request import printable_excerpt
from readmit.core.tabular.csv_table import CsvTable
from readmit.core.tabular.parquet_layout import MAGIC
from readmit.core.tabular.parquet_table import ParquetTable
from readmit.core.tabular.table_header import join_names
from readmit.core.tabular.table_limits import InvalidTable, TableLimits, TableTooLarge

ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
OTHER_FORMATS = {
    b"\xd0\xcf\x11\xe0": "an Excel workbook: save it as CSV",
    b"\x1f\x8b": "compressed with gzip: decompress it first",
    b"\x28\xb5\x2f\xfd": "compressed with Zstandard: decompress it first",
    b"BZh": "compressed with bzip2: decompress it first",
    b"\xfd7zXZ": "compressed with xz: decompress it first",
    b"7z\xbc\xaf": "a 7z archive: extract the CSV file first",
    b"Rar!": "a RAR archive: extract the CSV file first",
    b"%PDF": "a PDF document: export the table as CSV",
    b"ARROW1": "an Arrow file: save it as Parquet or CSV",
    b"Obj\x01": "an Avro file: save it as Parquet or CSV",
}
WORKBOOKS = {"xl/": "an Excel workbook: save it as CSV", "content.xml": "an OpenDocument file: save it as CSV"}
"""Names in the zips of office documents, and what they are."""
TABLE_SUFFIXES = (".csv", ".tsv", ".parquet")
PUBLISHED_NAME = "diabetic_data.csv"
"""UCI's zip contains another CSV file beside this one."""
ENCRYPTED = 0x1


def open_table(content: bytes, limits: TableLimits) -> CsvTable | ParquetTable:
    """Open a CSV or Parquet file, or the one in a zip.

    Raises InvalidTable when it is none, or of a format that is recognised but not read; TableTooLarge.
    """
    content = table_content(content, limits)
    if content.startswith(MAGIC):
        return ParquetTable(content, limits)
    for magic, description in OTHER_FORMATS.items():
        if content.startswith(magic):
            raise InvalidTable(f"it is {description}")
    return CsvTable(content, limits)


def table_content(content: bytes, limits: TableLimits) -> bytes:
    """Return the content, or the table in it if it is a zip.

    Raises InvalidTable when the zip has no table, has several, or is damaged; TableTooLarge.
    """
    if not content.startswith(ZIP_MAGIC):
        return content
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entry = _find_table(archive.infolist())
            if entry.flag_bits & ENCRYPTED:
                raise InvalidTable(f"the zip is encrypted: extract {printable_excerpt(entry.filename)} first")
            with archive.open(entry) as file:
                table = file.read(limits.text_bytes + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
        raise InvalidTable(f"the zip can't be read: {error}") from error
    if len(table) > limits.text_bytes:
        raise TableTooLarge("text_bytes", f"more than {limits.text_bytes:,} bytes when decompressed")
    return table


def _find_table(entries: list[zipfile.ZipInfo]) -> zipfile.ZipInfo:
    files = {entry.filename: entry for entry in entries if not entry.is_dir() and not _is_metadata(entry.filename)}
    for start, description in WORKBOOKS.items():
        if any(name.startswith(start) for name in files):
            raise InvalidTable(f"it is {description}")
    tables = [name for name in files if name.lower().endswith(TABLE_SUFFIXES)]
    published = [name for name in tables if _parts(name)[-1] == PUBLISHED_NAME]
    candidates = published or tables
    if not candidates:
        raise InvalidTable(f"the zip has no {PUBLISHED_NAME} or other table ({', '.join(TABLE_SUFFIXES)})")
    if len(candidates) > 1:
        names = join_names([printable_excerpt(name) for name in sorted(candidates)])
        raise InvalidTable(f"the zip has several tables, of which only one can be read: {names}")
    return files[candidates[0]]


def _is_metadata(name: str) -> bool:
    """Return whether an entry is not a file of the user's, but one that macOS adds for each of them."""
    *folders, base = _parts(name)
    return base.startswith("._") or "__macosx" in folders


def _parts(name: str) -> list[str]:
    """Return the folders and the name of an entry without case; some programs on Windows write backslashes."""
    return name.lower().replace("\\", "/").split("/")

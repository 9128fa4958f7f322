"""Files from the field give the same result at all doors: the data API's source, the inference API and the app."""

import csv
import io
import zipfile
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from readmit.core.encounter import COLUMNS
from tests.doors.doors import Door, Outcome
from tests.doors.table import HEADER, ROWS, as_bytes, as_text, table, with_header, with_line

Doors = dict[str, Door]
SECRET = "Zzyzx"
"""A cell, which no message may contain."""


def read_by_all(doors: Doors, content: bytes) -> dict[str, Outcome]:
    return {name: door.read(content) for name, door in doors.items()}


def assert_read(doors: Doors, content: bytes, rows: int = ROWS) -> None:
    for name, outcome in read_by_all(doors, content).items():
        assert (outcome.refusal, outcome.rows, outcome.errors) == ("", rows, {}), name


def assert_refused(doors: Doors, content: bytes, *parts: str) -> None:
    for name, outcome in read_by_all(doors, content).items():
        assert all(part in outcome.refusal for part in parts), (name, outcome)
        assert SECRET not in outcome.refusal


def zipped(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/").replace("_csv", ".csv"), content)
    return out.getvalue()


ROW = table()[1]
PLAIN = as_bytes(table())
SEMICOLONS = as_text(table(diag_2="250,83"), delimiter=";")
READ = {
    "plain": PLAIN,
    "semicolons and decimal commas": SEMICOLONS.encode(),
    "semicolons and a byte order mark": b"\xef\xbb\xbf" + SEMICOLONS.encode(),
    "tabs": as_bytes(table(), delimiter="\t"),
    "vertical bars": as_bytes(table(), delimiter="|"),
    "sep= line": b"sep=;\r\n" + as_text(table(), delimiter=";", end="\r\n").encode(),
    "quoted sep= line": b'"sep=\t"\n' + as_bytes(table(), delimiter="\t"),
    "UTF-16 with a byte order mark": as_text(table(), delimiter="\t").encode("utf-16"),
    "UTF-16 without": as_text(table()).encode("utf-16-le"),
    "CR": as_bytes(table(), end="\r"),
    "CR LF": as_bytes(table(), end="\r\n"),
    "CR with quotes": as_text(table(), end="\r", quoting=csv.QUOTE_ALL).encode(),
    "mixed line ends": PLAIN.replace(b"\n", b"\r", 3).replace(b"\n", b"\r\n", 2),
    "no line end": PLAIN.rstrip(),
    "quotes": as_text(table(), quoting=csv.QUOTE_ALL).encode(),
    "blank lines": PLAIN.replace(b"\n", b"\n\n\r\n", 4) + b"\n\n \n",
    "ghost rows": PLAIN + (b"," * 49 + b"\n") * 5,
    "ghost rows of other widths, and quoted": PLAIN + b",,,\n , ,\n" + b'"",' * 49 + b'""\n',
    "a ghost row in the middle": PLAIN.replace(b"\n", b"\n" + b"," * 49 + b"\n", 3),
    "upper-case header": with_header(str.upper),
    "R's header": with_header(lambda name: name.replace("-", ".")),
    "underscores in the header": with_header(lambda name: name.replace("-", "_")),
    "blanks in the header": with_header(lambda name: f" {name.replace('_', ' ')} "),
    "blanks around cells": PLAIN.replace(b",", b" , "),
    "a row index without a name": as_bytes([["", *HEADER], *([str(i), *row] for i, row in enumerate(table()[1:]))]),
    "pandas' row index": as_bytes([["Unnamed: 0", *HEADER], *([str(i), *row] for i, row in enumerate(table()[1:]))]),
    "whole numbers with a decimal point": as_bytes(table(admission_source_id="7.0", diag_1="428.0")),
    "words for a missing diagnosis": as_bytes(table(diag_3="NULL", payer_code="NA", medical_specialty="nan")),
    "other words for missing": as_bytes(table(diag_3="", payer_code="N/A", medical_specialty="None", weight="null")),
    "a zip": zipped(any_csv=PLAIN),
    "Finder's zip": zipped(__MACOSX___=b"", diabetic_data_csv=PLAIN, __MACOSX__=b"x"),
    "a zip of UCI's files in a folder": zipped(folder__Diabetic_Data_csv=PLAIN, folder__IDS_mapping_csv=b"id,x\n"),
}


@pytest.mark.parametrize("name", READ)
def test_a_file_is_read_at_all_doors(doors: Doors, name: str) -> None:
    assert_read(doors, READ[name])


REFUSED = {
    "stray quote in the first cell": (with_line(3, f'"{SECRET},{SECRET}'), "line 3", "column 1 (encounter_id)"),
    "stray quotes in two rows": (
        with_line(9, f'{SECRET},"{SECRET}', table()),
        "line 9, column 2 (patient_nbr): an opening quote without a closing quote",
    ),
    "a quote inside a cell": (with_line(4, f'{SECRET},a"{SECRET}'), "line 4, column 2", "a quote inside"),
    "text after a quote": (with_line(4, f'"1"{SECRET},2'), "line 4, column 1", "text after the closing quote"),
    "a quoted line break": (with_line(5, f'1,"{SECRET}\n{SECRET}",3'), "line 5, column 2"),
    "a quoted line break in semicolons": (
        as_bytes([HEADER, [*ROW[:2], f"{SECRET}\r\n", *ROW[3:]]], delimiter=";"),
        "line 2, column 3 (race)",
    ),
    "a stray quote in the header": (PLAIN.replace(b"race", b'"race', 1), "line 1, column 3"),
    "every row ends in a comma": (
        PLAIN.replace(b"\n", b",\n").replace(b",\n", b"\n", 1),
        "line 2 has 51",
        "which has 50",
    ),
    "every row is short": (as_bytes([HEADER, *(row[:-2] for row in table()[1:])]), "line 2 has 48", "which has 50"),
    "a doubled column": (PLAIN.replace(b"gender", b"race", 1), "race"),
    "a doubled column in another case": (PLAIN.replace(b"gender", b"RACE", 1), "race"),
    "a doubled column with a blank": (PLAIN.replace(b"gender", b"race ", 1), "race"),
    "no header": (as_bytes(table(medical_specialty=SECRET)[1:]), "line 1", "header"),
    "spaces as delimiters": (PLAIN.replace(b",", b" "), "line 1", "header"),
    "an unsupported sep= line": (b"sep=:\n" + PLAIN.replace(b",", b":"), "line 1", "separated by"),
    "latin-1": (PLAIN.replace(b"Cardiology", "Cardiología".encode("latin-1"), 1), "line 2", "UTF-8"),
    "NUL characters": (PLAIN.replace(b"Cardiology", b"Car\0diology", 1), "line 2", "NUL"),
    "an Excel workbook": (zipped(xl__workbook_xml=b"<x/>"), "an Excel workbook: save it as CSV"),
    "an old Excel workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "an Excel workbook"),
    "an OpenDocument table": (zipped(**{"content.xml": b"<x/>"}), "an OpenDocument file"),
    "gzip": (b"\x1f\x8b\x08\x00" + bytes(90), "compressed with gzip"),
    "two tables in a zip": (zipped(a_csv=PLAIN, b_csv=PLAIN), "a.csv, b.csv"),
    "UCI's table twice in a zip": (
        zipped(a__diabetic_data_csv=PLAIN, b__diabetic_data_csv=PLAIN),
        "a/diabetic_data.csv, b/diabetic_data.csv",
    ),
    "a zip without a table": (zipped(readme=b"x"), "the zip has no"),
    "a damaged zip": (zipped(a_csv=PLAIN)[:-40], "the zip can't be read"),
    "nothing but a header of other fields": (b"name,ward\nx,y\n", "header"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_is_refused_at_all_doors_with_the_same_reason_and_without_cells(doors: Doors, name: str) -> None:
    content, *parts = REFUSED[name]
    assert_refused(doors, content, *parts)


@pytest.mark.parametrize(
    ("content", "line", "cells"),
    [
        (with_line(6, ",".join([*ROW, SECRET])), 6, 51),
        (with_line(6, ",".join(ROW[:-3])), 6, 47),
        (with_line(6, "\n\n\n" + ",".join([*ROW, SECRET])), 9, 51),
        (with_line(6, ",,,\n" + ",".join([*ROW, SECRET])), 7, 51),
        (as_bytes([*table(), [*ROW, SECRET]], end="\r"), 14, 51),
        (as_bytes([*table(), [*ROW, '"']], end="\r\n"), 14, 51),
    ],
)
def test_a_single_ragged_row_is_the_only_one_with_an_error_which_names_its_line(
    doors: Doors, content: bytes, line: int, cells: int
) -> None:
    for name, outcome in read_by_all(doors, content).items():
        assert outcome.refusal == "", name
        (error,) = outcome.errors.values()
        assert f"line {line}" in error, name
        assert str(cells) in error or name == "app"
        assert SECRET not in error
    assert len({outcome.rows for outcome in read_by_all(doors, content).values()}) == 1


@pytest.mark.parametrize(
    ("code", "named"), [("E119", "ICD-10"), ("V95", "ICD-10"), ("E11.9", "ICD-10"), ("E700", "ICD-9")]
)
def test_a_diagnosis_outside_of_icd_9_cm_is_an_error_that_names_the_system(doors: Doors, code: str, named: str) -> None:
    for name, outcome in read_by_all(doors, as_bytes(table(diag_2=code))).items():
        assert len(outcome.errors) == ROWS, name
        assert all(named in error and "diag_2" in error for error in outcome.errors.values()), name


@pytest.mark.parametrize("column", ["metformin", "glyburide-metformin", "insulin"])
def test_a_misspelled_drug_column_never_gives_a_prediction(doors: Doors, column: str) -> None:
    content = with_header(lambda name: f"{name}x" if name == column else name)
    for name, outcome in read_by_all(doors, content).items():
        assert outcome.refusal or len(outcome.errors) == ROWS, name


@pytest.mark.parametrize("door", ["api", "app"])
def test_a_missing_required_column_is_one_error(doors: Doors, door: str) -> None:
    header, *rows = table()
    without = [[cell for name, cell in zip(header, row, strict=True) if name != "gender"] for row in (header, *rows)]
    assert doors[door].read(as_bytes(without)).refusal.endswith("missing columns: gender") or door == "app"
    assert "gender" in doors[door].read(as_bytes(without)).refusal


def test_the_api_names_unknown_columns_once_and_the_app_ignores_them_when_no_field_is_missing(doors: Doors) -> None:
    header, *rows = table()
    content = as_bytes([[*header, "ward"], *([*row, SECRET] for row in rows)])
    assert doors["api"].read(content).refusal == "the body is not valid CSV: unknown columns: ward"
    assert (doors["app"].read(content).refusal, doors["app"].read(content).rows) == ("", ROWS)


def parquet(**columns: pa.Array) -> bytes:
    header, *rows = table()
    texts = dict(zip(header, zip(*rows, strict=True), strict=True))
    arrays = {name: columns.get(name, pa.array(values, pa.string())) for name, values in texts.items()}
    out = io.BytesIO()
    pq.write_table(pa.table(arrays), out)
    return out.getvalue()


def of(type_: pa.DataType, value: object) -> pa.Array:
    return pa.array([value] * ROWS, type_)


TYPES = {
    "large_string": of(pa.large_string(), "Caucasian"),
    "string_view": of(pa.string_view(), "Caucasian"),
    "binary": of(pa.binary(), b"Caucasian"),
    "large_binary": of(pa.large_binary(), b"Caucasian"),
    "binary_view": of(pa.binary_view(), b"Caucasian"),
    "fixed-size binary": of(pa.binary(9), b"Caucasian"),
    "dictionary": of(pa.string(), "Caucasian").dictionary_encode(),
    "nothing": pa.nulls(ROWS),
}
NUMBERS = {
    "decimal(38, 0)": of(pa.decimal128(38, 0), Decimal(5)),
    "decimal(10, 2)": of(pa.decimal128(10, 2), Decimal("5.00")),
    "decimal256": of(pa.decimal256(50, 0), Decimal(5)),
    "double": of(pa.float64(), 5.0),
    "half float": of(pa.float16(), 5.0),
    "uint8": of(pa.uint8(), 5),
    "int64": of(pa.int64(), 5),
    "text": of(pa.string(), "5"),
    "binary": of(pa.binary(), b"5"),
    "dictionary of numbers": of(pa.int64(), 5).dictionary_encode(),
}


@pytest.mark.parametrize("name", TYPES)
def test_a_parquet_column_of_text_is_read_by_value(doors: Doors, name: str) -> None:
    assert_read(doors, parquet(race=TYPES[name]))


@pytest.mark.parametrize("name", NUMBERS)
def test_a_parquet_column_of_whole_numbers_is_read_by_value(doors: Doors, name: str) -> None:
    assert_read(doors, parquet(time_in_hospital=NUMBERS[name], diag_1=NUMBERS[name]))


@pytest.mark.parametrize(
    ("column", "type_name"),
    [
        (of(pa.list_(pa.string()), ["Caucasian"]), "list<"),
        (of(pa.bool_(), True), "bool"),
        (of(pa.date32(), 5), "date32"),
        (of(pa.timestamp("us"), 5), "timestamp"),
        (of(pa.struct({"a": pa.string()}), {"a": "x"}), "struct"),
    ],
)
def test_a_parquet_column_of_another_type_is_named_once_with_its_type(
    doors: Doors, column: pa.Array, type_name: str
) -> None:
    assert_refused(doors, parquet(race=column), "race", type_name)


def test_bytes_that_are_not_text_are_refused_with_the_name_of_their_column(doors: Doors) -> None:
    assert_refused(doors, parquet(race=of(pa.binary(), b"\xff" + SECRET.encode())), "race", "UTF-8")


@pytest.mark.parametrize("lost", [{"max_glu_serum": ""}, {"A1Cresult": "nan"}, {"max_glu_serum": "NULL"}])
def test_csv_parquet_and_the_app_carry_the_warnings_of_json(doors: Doors, lost: dict[str, str]) -> None:
    content = as_bytes(table(**lost))
    outcome = doors["api"].read(content)
    (field,) = lost
    assert {name for name, _ in outcome.warnings} >= {field}
    assert doors["app"].read(content).warnings == outcome.warnings


def test_every_column_of_the_contract_is_in_the_table_of_these_tests() -> None:
    assert len(HEADER) == len(COLUMNS) == 50

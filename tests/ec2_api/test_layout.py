import zipfile
from pathlib import Path

import pytest

from ec2_api.formats import csv_bytes
from ec2_api.layout import NotInLayout, csv_content, read_table
from readmit.core.tabular.table_header import ROW_ERROR

DAMAGED = b"encounter_id,race,A1Cresult\n1,?,None\nx7, ,\n,None,\xc3\xa9\n"


def test_every_cell_stays_text_including_malformed_and_missing_values() -> None:
    assert read_table(DAMAGED).rows() == [("1", "?", "None"), ("x7", " ", ""), ("", "None", "é")]


def test_blank_lines_are_no_rows() -> None:
    assert read_table(DAMAGED.replace(b"\nx7", b"\n\nx7") + b"\r\n\n").height == 3


def test_a_ragged_row_keeps_its_place_with_its_error_and_no_values() -> None:
    frame = read_table(b"encounter_id,race\n1,?\n2,Asian,secret\n3,?\n")
    assert frame.columns == ["encounter_id", "race", ROW_ERROR]
    assert frame.rows() == [("1", "?", ""), ("", "", "line 3 has 3 cells, but the header has 2"), ("3", "?", "")]


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"a,b\n1,2\n", b"encounter_id,race\n", b"encounter_id\n1,2\n", b"encounter_id\n\xff\n"]
)
def test_a_file_in_another_layout_is_rejected(content: bytes) -> None:
    with pytest.raises(NotInLayout):
        read_table(content)


def test_the_table_is_found_in_any_folder_of_a_zip(tmp_path: Path, small_csv: Path) -> None:
    path = tmp_path / "any.name"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(small_csv, "folder/diabetic_data.csv")
        archive.writestr("folder/IDS_mapping.csv", "admission_type_id,description\n")
    assert csv_content(path) == small_csv.read_bytes()
    assert csv_bytes(read_table(csv_content(path))) == small_csv.read_bytes()


def test_a_zip_without_a_table_or_with_damage_is_rejected(tmp_path: Path, small_csv: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("readme.txt", "nothing")
    with pytest.raises(NotInLayout, match="the zip has no"):
        csv_content(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(small_csv, "diabetic_data.csv")
    damaged = bytearray(path.read_bytes())
    damaged[2_000:2_100] = bytes(100)
    path.write_bytes(damaged)
    with pytest.raises(NotInLayout, match="can't be read"):
        csv_content(path)

import json
from io import BytesIO
from pathlib import Path

import polars as pl

from ec2_api.formats import BatchStore, Format, csv_bytes, json_bytes, parquet_bytes
from ec2_api.layout import table


def test_json_has_whole_numbers_as_numbers_and_damage_as_the_text_it_is() -> None:
    frame = table(b"encounter_id,time_in_hospital,diag_1,own\n12,3,250,7\n-4,007,V57,\n9x,12345678901234567890,?,8\n")
    assert json.loads(json_bytes(frame)) == [
        {"encounter_id": 12, "time_in_hospital": 3, "diag_1": "250", "own": "7"},
        {"encounter_id": -4, "time_in_hospital": "007", "diag_1": "V57", "own": ""},
        {"encounter_id": "9x", "time_in_hospital": "12345678901234567890", "diag_1": "?", "own": "8"},
    ]


def test_csv_and_parquet_are_all_text_and_give_the_same_rows_back() -> None:
    frame = table(b'encounter_id,race\n1,?\n2,""\n3,"a,b ""c"""\n4,None\n')
    back = pl.read_parquet(BytesIO(parquet_bytes(frame)))
    assert set(back.dtypes) == {pl.String}
    assert back.equals(frame)
    assert table(csv_bytes(frame)).equals(frame)


def test_another_process_would_make_the_same_bytes(tmp_path: Path, small_csv: Path) -> None:
    frame = table(small_csv.read_bytes())
    shelves = [BatchStore(tmp_path / name) for name in ("one", "two")]
    for shelf in shelves:
        shelf.put(1, frame, csv_bytes(frame))
    for form in Format:
        one, two = (shelf.get(1, form) for shelf in shelves)
        assert one.sha256 == two.sha256
        assert one.path.read_bytes() == two.path.read_bytes()

import json
from io import BytesIO
from pathlib import Path

import polars as pl

from ec2_api.formats import BatchStore, Format, csv_bytes, json_bytes, parquet_bytes
from ec2_api.layout import read_table


def test_json_has_whole_numbers_as_numbers_and_malformed_ones_as_text() -> None:
    frame = read_table(
        b"encounter_id,time_in_hospital,diag_1,own\n12,3,250,7\n-4,007,V57,\n9x,12345678901234567890,?,8\n"
    )
    assert json.loads(json_bytes(frame)) == [
        {"encounter_id": 12, "time_in_hospital": 3, "diag_1": "250", "own": "7"},
        {"encounter_id": -4, "time_in_hospital": "007", "diag_1": "V57", "own": ""},
        {"encounter_id": "9x", "time_in_hospital": "12345678901234567890", "diag_1": "?", "own": "8"},
    ]


def test_csv_and_parquet_are_all_text_and_round_trip() -> None:
    frame = read_table(b'encounter_id,race\n1,?\n2,""\n3,"a,b ""c"""\n4,None\n')
    restored = pl.read_parquet(BytesIO(parquet_bytes(frame)))
    assert set(restored.dtypes) == {pl.String}
    assert restored.equals(frame)
    assert read_table(csv_bytes(frame)).equals(frame)


def test_every_store_writes_the_same_bytes(tmp_path: Path, small_csv: Path) -> None:
    frame = read_table(small_csv.read_bytes())
    stores = [BatchStore(tmp_path / name) for name in ("one", "two")]
    for store in stores:
        store.put(1, frame, csv_bytes(frame))
    for fmt in Format:
        first, second = (store.get(1, fmt) for store in stores)
        assert first.sha256 == second.sha256
        assert first.path.read_bytes() == second.path.read_bytes()

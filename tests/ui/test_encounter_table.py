import io

import polars as pl
import pytest

from readmit.core.encounter import COLUMNS, FEATURES
from ui.encounter_file import default_case
from ui.encounter_table import CHUNK_ROWS, InvalidEncounterTable, chunks, join_results, read


def csv(rows: int = 2, **extra: str) -> bytes:
    return (
        pl.DataFrame([{**{name: str(value) for name, value in default_case().items()}, **extra}] * rows)
        .write_csv()
        .encode()
    )


def test_csv_cells_are_read_as_text() -> None:
    encounters = read(csv(diag_1="007"))
    assert encounters.table["diag_1"].to_pylist() == ["007", "007"]
    assert {str(column_type) for column_type in encounters.table.schema.types} == {"string"}


def test_column_names_of_uci_are_accepted() -> None:
    encounters = read(csv(**{"glyburide-metformin": "No"}))
    assert "glyburide_metformin" in encounters.table.column_names


def test_a_parquet_file_is_read() -> None:
    buffer = io.BytesIO()
    pl.DataFrame([dict(default_case())]).write_parquet(buffer)
    assert read(buffer.getvalue()).table.num_rows == 1


def test_unknown_columns_are_dropped_and_reported() -> None:
    complete = {name: "?" for name in FEATURES if name not in default_case()}
    encounters = read(csv(ward="7", **complete))
    assert encounters.unknown_columns == ("ward",)
    assert set(encounters.table.column_names) <= set(COLUMNS)


def test_an_unknown_column_that_may_be_a_missing_one_is_not_dropped() -> None:
    with pytest.raises(InvalidEncounterTable) as raised:
        read(csv(payer="MC"))
    assert raised.value.reason == "invalid_table"
    assert "unknown columns: payer" in raised.value.detail


def test_missing_required_columns_are_reported() -> None:
    incomplete = pl.read_csv(csv(), infer_schema=False).drop("age", "gender").write_csv().encode()
    with pytest.raises(InvalidEncounterTable) as raised:
        read(incomplete)
    assert (raised.value.reason, raised.value.columns) == ("missing_columns", ("gender", "age"))


def test_duplicate_columns_are_reported() -> None:
    with pytest.raises(InvalidEncounterTable) as raised:
        read(csv(**{"glyburide-metformin": "No", "glyburide_metformin": "No"}))
    assert (raised.value.reason, raised.value.columns) == ("duplicate_columns", ("glyburide_metformin",))


def test_ragged_lines_are_dropped_and_reported() -> None:
    lines = csv(3).decode().splitlines()
    lines[2] += ",one,more"
    encounters = read("\n".join(lines).encode())
    assert (encounters.table.num_rows, encounters.ragged_lines) == (2, (3,))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "invalid_table"),
        (b"\x89PNG\r\n\x1a\n\0", "invalid_table"),
        (b"PAR1 not really", "invalid_table"),
        (csv(1).split(b"\n")[0], "no_rows"),
    ],
)
def test_an_invalid_file_is_rejected_with_the_reason(content: bytes, reason: str) -> None:
    with pytest.raises(InvalidEncounterTable) as raised:
        read(content)
    assert raised.value.reason == reason


def test_a_table_is_split_into_chunks_and_the_results_are_numbered_across_them() -> None:
    table = read(csv(CHUNK_ROWS + 3)).table
    sent = list(chunks(table))
    rows = [pl.read_parquet(chunk).height for chunk in sent]
    assert rows == [CHUNK_ROWS, 3]
    results = [pl.DataFrame({"index": range(height)}) for height in rows]
    assert join_results([_parquet(result) for result in results])["index"].to_pylist() == list(range(CHUNK_ROWS + 3))


def _parquet(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()

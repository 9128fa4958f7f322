import io

import polars as pl
import pytest

from readmit.core.encounter import COLUMNS
from ui.encounter_file import usual
from ui.encounter_table import ROWS_AT_ONCE, InvalidEncounterTable, joined, pieces, read


def csv(rows: int = 2, **more: str) -> bytes:
    return pl.DataFrame([{**{name: str(value) for name, value in usual().items()}, **more}] * rows).write_csv().encode()


def test_a_csv_is_read_as_text_whatever_stands_in_it() -> None:
    checked = read(csv(diag_1="007"))
    assert checked.table["diag_1"].to_pylist() == ["007", "007"]
    assert {str(kind) for kind in checked.table.schema.types} == {"string"}


def test_ucis_spelling_is_taken() -> None:
    checked = read(csv(**{"glyburide-metformin": "No"}))
    assert "glyburide_metformin" in checked.table.column_names


def test_a_parquet_is_read() -> None:
    written = io.BytesIO()
    pl.DataFrame([dict(usual())]).write_parquet(written)
    assert read(written.getvalue()).table.num_rows == 1


def test_columns_that_no_encounter_has_are_left_out_and_named() -> None:
    checked = read(csv(ward="7"))
    assert checked.dropped == ("ward",)
    assert set(checked.table.column_names) <= set(COLUMNS)


def test_columns_that_are_required_and_lacking_are_named() -> None:
    lacking = pl.read_csv(csv(), infer_schema=False).drop("age", "gender").write_csv().encode()
    with pytest.raises(InvalidEncounterTable) as raised:
        read(lacking)
    assert (raised.value.why, raised.value.named) == ("columns_lacking", ("gender", "age"))


def test_a_column_that_stands_twice_is_named() -> None:
    with pytest.raises(InvalidEncounterTable) as raised:
        read(csv(**{"glyburide-metformin": "No", "glyburide_metformin": "No"}))
    assert (raised.value.why, raised.value.named) == ("columns_twice", ("glyburide_metformin",))


def test_lines_with_another_number_of_cells_are_left_out_and_counted() -> None:
    lines = csv(3).decode().splitlines()
    lines[2] += ",one,more"
    checked = read("\n".join(lines).encode())
    assert (checked.table.num_rows, checked.torn) == (2, (3,))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no_csv"),
        (b"\x89PNG\r\n\x1a\n\0", "no_csv"),
        (b"PAR1 not really", "no_parquet"),
        (csv(1).split(b"\n")[0], "no_rows"),
    ],
)
def test_what_is_no_table_says_why(content: bytes, why: str) -> None:
    with pytest.raises(InvalidEncounterTable) as raised:
        read(content)
    assert raised.value.why == why


def test_a_table_is_sent_in_pieces_and_its_answers_are_numbered_through() -> None:
    table = read(csv(ROWS_AT_ONCE + 3)).table
    sent = list(pieces(table))
    rows = [pl.read_parquet(each).height for each in sent]
    assert rows == [ROWS_AT_ONCE, 3]
    answers = [pl.DataFrame({"index": range(height)}) for height in rows]
    assert joined([_parquet(each) for each in answers])["index"].to_pylist() == list(range(ROWS_AT_ONCE + 3))


def _parquet(frame: pl.DataFrame) -> bytes:
    written = io.BytesIO()
    frame.write_parquet(written)
    return written.getvalue()

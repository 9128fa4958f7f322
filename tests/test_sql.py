"""`readmit sql`: a table on a terminal, CSV elsewhere."""

import csv
import io
from pathlib import Path

import pytest

from readmit import cli, sql
from readmit.io.database import ledger
from readmit.io.database.connection import connect
from readmit.io.database.schema import migrate

TWO_ROWS = "SELECT 1 AS number, '[70-80)' AS age, NULL AS blank UNION ALL SELECT 22, 'a,\"b\"' || char(10) || 'c', 0.5"


@pytest.fixture(autouse=True)
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    address = f"sqlite:///{tmp_path}"
    monkeypatch.setenv("READMIT_DATABASE_URL", address)
    connect(address)
    migrate()
    return address


def test_csv_has_an_empty_cell_for_null(address: str) -> None:
    text = "\n".join(sql.lines(address, TWO_ROWS, None))
    expected = [["number", "age", "blank"], ["1", "[70-80)", ""], ["22", 'a,"b"\nc', "0.5"]]
    assert list(csv.reader(io.StringIO(text))) == expected


def test_a_table_shows_null(address: str) -> None:
    lines = [line.strip() for line in sql.lines(address, TWO_ROWS, 100) if line.strip()]
    assert [line.split() for line in lines if "─" not in line] == [
        ["number", "age", "blank"],
        ["1", "[70-80)", "NULL"],
        ["22", r'a,"b"\nc', "0.5"],
    ]


def test_a_table_wider_than_the_terminal_is_printed_row_by_row(address: str) -> None:
    lines = list(sql.lines(address, TWO_ROWS, 15))
    assert lines[:4] == ["row 1", "  number  1", "  age     [70-80)", "  blank   NULL"]
    assert lines[4] == "row 2"


def test_control_characters_of_the_source_do_not_reach_the_terminal(address: str) -> None:
    (line,) = [line for line in sql.lines(address, "SELECT char(27) || '[2J' AS race", 80) if "2J" in line]
    assert r"\x1b[2J" in line


def test_a_long_result_is_cut_on_a_terminal_only(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql, "MAX_ROWS_SHOWN", 2)
    for batch in (1, 2, 3):
        ledger.update_batch(batch, rows=1)
    query = "SELECT batch FROM batches ORDER BY batch"
    last = "Showing the first 2 rows. To get all rows as CSV, append `| cat`."
    assert list(sql.lines(address, query, 80))[-1] == last
    assert list(sql.lines(address, query, None)) == ["batch", "1", "2", "3"]


def test_a_result_without_rows_has_its_columns(address: str) -> None:
    assert list(sql.lines(address, "SELECT batch FROM batches", None)) == ["batch"]
    assert any("batch" in line for line in sql.lines(address, "SELECT batch FROM batches", 80))
    assert list(sql.lines(address, "-- a comment", None)) == []


def test_the_command_prints_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["sql", "SELECT COUNT(*) AS rows_of_it FROM diabetes_clean"]) == 0
    assert capsys.readouterr().out == "rows_of_it\n0\n"


def test_a_change_is_rejected_in_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["sql", "DELETE FROM raw_data_db.batches"]) == 1
    assert capsys.readouterr().err == "readmit: the database rejected the query: not authorized\n"

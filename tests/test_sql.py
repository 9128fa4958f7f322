"""`readmit sql`: a table for a person, CSV for a program."""

import csv
import io
from pathlib import Path

import pytest

from readmit import cli, sql
from readmit.io.database import ledger
from readmit.io.database.connection import connect
from readmit.io.database.schema import migrate

TWO = "SELECT 1 AS number, '[70-80)' AS age, NULL AS blank UNION ALL SELECT 22, 'a,\"b\"' || char(10) || 'c', 0.5"


@pytest.fixture(autouse=True)
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    address = f"sqlite:///{tmp_path}"
    monkeypatch.setenv("READMIT_DATABASE_URL", address)
    connect(address)
    migrate()
    return address


def test_a_program_gets_csv_in_which_null_is_empty(address: str) -> None:
    text = "\n".join(sql.lines(address, TWO, None))
    expected = [["number", "age", "blank"], ["1", "[70-80)", ""], ["22", 'a,"b"\nc', "0.5"]]
    assert list(csv.reader(io.StringIO(text))) == expected


def test_a_person_gets_a_table_in_which_null_is_said(address: str) -> None:
    lines = [line.strip() for line in sql.lines(address, TWO, 100) if line.strip()]
    assert [line.split() for line in lines if "─" not in line] == [
        ["number", "age", "blank"],
        ["1", "[70-80)", "NULL"],
        ["22", r'a,"b"\nc', "0.5"],
    ]


def test_a_table_wider_than_the_terminal_is_given_row_by_row(address: str) -> None:
    lines = list(sql.lines(address, TWO, 15))
    assert lines[:4] == ["row 1", "  number  1", "  age     [70-80)", "  blank   NULL"]
    assert lines[4] == "row 2"


def test_a_terminal_is_not_made_to_obey_what_a_source_sent(address: str) -> None:
    (line,) = [line for line in sql.lines(address, "SELECT char(27) || '[2J' AS race", 80) if "2J" in line]
    assert r"\x1b[2J" in line


def test_a_long_answer_is_cut_for_a_person_alone(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql, "MOST_SHOWN", 2)
    for batch in (1, 2, 3):
        ledger.update_batch(batch, rows=1)
    question = "SELECT batch FROM batches ORDER BY batch"
    assert list(sql.lines(address, question, 80))[-1] == "The first 2 rows; all of them, as CSV: `| cat`"
    assert list(sql.lines(address, question, None)) == ["batch", "1", "2", "3"]


def test_an_answer_without_rows_has_its_columns(address: str) -> None:
    assert list(sql.lines(address, "SELECT batch FROM batches", None)) == ["batch"]
    assert any("batch" in line for line in sql.lines(address, "SELECT batch FROM batches", 80))
    assert list(sql.lines(address, "-- a comment", None)) == []


def test_the_command_prints_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["sql", "SELECT COUNT(*) AS rows_of_it FROM diabetes_clean"]) == 0
    assert capsys.readouterr().out == "rows_of_it\n0\n"


def test_a_change_is_refused_in_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["sql", "DELETE FROM raw_data_db.batches"]) == 1
    assert capsys.readouterr().err == "readmit: the database says: not authorized\n"

import logging

import peewee as pw
import polars as pl
import pytest

from readmit.core.errors import ContractViolated, StoreUnavailable
from readmit.core.splitting import SPLIT
from readmit.io import source_client
from readmit.io.database import rows
from readmit.io.database.connection import RAW, connect, using
from readmit.io.database.error_text import describe_database_error, hide_quoted
from readmit.io.object_store import from_parquet

VALUE = "PATIENTQ7"


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        (1062, f"Duplicate entry '1-{VALUE}' for key 'raw.PRIMARY'", "Duplicate entry ... for key 'raw.PRIMARY'"),
        (1062, f"Duplicate entry '{VALUE}' or 'x' for key 'race'", "Duplicate entry ... for key 'race'"),
        (1366, f"Incorrect integer value: '{VALUE}' for column 'age' at row 3",
         "Incorrect integer value: ... for column 'age' at row 3"),
        (1366, f"Incorrect value: 'O'{VALUE}'s' for column 'age' at row 3",
         "Incorrect value: ... for column 'age' at row 3"),
        (1292, f"Truncated incorrect DOUBLE value: '{VALUE}'", "Truncated incorrect DOUBLE value: ..."),
        (1064, f"You have an error in your SQL syntax near '{VALUE}' at line 1",
         "You have an error in your SQL syntax near ... at line 1"),
        (1406, "Data too long for column 'race' at row 7", "Data too long for column 'race' at row 7"),
        (1045, "Access denied for user 'flows'@'10.0.0.7' (using password: YES)",
         "Access denied for user 'flows'@'10.0.0.7' (using password: YES)"),
        (2003, "Can't connect to MySQL server on 'mysql' (timed out)",
         "Can't connect to MySQL server on 'mysql' (timed out)"),
    ],
)  # fmt: skip
def test_an_error_of_mysql_is_described_without_values(code: int, text: str, expected: str) -> None:
    assert describe_database_error(pw.DatabaseError(RuntimeError(), code, text)) == f"error {code}: {expected}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("UNIQUE constraint failed: splits.batch, splits.encounter_id",) * 2,
        (f"Could not decode to UTF-8 column 'race' with text '{VALUE}'", "Could not decode to UTF-8 column ..."),
        (f'Couldn`t convert the value `Bytes("{VALUE}")` to a desired type', "Couldn... to a desired type"),
    ],
)
def test_an_error_of_sqlite_or_of_a_bulk_read_is_described_without_values(text: str, expected: str) -> None:
    assert hide_quoted(text) == expected


def test_text_that_is_not_utf_8_is_in_no_traceback(bare_sqlite: str, caplog: pytest.LogCaptureFixture) -> None:
    connect(bare_sqlite)
    with pytest.raises(StoreUnavailable) as rejected, using(RAW):
        RAW.execute_sql(f"SELECT CAST(x'FF' || '{VALUE}' AS TEXT)").fetchall()
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("readmit").error("a step failed", exc_info=rejected.value)
    assert "UTF-8" in caplog.text
    assert VALUE not in caplog.text


@pytest.mark.usefixtures("databases")
def test_a_duplicate_encounter_is_rejected_without_its_number() -> None:
    doubled = pl.DataFrame({"encounter_id": [987_654_321] * 2, SPLIT: ["test"] * 2})
    with pytest.raises(ContractViolated) as rejected:
        rows.replace_splits(1, doubled)
    assert "987654321" not in f"{rejected.value} {rejected.value.__cause__}"


def test_a_source_that_responds_with_rows_is_rejected_without_them(stub_server: object) -> None:
    for body in (f'[{{"race": "{VALUE}"}}]', VALUE, f'{{"race": "{VALUE}"}}'):
        url = stub_server(lambda _, body=body: (200, {}, body.encode()))  # type: ignore[operator]  # the fixture is typed as object
        with pytest.raises(ContractViolated) as rejected:
            source_client.fetch_state(source_client.SourceEndpoint(url))
        assert VALUE not in str(rejected.value)


def test_a_damaged_parquet_file_is_rejected_without_its_bytes() -> None:
    with pytest.raises(ContractViolated) as rejected:
        from_parquet(VALUE.encode() * 20)
    assert VALUE not in f"{rejected.value} {rejected.value.__cause__}"
    assert rejected.value.__suppress_context__

"""Hostile files as READMIT_DATA: messages about an unreadable file never contain the content of a cell."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ec2_api.app import create_app
from ec2_api.errors import StartupError
from ec2_api.layout import COLUMNS, NotInLayout, read_table
from ec2_api.metrics import SourceMetrics
from ec2_api.settings import load
from ec2_api.startup import open_source
from tests.ec2_api.source_process import ROOT

RecordProperty = Callable[[str, object], None]
MARKER = "PATIENTQ7"
"""In every row: it must not appear outside the rows themselves."""
HEADER = ",".join(COLUMNS)
ROW = ",".join(["1", MARKER, *[MARKER] * (len(COLUMNS) - 2)])
ROWS = [ROW] * 20


def _csv(*lines: str, end: str = "\n") -> bytes:
    return end.join([HEADER, *lines, ""]).encode()


def _zip(name: str, content: bytes) -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, content)
    return file.getvalue()


def _parquet() -> bytes:
    file = BytesIO()
    pl.DataFrame({"encounter_id": ["1"], "race": [MARKER]}).write_parquet(file, compression="uncompressed")
    return file.getvalue()


FILES = {
    "stray quote in the first cell": _csv('"' + ROW, *ROWS),
    "two stray quotes": _csv(*ROWS[:3], ROW.replace(",", ',"', 1), *ROWS[:5], ROW.replace(",", ',"', 7), *ROWS),
    "quote that is never closed": _csv(*ROWS, ROW.replace(",", ',"', 3), *ROWS),
    "quote over ten rows": _csv(ROW.replace(",", ',"', 1), *ROWS[:9], ROW + '"', *ROWS),
    "semicolons": _csv(*ROWS).replace(b",", b";"),
    "semicolons and decimal commas": _csv(*ROWS).replace(b",", b";").replace(b";1", b";1,5"),
    "tabs": _csv(*ROWS).replace(b",", b"\t"),
    "carriage returns": _csv(*ROWS, end="\r"),
    "one long row": _csv(*ROWS, ROW + "," + MARKER, *ROWS),
    "one short row": _csv(*ROWS, MARKER, *ROWS),
    "no header": "\n".join(ROWS).encode(),
    "rows as header": "\n".join([ROW, HEADER, *ROWS]).encode(),
    "doubled column": _csv(*ROWS).replace(b"gender", b"race", 1),
    "latin-1": _csv(*ROWS).replace(MARKER.encode(), MARKER.encode() + b"\xe9"),
    "null bytes": _csv(*ROWS).replace(b"1", b"\x00"),
    "JSON": b'[{"encounter_id": 1, "race": "PATIENTQ7"}]',
    "Parquet": _parquet(),
    "a zip of another table": _zip("other.txt", _csv(*ROWS)),
    "a cut zip": _zip("diabetic_data.csv", _csv(*ROWS))[:-60],
    "a zip with a wrong checksum": _zip("diabetic_data.csv", _csv(*ROWS)).replace(
        MARKER.encode(), b"PATIENTQ7"[::-1], 3
    ),
}


def _serve(file: Path, state: Path) -> str:
    """Open the file and render its rows; returns the reason of a rejection, or nothing."""
    environ = {"READMIT_DATA": str(file), "READMIT_SOURCE_STATE": str(state), "READMIT_SOURCE_INTERVAL_SECONDS": "0"}
    config = load(environ)
    try:
        source = open_source(config, lambda: 0.0)
    except StartupError as error:
        return f"{error!r} {error.__cause__!r}"
    client = create_app(source, SourceMetrics(source.release.total, source.rows), config.allowed_hosts).test_client()
    for path in ("/", "/health", "/batches", "/metrics"):
        assert MARKER not in client.get(path).get_data(as_text=True)
    client.get("/batches/1")
    return ""


@pytest.mark.attack("hostile CSV", "ec2-api")
@pytest.mark.parametrize("name", FILES)
def test_no_message_log_or_page_of_the_data_api_contains_a_cell(
    name: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    record_property: RecordProperty,
) -> None:
    file = tmp_path / "file"
    file.write_bytes(FILES[name])
    with caplog.at_level("DEBUG"):
        reason = _serve(file, tmp_path / "state")
    written = " ".join([reason, caplog.text, *capfd.readouterr()])
    assert MARKER not in written
    assert MARKER[::-1] not in written
    record_property("answer", "rejected with line and column, or served")


@pytest.mark.attack("hostile CSV", "ec2-api")
def test_the_process_rejects_a_stray_quote_in_one_line_without_a_cell(tmp_path: Path) -> None:
    file = tmp_path / "file.csv"
    file.write_bytes(FILES["stray quote in the first cell"])
    environ = os.environ | {"READMIT_DATA": str(file), "READMIT_SOURCE_STATE": str(tmp_path / "state")}
    completed = subprocess.run(
        [sys.executable, "-m", "ec2_api"], env=environ, capture_output=True, text=True, timeout=60, cwd=ROOT
    )
    assert completed.returncode == 2
    assert "line 2, column 1 (encounter_id)" in completed.stderr
    assert len(completed.stderr.splitlines()) == 1
    assert MARKER not in completed.stdout + completed.stderr


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "stray quote in the first cell",
            r"line 2, column 1 \(encounter_id\): an opening quote without a closing quote",
        ),
        ("two stray quotes", r"line 5, column 2 \(patient_nbr\): an opening quote without a closing quote"),
        ("quote that is never closed", r"line 22, column 2 \(patient_nbr\): text after the closing quote"),
        ("latin-1", r"line 2: not UTF-8 text"),
    ],
)
def test_an_unreadable_file_is_rejected_with_line_and_column(name: str, message: str) -> None:
    with pytest.raises(NotInLayout, match=message):
        read_table(FILES[name])


PIECES = st.sampled_from(
    [
        MARKER,
        '"',
        '""',
        ",",
        "\n",
        "\r",
        "\r\n",
        '"' + MARKER,
        MARKER + '"',
        "\0",
        "\ufeff",
        "é",
        ";",
        "\t",
        " ",
        "'",
        "\\",
    ]
)
HEADERS = st.sampled_from(["encounter_id,race,x\n", '"encounter_id",race\n', "encounter_id\n", f"{MARKER},race\n", ""])


@given(header=HEADERS, pieces=st.lists(PIECES, max_size=30), tail=st.sampled_from([b"", b"\xff", b'"']))
@settings(max_examples=1_000, deadline=None)
def test_no_rejection_contains_a_cell_for_any_file(header: str, pieces: list[str], tail: bytes) -> None:
    try:
        read_table((header + "".join(pieces)).encode() + tail)
        reason = ""
    except NotInLayout as error:
        reason = f"{error!r} {error.__cause__!r}"
    assert MARKER not in reason

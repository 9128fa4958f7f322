"""Batches and files made to exhaust memory or to delay others, at the API and at the UI."""

import asyncio
import io
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from litestar.testing import TestClient
from pydantic import SecretStr

from api.app import create_app
from api.batch import worker_client
from api.batch.row_errors import MAX_ADDITIONAL_ERRORS, MAX_ROW_ERRORS
from api.batch.worker_client import BatchWorkerClient
from api.errors import ApiError
from api.example import EXAMPLE
from api.fast_path import FastPath
from api.request_parsing import CSV, JSON, PARQUET
from readmit.core.encounter import FEATURES
from readmit.settings import Settings
from tests.api.conftest import LOCAL, TOKEN, InMemoryModelSource, served

__all__ = ["served"]

ROWS = 200_000
MAX_WORKER_MIB = 768
MAX_PAGE_MIB = 512
MAX_RESPONSE_BYTES = 64_000_000
ROW = ",".join(str(value) for value in EXAMPLE.values())
HEADER = ",".join(EXAMPLE)
TEXTS = [name for name, value in EXAMPLE.items() if isinstance(value, str)]
Client = TestClient[FastPath]


@pytest.fixture(scope="module")
def client(served: Any) -> Iterator[Client]:
    settings = Settings(reload_token=SecretStr(TOKEN), model_poll_seconds=3600)
    with TestClient(
        create_app(InMemoryModelSource(served), settings), base_url=LOCAL, raise_server_exceptions=False
    ) as client:
        yield client


def parquet(columns: dict[str, Any], **options: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(
        pa.table(
            {
                **{
                    name: [value] * len(next(iter(columns.values())))
                    for name, value in EXAMPLE.items()
                    if name not in columns
                },
                **columns,
            }
        ),
        buffer,
        **options,
    )
    return buffer.getvalue()


def repeated_value(value: str, rows: int = ROWS) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), [value])


def dictionary_bomb() -> bytes:
    """A text of a million letters, once in the dictionary and referenced by every row."""
    return parquet({"age": repeated_value("x" * 1_000_000)}, compression="zstd")


def compression_bomb() -> bytes:
    """Pages of one repeated letter, without a dictionary that would reveal it."""
    text = pa.array(["x" * 2_000] * 100_000)
    return parquet({"age": text}, compression="zstd", use_dictionary=["gender"])


def lying_footer() -> bytes:
    """A footer with a false number of rows."""
    content = parquet({"age": pa.array(["x" * 10] * 3)}, compression="none")
    return _with_rows(content, 3, 2**31)


def _with_rows(content: bytes, rows: int, claimed: int) -> bytes:
    """Replace the Thrift-encoded number of rows wherever it may be in the footer."""
    start = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    footer = content[start:-8].replace(b"\x16" + _zigzag(rows), b"\x16" + _zigzag(claimed))
    return content[:start] + footer + len(footer).to_bytes(4, "little") + b"PAR1"


def _zigzag(number: int) -> bytes:
    remaining, output = number * 2, bytearray()
    while remaining >= 0x80:
        output.append(remaining & 0x7F | 0x80)
        remaining >>= 7
    return bytes([*output, remaining])


def too_many_rows() -> bytes:
    return parquet({"age": repeated_value("[70-80)", 600_000)})


def many_columns() -> bytes:
    return parquet({f"column {number}": [1] for number in range(5_000)})


def deep_schema() -> bytes:
    kind: pa.DataType = pa.int64()
    for _ in range(40):
        kind = pa.list_(kind)
    return parquet({"weight": pa.array([None], kind)})


def long_names() -> bytes:
    return parquet({"x" * 100_000: [1]})


def wide_header() -> bytes:
    return (",".join(["ab"] * 1_000_000) + "\n1\n").encode()


def wide_quoted_header() -> bytes:
    return b'"a",' * 3_000_000 + b'"b"\n1\n'


def endless_row() -> bytes:
    return f"{HEADER}\n{ROW}\n".encode() + b"a," * 10_000_000


def giant_cell() -> bytes:
    return f'{HEADER}\n"'.encode() + b"x" * 20_000_000 + b'"\n'


def millions_of_short_lines() -> bytes:
    return f"{HEADER}\n".encode() + b"a\n" * 8_000_000


def not_utf8() -> bytes:
    return f"{HEADER}\n{ROW}\n".encode() + b"\xff" * 1_000


def bad_cells() -> bytes:
    """A different invalid value in each of many cells."""
    lines = (",".join(f"x{row}{column}" for column in range(len(EXAMPLE))) for row in range(20_000))
    return (HEADER + "\n" + "\n".join(lines)).encode()


PARQUETS = (dictionary_bomb, compression_bomb, lying_footer, too_many_rows, many_columns, deep_schema, long_names)
CSVS = (wide_header, wide_quoted_header, endless_row, giant_cell, millions_of_short_lines, not_utf8)
INVALID = (lying_footer, not_utf8)


def api_cases(kind: str, attack: str, makers: tuple[Callable[[], bytes], ...]) -> list[Any]:
    mark = pytest.mark.attack(attack, "api")
    return [pytest.param(kind, make, marks=mark, id=make.__name__) for make in makers]


@pytest.mark.parametrize(
    ("kind", "make"),
    [*api_cases(PARQUET, "hostile Parquet", PARQUETS), *api_cases(CSV, "hostile CSV", (*CSVS, bad_cells))],
)
def test_a_batch_over_a_limit_is_rejected_and_the_next_one_is_served(
    client: Client, kind: str, make: Callable[[], bytes], record_property: Callable[[str, object], None]
) -> None:
    response = client.post("/predict_batch", content=make(), headers={"Content-Type": kind})
    record_property("answer", str(response.status_code))
    assert response.status_code in ((400, 413) if make in INVALID else (413,))
    assert len(response.content) < 1_000
    assert worker_mib() < MAX_WORKER_MIB
    assert probability(client) > 0


def probability(client: Client) -> float:
    item = client.post("/predict_batch", json=[EXAMPLE]).json()["predictions"][0]
    return float(item["probability"])


def worker_mib() -> float:
    """Return the peak memory of the batch worker in MiB."""
    worker = max(psutil.Process().children(), key=lambda child: child.create_time())
    status = Path(f"/proc/{worker.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def ones() -> bytes:
    return b"[" + b"1," * 8_000_000 + b"1]"


def empty_objects() -> bytes:
    return b"[" + b"{}," * 1_000_000 + b"{}]"


def deep() -> bytes:
    return b'[{"age":' + b"[" * 1_000_000


def digits() -> bytes:
    return b'[{"time_in_hospital":' + b"9" * 5_000 + b"}]"


def giant_text() -> bytes:
    return json.dumps([{**EXAMPLE, "age": "x" * 10_000_000}]).encode()


def many_names() -> bytes:
    return json.dumps([{str(name): 1 for name in range(10_000)}]).encode()


JSONS = (ones, empty_objects, deep, digits, giant_text, many_names)


@pytest.mark.parametrize(("kind", "make"), api_cases(JSON, "hostile JSON", JSONS))
def test_an_array_over_a_limit_is_rejected_and_the_next_one_is_served(
    client: Client, kind: str, make: Callable[[], bytes], record_property: Callable[[str, object], None]
) -> None:
    response = client.post("/predict_batch", content=make(), headers={"Content-Type": kind})
    record_property("answer", str(response.status_code))
    assert response.status_code == (413 if make in (ones, empty_objects) else 400)
    assert len(response.content) < 1_000
    assert worker_mib() < MAX_WORKER_MIB
    assert probability(client) > 0


def ragged_rows() -> bytes:
    return f"{HEADER}\n".encode() + f"{ROW}\na\n".encode() * (ROWS // 2)


def control_characters() -> bytes:
    return f"{HEADER}\n".encode() + (b"\1," * (len(EXAMPLE) - 1) + b"\1\n") * 20_000


def nothing_but_ragged_rows() -> bytes:
    return f"{HEADER}\n".encode() + b"a\n" * ROWS


def unknown_columns() -> bytes:
    return (
        f"{HEADER}," + ",".join(f"c{column}" for column in range(100)) + "\n" + f"{ROW}{',' * 100}\n" * ROWS
    ).encode()


def nothing_but_nul() -> bytes:
    return f"{HEADER}\n".encode() + (b"\0," * (len(EXAMPLE) - 1) + b"\0\n") * 20_000


@pytest.mark.attack("hostile CSV", "api")
@pytest.mark.parametrize("make", [nothing_but_ragged_rows, unknown_columns, nothing_but_nul])
def test_a_batch_without_any_valid_row_gets_one_short_error(
    client: Client, make: Callable[[], bytes], record_property: Callable[[str, object], None]
) -> None:
    response = client.post("/predict_batch", content=make(), headers={"Content-Type": CSV, "Accept": JSON})
    record_property("answer", str(response.status_code))
    assert response.status_code == 400
    assert len(response.content) < 1_000
    assert worker_mib() < MAX_WORKER_MIB


@pytest.mark.attack("hostile CSV", "api")
@pytest.mark.parametrize("make", [ragged_rows, control_characters])
def test_a_batch_with_an_error_in_every_row_has_a_bounded_response(
    client: Client, make: Callable[[], bytes], record_property: Callable[[str, object], None]
) -> None:
    response = client.post("/predict_batch", content=make(), headers={"Content-Type": CSV, "Accept": JSON})
    record_property("answer", f"{response.status_code}, row errors")
    assert response.status_code == 200
    assert len(response.content) < MAX_RESPONSE_BYTES
    assert all("error" in item for item in response.json()["predictions"][1::2])
    assert worker_mib() < MAX_WORKER_MIB


def test_a_row_lists_its_first_errors_and_the_number_of_further_ones(client: Client) -> None:
    assert len(FEATURES) > MAX_ROW_ERRORS
    item = client.post("/predict_batch", json=[{name: [] for name in FEATURES}]).json()["predictions"][0]
    assert item["error"]["message"].count("must be") == MAX_ROW_ERRORS
    assert f"{len(FEATURES) - MAX_ROW_ERRORS} more errors" in item["error"]["message"]
    text = HEADER + "\n" + (",".join("~" * len(EXAMPLE)) + "\n") * (MAX_ADDITIONAL_ERRORS // 10)
    items = client.post("/predict_batch", content=text, headers={"Content-Type": CSV}).json()["predictions"]
    assert all("more errors" in item["error"]["message"] for item in items[-10:])


@pytest.mark.attack("slow batch", "api")
def test_a_batch_that_takes_too_long_for_its_size_is_stopped_and_the_next_one_is_served(
    client: Client, served: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    spin = "from api.batch.worker_limits import limited_time\nwith limited_time(0):\n    while True: pass"
    asyncio.run(_rejected_batch(served, monkeypatch, spin, 413))
    assert probability(client) > 0


@pytest.mark.attack("slow batch", "api")
def test_a_batch_over_the_wall_clock_limit_is_stopped(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_client, "TIMEOUT_SECONDS", 0.5)
    error = asyncio.run(_rejected_batch(served, monkeypatch, "import time; time.sleep(600)", 503))
    assert error.headers is not None
    assert "Retry-After" in error.headers


async def _rejected_batch(model: Any, monkeypatch: pytest.MonkeyPatch, worker: str, status: int) -> ApiError:
    """Return the error of a batch when the worker runs this code."""
    client = BatchWorkerClient()
    with monkeypatch.context() as patch:
        patch.setattr(worker_client, "COMMAND", (sys.executable, "-c", worker))
        with pytest.raises(ApiError) as error:
            await client.predict(model, CSV, CSV, b"a", "id", 1)
    assert error.value.status_code == status
    assert not client.is_alive
    # For asyncio to close the pipes of the process.
    await asyncio.sleep(0.1)
    return error.value


@pytest.mark.attack("many batches at once", "api")
def test_the_number_of_waiting_batches_is_limited(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_client, "COMMAND", (sys.executable, "-c", "import time; time.sleep(600)"))

    async def crowd() -> ApiError:
        client = BatchWorkerClient()
        tasks = [
            asyncio.create_task(client.predict(served, CSV, CSV, b"a", "id", 1))
            for _ in range(worker_client.MAX_WAITING + 1)
        ]
        await asyncio.sleep(0.2)
        with pytest.raises(ApiError) as error:
            await client.predict(served, CSV, CSV, b"a", "id", 1)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.1)
        return error.value

    error = asyncio.run(crowd())
    assert error.status_code == 503
    assert error.headers is not None
    assert "Retry-After" in error.headers


def test_the_memory_of_the_batch_worker_is_limited() -> None:
    greedy = "from api.batch.worker_limits import limit_memory; limit_memory(); bytearray(2**30)"
    completed = subprocess.run([sys.executable, "-c", greedy], capture_output=True, text=True, check=False)
    assert "MemoryError" in completed.stderr


def test_the_time_limit_of_a_batch_stops_the_worker_even_within_a_library() -> None:
    busy = "from api.batch.worker_limits import limited_time\nwith limited_time(0): (10**3_000_000) ** 50"
    assert subprocess.run([sys.executable, "-c", busy], check=False).returncode == -signal.SIGPROF


READ = """
import re, sys
from ui.encounter_table import InvalidEncounterTable, read
from pathlib import Path
try:
    result = str(read(Path(sys.argv[1]).read_bytes()).table.num_rows)
except InvalidEncounterTable as error:
    result = error.reason
# Not getrusage: it includes the memory of the parent process.
print(result, int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024)
"""
REASONS = {"too_many_rows", "too_large", "invalid_table", "duplicate_columns", "missing_columns"}


def page_cases(attack: str, makers: tuple[Callable[[], bytes], ...]) -> list[Any]:
    return [pytest.param(make, marks=pytest.mark.attack(attack, "ui"), id=make.__name__) for make in makers]


@pytest.mark.parametrize("make", [*page_cases("hostile Parquet", PARQUETS), *page_cases("hostile CSV", CSVS)])
def test_a_file_over_a_limit_is_rejected_by_the_page(
    tmp_path: Path, make: Callable[[], bytes], record_property: Callable[[str, object], None]
) -> None:
    file = tmp_path / "file"
    file.write_bytes(make())
    completed = subprocess.run([sys.executable, "-c", READ, str(file)], capture_output=True, text=True, check=True)
    reason, mib = completed.stdout.split()
    record_property("answer", reason)
    assert reason in REASONS
    assert int(mib) < MAX_PAGE_MIB

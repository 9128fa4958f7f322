"""Batches and files that are made to fill the memory, or to hold up the others: at the API and at the page."""

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
from api.batch.row_errors import MOST_FAULTS, MOST_FURTHER_FAULTS
from api.batch.worker_client import BatchWorkerClient
from api.errors import ApiError
from api.example import EXAMPLE
from api.fast_path import FastPath
from api.request_parsing import CSV, JSON, PARQUET
from readmit.core.encounter import FEATURES
from readmit.settings import Settings
from tests.api.conftest import LOCAL, TOKEN, Shelf, served

__all__ = ["served"]

ROWS = 200_000
MOST_WORKER_MIB = 768
MOST_PAGE_MIB = 512
MOST_ANSWER = 64_000_000
ROW = ",".join(str(value) for value in EXAMPLE.values())
HEADER = ",".join(EXAMPLE)
TEXTS = [name for name, value in EXAMPLE.items() if isinstance(value, str)]
Client = TestClient[FastPath]


@pytest.fixture(scope="module")
def client(served: Any) -> Iterator[Client]:
    settings = Settings(reload_token=SecretStr(TOKEN), model_poll_seconds=3600)
    with TestClient(create_app(Shelf(served), settings), base_url=LOCAL, raise_server_exceptions=False) as client:
        yield client


def parquet(columns: dict[str, Any], **options: Any) -> bytes:
    out = io.BytesIO()
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
        out,
        **options,
    )
    return out.getvalue()


def repeated(value: str, rows: int = ROWS) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), [value])


def dictionary_bomb() -> bytes:
    """A text of a million letters, once in the dictionary and in every row by its number."""
    return parquet({"age": repeated("x" * 1_000_000)}, compression="zstd")


def compression_bomb() -> bytes:
    """Pages of one letter over and over, with no dictionary to see it in."""
    text = pa.array(["x" * 2_000] * 100_000)
    return parquet({"age": text}, compression="zstd", use_dictionary=["gender"])


def lying_footer() -> bytes:
    """The same, and its footer says that it has a hundred rows."""
    content = parquet({"age": pa.array(["x" * 10] * 3)}, compression="none")
    return _with_rows(content, 3, 2**31)


def _with_rows(content: bytes, rows: int, claimed: int) -> bytes:
    """Replace the number of rows, as Thrift writes it, wherever the footer may have it."""
    start = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    footer = content[start:-8].replace(b"\x16" + _zigzag(rows), b"\x16" + _zigzag(claimed))
    return content[:start] + footer + len(footer).to_bytes(4, "little") + b"PAR1"


def _zigzag(number: int) -> bytes:
    left, out = number * 2, bytearray()
    while left >= 0x80:
        out.append(left & 0x7F | 0x80)
        left >>= 7
    return bytes([*out, left])


def too_many_rows() -> bytes:
    return parquet({"age": repeated("[70-80)", 600_000)})


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
    return b'"a\n",' * 3_000_000 + b'"b"\n1\n'


def endless_row() -> bytes:
    return f"{HEADER}\n{ROW}\n".encode() + b"a," * 10_000_000


def giant_cell() -> bytes:
    return f'{HEADER}\n"'.encode() + b"x" * 20_000_000 + b'"\n'


def millions_of_short_lines() -> bytes:
    return f"{HEADER}\n".encode() + b"a\n" * 8_000_000


def not_utf8() -> bytes:
    return f"{HEADER}\n{ROW}\n".encode() + b"\xff" * 1_000


def bad_cells() -> bytes:
    """Another value that can't stand there in each of many cells."""
    lines = (",".join(f"x{row}{place}" for place in range(len(EXAMPLE))) for row in range(20_000))
    return (HEADER + "\n" + "\n".join(lines)).encode()


PARQUETS = (dictionary_bomb, compression_bomb, lying_footer, too_many_rows, many_columns, deep_schema, long_names)
CSVS = (wide_header, wide_quoted_header, endless_row, giant_cell, millions_of_short_lines, not_utf8)
INVALID = (lying_footer, not_utf8)


def at_the_api(kind: str, attack: str, made: tuple[Callable[[], bytes], ...]) -> list[Any]:
    mark = pytest.mark.attack(attack, "api")
    return [pytest.param(kind, each, marks=mark, id=each.__name__) for each in made]


@pytest.mark.parametrize(
    ("kind", "make"),
    [*at_the_api(PARQUET, "hostile Parquet", PARQUETS), *at_the_api(CSV, "hostile CSV", (*CSVS, bad_cells))],
)
def test_a_batch_beyond_a_limit_is_refused_and_the_next_one_is_answered(
    client: Client, kind: str, make: Callable[[], bytes], record_property: Callable[[str, object], None]
) -> None:
    response = client.post("/predict_batch", content=make(), headers={"Content-Type": kind})
    record_property("answer", str(response.status_code))
    assert response.status_code in ((400, 413) if make in INVALID else (413,))
    assert len(response.content) < 1_000
    assert worker_mib() < MOST_WORKER_MIB
    assert probability(client) > 0


def probability(client: Client) -> float:
    item = client.post("/predict_batch", json=[EXAMPLE]).json()["predictions"][0]
    return float(item["probability"])


def worker_mib() -> float:
    """The most memory that the process of the batches ever had."""
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


@pytest.mark.parametrize(("kind", "make"), at_the_api(JSON, "hostile JSON", JSONS))
def test_an_array_beyond_a_limit_is_refused_and_the_next_one_is_answered(
    client: Client, kind: str, make: Callable[[], bytes], record_property: Callable[[str, object], None]
) -> None:
    response = client.post("/predict_batch", content=make(), headers={"Content-Type": kind})
    record_property("answer", str(response.status_code))
    assert response.status_code == (413 if make in (ones, empty_objects) else 400)
    assert len(response.content) < 1_000
    assert worker_mib() < MOST_WORKER_MIB
    assert probability(client) > 0


def ragged_rows() -> bytes:
    return f"{HEADER}\n".encode() + b"a\n" * ROWS


def strange_columns() -> bytes:
    """Names that no field has, so that each row is refused for each of them."""
    return (",".join(f"c{place}" for place in range(100)) + "\n" + ("," * 99 + "\n") * ROWS).encode()


def nothing_but_nul() -> bytes:
    return f"{HEADER}\n".encode() + (b"\0," * (len(EXAMPLE) - 1) + b"\0\n") * 20_000


@pytest.mark.attack("hostile CSV", "api")
@pytest.mark.parametrize("make", [ragged_rows, strange_columns, nothing_but_nul])
def test_a_batch_with_a_fault_in_every_row_has_a_bounded_answer(
    client: Client, make: Callable[[], bytes], record_property: Callable[[str, object], None]
) -> None:
    response = client.post("/predict_batch", content=make(), headers={"Content-Type": CSV, "Accept": JSON})
    record_property("answer", f"{response.status_code}, errors by row")
    assert response.status_code == 200
    assert len(response.content) < MOST_ANSWER
    assert all("error" in item for item in response.json()["predictions"])
    assert worker_mib() < MOST_WORKER_MIB


def test_a_row_names_its_first_faults_and_how_many_there_are_more(client: Client) -> None:
    assert len(FEATURES) > MOST_FAULTS
    item = client.post("/predict_batch", json=[{name: [] for name in FEATURES}]).json()["predictions"][0]
    assert item["error"]["message"].count("must be") == MOST_FAULTS
    assert f"{len(FEATURES) - MOST_FAULTS} more faults" in item["error"]["message"]
    text = HEADER + "\n" + (",".join("~" * len(EXAMPLE)) + "\n") * (MOST_FURTHER_FAULTS // 10)
    items = client.post("/predict_batch", content=text, headers={"Content-Type": CSV}).json()["predictions"]
    assert all("more faults" in item["error"]["message"] for item in items[-10:])


@pytest.mark.attack("slow batch", "api")
def test_a_batch_that_takes_too_long_for_its_size_is_ended_and_the_next_one_is_answered(
    client: Client, served: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    spin = "from api.batch.worker_limits import limited_time\nwith limited_time(0):\n    while True: pass"
    asyncio.run(_refused(served, monkeypatch, spin, 413))
    assert probability(client) > 0


@pytest.mark.attack("slow batch", "api")
def test_a_batch_that_is_not_done_in_time_by_the_clock_is_ended(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_client, "MOST_SECONDS", 0.5)
    error = asyncio.run(_refused(served, monkeypatch, "import time; time.sleep(600)", 503))
    assert error.headers is not None
    assert "Retry-After" in error.headers


async def _refused(model: Any, monkeypatch: pytest.MonkeyPatch, worker: str, status: int) -> ApiError:
    """What a batch is answered when the process that works on it does this."""
    batches = BatchWorkerClient()
    with monkeypatch.context() as patch:
        patch.setattr(worker_client, "COMMAND", (sys.executable, "-c", worker))
        with pytest.raises(ApiError) as raised:
            await batches.answer(model, CSV, CSV, b"a", "id", 1)
    assert raised.value.status_code == status
    assert not batches.is_alive
    # For asyncio to close what the process had open.
    await asyncio.sleep(0.1)
    return raised.value


@pytest.mark.attack("many batches at once", "api")
def test_no_more_than_a_few_batches_wait(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_client, "COMMAND", (sys.executable, "-c", "import time; time.sleep(600)"))

    async def crowd() -> ApiError:
        batches = BatchWorkerClient()
        waiting = [
            asyncio.create_task(batches.answer(served, CSV, CSV, b"a", "id", 1))
            for _ in range(worker_client.MOST_WAITING + 1)
        ]
        await asyncio.sleep(0.2)
        with pytest.raises(ApiError) as raised:
            await batches.answer(served, CSV, CSV, b"a", "id", 1)
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await asyncio.sleep(0.1)
        return raised.value

    error = asyncio.run(crowd())
    assert error.status_code == 503
    assert error.headers is not None
    assert "Retry-After" in error.headers


def test_the_process_of_the_batches_can_take_no_more_memory_than_it_may() -> None:
    greedy = "from api.batch.worker_limits import limit_memory; limit_memory(); bytearray(2**30)"
    ended = subprocess.run([sys.executable, "-c", greedy], capture_output=True, text=True, check=False)
    assert "MemoryError" in ended.stderr


def test_the_time_of_a_batch_ends_its_process_even_within_a_library() -> None:
    busy = "from api.batch.worker_limits import limited_time\nwith limited_time(0): (10**3_000_000) ** 50"
    assert subprocess.run([sys.executable, "-c", busy], check=False).returncode == -signal.SIGPROF


READ = """
import re, sys
from ui.encounter_table import NoTable, read
from pathlib import Path
try:
    said = str(read(Path(sys.argv[1]).read_bytes()).table.num_rows)
except NoTable as error:
    said = error.why
# Not what getrusage says, which begins with the memory of the process that started this one.
print(said, int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024)
"""
WHY = {"too_many_rows", "too_large", "no_parquet", "no_csv", "columns_twice"}


def at_the_page(attack: str, made: tuple[Callable[[], bytes], ...]) -> list[Any]:
    return [pytest.param(each, marks=pytest.mark.attack(attack, "ui"), id=each.__name__) for each in made]


@pytest.mark.parametrize("make", [*at_the_page("hostile Parquet", PARQUETS), *at_the_page("hostile CSV", CSVS)])
def test_a_file_beyond_a_limit_is_refused_by_the_page(
    tmp_path: Path, make: Callable[[], bytes], record_property: Callable[[str, object], None]
) -> None:
    file = tmp_path / "file"
    file.write_bytes(make())
    ended = subprocess.run([sys.executable, "-c", READ, str(file)], capture_output=True, text=True, check=True)
    why, mib = ended.stdout.split()
    record_property("answer", why)
    assert why in WHY
    assert int(mib) < MOST_PAGE_MIB

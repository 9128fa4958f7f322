"""A batch of 100,000 rows over HTTP against the scikit-learn pipeline that does the same work in process, by turns."""

import io
import json
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import polars as pl

from readmit.embedded.processes import ServiceProcess
from tests.bench.bodies import CSV, MEDIA_TYPE, ROWS, Batch
from tests.bench.machine import BenchRefused
from tests.bench.own_stack import PYTHON, Ground
from tests.bench.rivals import Arena, Rival

PATH = "_batch"
"""What follows `/predict` in its address."""
NOT_TAKEN = 415
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}
MOST_APART = 1e-6
PATIENCE_SECONDS = 600.0
Seconds = dict[str, float | None]


def rounds(
    arena: Arena, ground: Ground, rival: Rival, batch: Batch, times: int, say: Callable[[str], None]
) -> dict[str, list[Seconds]]:
    """Seconds by format, of `api` and of `pipeline`; None: a format that the API does not take."""
    found: dict[str, list[Seconds]] = {"api": [], "pipeline": []}
    for number in range(1, times + 1):
        with arena.alone(rival):
            found["api"].append({kind: _posted(rival, batch, kind, ground.folder) for kind in batch.files})
        found["pipeline"].append(_pipeline(arena, ground))
        if number == 1:
            _same_answers(ground.folder, found["api"][0])
        say(f"batch, round {number}: {_in_words(found['api'][-1])}; the pipeline {_in_words(found['pipeline'][-1])}")
    return found


def post(rival: Rival, body: bytes, kind: str) -> bytes | None:
    """The API's answers to a batch, in the format in which it was posted; None: it does not take that format.

    By the standard library's client, which costs the least. BenchRefused: any other answer.
    """
    parts = urlsplit(rival.address)
    connection = HTTPConnection(str(parts.hostname), parts.port, timeout=PATIENCE_SECONDS)
    try:
        said = {"Content-Type": MEDIA_TYPE[kind], "Accept": MEDIA_TYPE[kind]}
        connection.request("POST", parts.path + PATH, body, said)
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    if answer.status == NOT_TAKEN:
        return None
    if answer.status != 200:
        raise BenchRefused(f"the API answers {answer.status} to a batch as {kind}: {content[:500]!r}")
    return content


def _posted(rival: Rival, batch: Batch, kind: str, folder: Path) -> float | None:
    """The second time by the clock; the first answer is kept."""
    body = batch.files[kind].read_bytes()
    answers = post(rival, body, kind)
    if answers is None:
        return None
    (folder / f"api.{kind}").write_bytes(answers)
    started = time.perf_counter()
    post(rival, body, kind)
    return time.perf_counter() - started


def _pipeline(arena: Arena, ground: Ground) -> Seconds:
    command = (*PYTHON, "tests.bench.pipeline", str(ground.folder))
    arena.carry_out(ServiceProcess("pipeline", command, {**ground.environment, **ONE_THREAD}))
    read: Seconds = json.loads((ground.folder / "pipeline.json").read_text())
    return read


def _same_answers(folder: Path, api: Seconds) -> None:
    """BenchRefused: the API and the pipeline do not say the same, so that their speeds can't be compared."""
    for kind in (kind for kind, seconds in api.items() if seconds is not None):
        ours, theirs = (_probabilities(folder / f"{who}.{kind}", kind) for who in ("api", "pipeline"))
        if len(ours) != ROWS or ours.null_count():
            raise BenchRefused(f"as {kind} the API answers {len(ours) - ours.null_count()} of {ROWS} rows")
        apart = (ours - theirs).abs().max()
        if not isinstance(apart, float) or apart > MOST_APART:
            raise BenchRefused(f"as {kind} a probability of the API's and the pipeline's are {apart!r} apart")


def _probabilities(file: Path, kind: str) -> pl.Series:
    content = io.BytesIO(file.read_bytes())
    frame = pl.read_csv(content, infer_schema_length=None) if kind == CSV else pl.read_parquet(content)
    return frame["probability"].cast(pl.Float64)


def _in_words(seconds: Seconds) -> str:
    return ", ".join(
        f"{kind} not taken" if took is None else f"{kind} {ROWS / took:,.0f} rows a second"
        for kind, took in seconds.items()
    )

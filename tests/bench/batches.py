"""A batch of 100,000 rows over HTTP against the scikit-learn pipeline in process, alternately."""

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
from tests.bench.own_stack import PYTHON, BenchStores
from tests.bench.rivals import Server, ServerRunner

PATH = "_batch"
"""Suffix of the /predict URL."""
UNSUPPORTED_MEDIA_TYPE = 415
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}
MAX_DIFFERENCE = 1e-6
TIMEOUT_SECONDS = 600.0
Seconds = dict[str, float | None]


def rounds(
    runner: ServerRunner, stores: BenchStores, server: Server, batch: Batch, count: int, report: Callable[[str], None]
) -> dict[str, list[Seconds]]:
    """Return the seconds by format of `api` and `pipeline`; None: a format that the API does not support."""
    seconds: dict[str, list[Seconds]] = {"api": [], "pipeline": []}
    for number in range(1, count + 1):
        with runner.running(server):
            seconds["api"].append({kind: _post_seconds(server, batch, kind, stores.folder) for kind in batch.files})
        seconds["pipeline"].append(_pipeline(runner, stores))
        if number == 1:
            _check_same_predictions(stores.folder, seconds["api"][0])
        report(
            f"batch, round {number}: {_rates_text(seconds['api'][-1])}; "
            f"the pipeline {_rates_text(seconds['pipeline'][-1])}"
        )
    return seconds


def post(server: Server, body: bytes, kind: str) -> bytes | None:
    """Return the predictions for a batch in the format of the request; None: the format is not supported.

    Uses the standard library's client, which has the least overhead. Raises BenchRefused for any other status.
    """
    parts = urlsplit(server.address)
    connection = HTTPConnection(str(parts.hostname), parts.port, timeout=TIMEOUT_SECONDS)
    try:
        headers = {"Content-Type": MEDIA_TYPE[kind], "Accept": MEDIA_TYPE[kind]}
        connection.request("POST", parts.path + PATH, body, headers)
        response = connection.getresponse()
        content = response.read()
    finally:
        connection.close()
    if response.status == UNSUPPORTED_MEDIA_TYPE:
        return None
    if response.status != 200:
        raise BenchRefused(f"the API returned {response.status} for a batch as {kind}: {content[:500]!r}")
    return content


def _post_seconds(server: Server, batch: Batch, kind: str, folder: Path) -> float | None:
    """Post a batch twice, save the first response and return the seconds of the second."""
    body = batch.files[kind].read_bytes()
    predictions = post(server, body, kind)
    if predictions is None:
        return None
    (folder / f"api.{kind}").write_bytes(predictions)
    started = time.perf_counter()
    post(server, body, kind)
    return time.perf_counter() - started


def _pipeline(runner: ServerRunner, stores: BenchStores) -> Seconds:
    command = (*PYTHON, "tests.bench.pipeline", str(stores.folder))
    runner.run_to_completion(ServiceProcess("pipeline", command, {**stores.environment, **ONE_THREAD}))
    seconds: Seconds = json.loads((stores.folder / "pipeline.json").read_text())
    return seconds


def _check_same_predictions(folder: Path, api: Seconds) -> None:
    """Raise BenchRefused when the predictions of the API and the pipeline differ."""
    for kind in (kind for kind, seconds in api.items() if seconds is not None):
        ours, theirs = (_probabilities(folder / f"{name}.{kind}", kind) for name in ("api", "pipeline"))
        if len(ours) != ROWS or ours.null_count():
            raise BenchRefused(f"as {kind} the API predicts {len(ours) - ours.null_count()} of {ROWS} rows")
        difference = (ours - theirs).abs().max()
        if not isinstance(difference, float) or difference > MAX_DIFFERENCE:
            raise BenchRefused(
                f"as {kind} the probabilities of the API and the pipeline differ by up to {difference!r}"
            )


def _probabilities(file: Path, kind: str) -> pl.Series:
    content = io.BytesIO(file.read_bytes())
    frame = pl.read_csv(content, infer_schema_length=None) if kind == CSV else pl.read_parquet(content)
    return frame["probability"].cast(pl.Float64)


def _rates_text(seconds: Seconds) -> str:
    return ", ".join(
        f"{kind} not supported" if duration is None else f"{kind} {ROWS / duration:,.0f} rows a second"
        for kind, duration in seconds.items()
    )

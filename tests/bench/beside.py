"""/predict during batches, and with explanations."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from tests.bench.batches import post
from tests.bench.bodies import CSV, Batch
from tests.bench.loading import Load
from tests.bench.rivals import Server, ServerRunner, request_prediction
from tests.bench.singles import MANY, ONE, WARM_UP_SECONDS

EXPLAIN = "?explain=true"


@dataclass(frozen=True, slots=True)
class Sample:
    """Load with many connections alone and during batches; with explanations, None where not supported."""

    alone: Load
    beside: Load
    batches: int
    explained: Load | None


def rounds(
    runner: ServerRunner, server: Server, batch: Batch, count: int, seconds: int, report: Callable[[str], None]
) -> list[Sample]:
    samples = []
    for number in range(1, count + 1):
        with runner.running(server):
            samples.append(sample := _sample(runner, server, batch, seconds))
        report(
            f"/predict beside batches, round {number}: p99 {sample.alone.p99:,.1f} ms alone, "
            f"{sample.beside.p99:,.1f} ms beside {sample.batches}"
        )
    return samples


def _sample(runner: ServerRunner, server: Server, batch: Batch, seconds: int) -> Sample:
    runner.load(server, ONE, WARM_UP_SECONDS)
    explained = runner.load(server, ONE, seconds, EXPLAIN) if _explains(server) else None
    alone = runner.load(server, MANY, seconds)
    with _posting_batches(server, batch.files[CSV].read_bytes()) as response_sizes:
        beside = runner.load(server, MANY, seconds)
    return Sample(alone, beside, len(response_sizes), explained)


def _explains(server: Server) -> bool:
    """Return whether a response with an explanation has more fields than one without."""
    plain, explained = (json.loads(request_prediction(server, path)) for path in ("", EXPLAIN))
    return set(explained) > set(plain)


@contextmanager
def _posting_batches(server: Server, body: bytes) -> Iterator[list[int]]:
    """Post batches one after the other inside the block; yields the list of response sizes."""
    response_sizes: list[int] = []
    stop = threading.Event()

    def post_repeatedly() -> None:
        while not stop.is_set():
            response_sizes.append(len(post(server, body, CSV) or b""))

    with ThreadPoolExecutor(1) as pool:
        posting = pool.submit(post_repeatedly)
        try:
            yield response_sizes
        finally:
            stop.set()
        posting.result()

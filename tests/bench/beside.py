"""/predict while batches are worked on, and with an explanation."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from tests.bench.batches import post
from tests.bench.bodies import CSV, Batch
from tests.bench.loading import Load
from tests.bench.rivals import Arena, Rival, ask
from tests.bench.singles import MANY, ONE, WARM_UP_SECONDS

EXPLAIN = "?explain=true"


@dataclass(frozen=True, slots=True)
class Sample:
    """Many connections alone and beside batches; one that asks for explanations, None where none is given."""

    alone: Load
    beside: Load
    batches: int
    explained: Load | None


def rounds(
    arena: Arena, rival: Rival, batch: Batch, times: int, seconds: int, say: Callable[[str], None]
) -> list[Sample]:
    found = []
    for number in range(1, times + 1):
        with arena.alone(rival):
            found.append(made := _sample(arena, rival, batch, seconds))
        say(
            f"/predict beside batches, round {number}: p99 {made.alone.p99:,.1f} ms alone, {made.beside.p99:,.1f} ms "
            f"beside {made.batches}"
        )
    return found


def _sample(arena: Arena, rival: Rival, batch: Batch, seconds: int) -> Sample:
    arena.load(rival, ONE, WARM_UP_SECONDS)
    explained = arena.load(rival, ONE, seconds, EXPLAIN) if _explains(rival) else None
    alone = arena.load(rival, MANY, seconds)
    with _batches(rival, batch.files[CSV].read_bytes()) as done:
        beside = arena.load(rival, MANY, seconds)
    return Sample(alone, beside, len(done), explained)


def _explains(rival: Rival) -> bool:
    """Whether an answer that was asked for an explanation holds more than one that was not."""
    plain, asked = (json.loads(ask(rival, path)) for path in ("", EXPLAIN))
    return set(asked) > set(plain)


@contextmanager
def _batches(rival: Rival, body: bytes) -> Iterator[list[int]]:
    """While the block runs, one batch is posted after the other; the list takes the size of each answer."""
    done: list[int] = []
    enough = threading.Event()

    def post_them() -> None:
        while not enough.is_set():
            done.append(len(post(rival, body, CSV) or b""))

    with ThreadPoolExecutor(1) as pool:
        posting = pool.submit(post_them)
        try:
            yield done
        finally:
            enough.set()
        posting.result()

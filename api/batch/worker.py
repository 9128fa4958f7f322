"""The other process: takes one batch after the other from its standard input, and answers on its standard output.

A batch can take all the time and memory that it likes here, and at worst ends this process: /predict goes on.
`python -m api.batch.worker` ends when its input does, so with whoever started it.
"""

import os
import signal
import struct
import sys
from collections.abc import Callable
from time import perf_counter
from typing import BinaryIO

import msgspec
import numpy as np
from litestar.exceptions import HTTPException

from api.batch import csv_body, json_body, parquet_body
from api.batch.columns import BatchColumns
from api.batch.ipc_messages import Reply, Task
from api.batch.response_writers import WRITERS
from api.batch.scoring import judged
from api.batch.worker_limits import extend_time, limit_memory, limited_time
from api.request_parsing import CSV, JSON, PARQUET
from readmit.core.scorer import Scorer
from readmit.core.table_limits import InvalidTable, TableTooLarge
from readmit.io.lightgbm_native import scorer_of

READERS: dict[str, Callable[[bytes, int], BatchColumns]] = {
    JSON: json_body.columns,
    CSV: csv_body.columns,
    PARQUET: parquet_body.columns,
}
FORMATS = {JSON: "JSON", CSV: "CSV", PARQUET: "Parquet"}
NICENESS = 10
"""/predict comes first where both want the same core."""


def main() -> None:
    """Works until there is no more to do."""
    # Whoever started this decides when it is over, by closing the input.
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)
    os.nice(NICENESS)
    limit_memory()
    serve(sys.stdin.buffer, sys.stdout.buffer)


def serve(tasks: BinaryIO, replies: BinaryIO) -> None:
    """Answers each task with a reply and the body of it."""
    scorer: Scorer | None = None
    while (task := _task(tasks)) is not None:
        artifact, body = tasks.read(task.artifact), tasks.read(task.body)
        scorer = scorer_of(artifact) if artifact else scorer
        if scorer is None:
            raise ValueError("the first batch came without a model")
        reply, answer = answered(task, body, scorer)
        head = msgspec.msgpack.encode(reply)
        replies.write(struct.pack("<II", len(head), len(answer)) + head)
        replies.write(answer)
        replies.flush()


def _task(tasks: BinaryIO) -> Task | None:
    length = tasks.read(4)
    return msgspec.msgpack.decode(tasks.read(struct.unpack("<I", length)[0]), type=Task) if length else None


def answered(task: Task, body: bytes, scorer: Scorer) -> tuple[Reply, bytes]:
    """The answer to a batch, or the refusal of all of it."""
    began = perf_counter()
    try:
        with limited_time(len(body)):
            columns = READERS[task.kind](body, task.most_records)
            extend_time(columns.rows)
            said = judged(columns, scorer)
            answer = WRITERS[task.wanted](said, task.version, task.request_id)
    except HTTPException as error:
        return _refusal(error.status_code, error.detail)
    except InvalidTable as error:
        return _refusal(400, f"the body is no valid {FORMATS[task.kind]}: {error}")
    except TableTooLarge as error:
        return _refusal(413, f"the body holds {error}")
    except MemoryError:
        return _refusal(413, "the batch needs more memory than one may take: send it in smaller parts")
    flagged = int(np.count_nonzero(said.probabilities >= task.version.threshold))
    refused, not_applicable = len(said.faults), len(said.not_applicable)
    outcomes = (columns.rows - refused - not_applicable - flagged, flagged)
    return Reply(200, "", outcomes, refused, not_applicable, perf_counter() - began), answer


def _refusal(status: int, message: str) -> tuple[Reply, bytes]:
    return Reply(status, message, (0, 0), 0, 0, 0.0), b""


if __name__ == "__main__":
    main()

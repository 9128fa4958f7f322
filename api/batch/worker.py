"""The batch worker, a separate process: it reads tasks from standard input and writes replies to standard output.

A batch that needs too much time or memory ends this process at worst, while /predict goes on.
`python -m api.batch.worker` exits when its input is closed, and so together with the process that started it.
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

from api.batch import json_body, table_body
from api.batch.columns import BatchColumns
from api.batch.ipc_messages import Reply, Task
from api.batch.response_writers import WRITERS
from api.batch.scoring import score_batch
from api.batch.worker_limits import extend_time, limit_memory, limited_time
from api.request_parsing import CSV, JSON, PARQUET, ZIP
from readmit.batch_trees import load_batch_scorer
from readmit.core.scorer import Scorer
from readmit.core.tabular.table_limits import InvalidTable, TableTooLarge

READERS: dict[str, Callable[[bytes, int], BatchColumns]] = {
    JSON: json_body.columns,
    CSV: table_body.columns,
    PARQUET: table_body.parquet_columns,
    ZIP: table_body.columns,
}
FORMATS = {JSON: "JSON", CSV: "CSV", PARQUET: "Parquet", ZIP: "a zipped table"}
NICENESS = 10
"""/predict has priority when both compete for a core."""


def main() -> None:
    """Process tasks until the input is closed."""
    # The parent process ends this one by closing its input.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    os.nice(NICENESS)
    limit_memory()
    serve(sys.stdin.buffer, sys.stdout.buffer)


def serve(tasks: BinaryIO, replies: BinaryIO) -> None:
    """Read tasks until the end of the stream, and write a reply and a response body for each.

    Raises ValueError when the first task has no model.
    """
    scorer: Scorer | None = None
    while (task := _read_task(tasks)) is not None:
        artifact, body = tasks.read(task.artifact), tasks.read(task.body)
        scorer = load_batch_scorer(artifact) if artifact else scorer
        if scorer is None:
            raise ValueError("the first batch has no model")
        reply, response = process_task(task, body, scorer)
        head = msgspec.msgpack.encode(reply)
        replies.write(struct.pack("<II", len(head), len(response)) + head)
        replies.write(response)
        replies.flush()


def _read_task(tasks: BinaryIO) -> Task | None:
    length = tasks.read(4)
    return msgspec.msgpack.decode(tasks.read(struct.unpack("<I", length)[0]), type=Task) if length else None


def process_task(task: Task, body: bytes, scorer: Scorer) -> tuple[Reply, bytes]:
    """Return the reply to a batch and the body of the response, empty when the whole batch is rejected."""
    began = perf_counter()
    try:
        with limited_time(len(body)):
            columns = READERS[task.content_type](body, task.max_records)
            extend_time(columns.rows)
            scores = score_batch(columns, scorer)
            response = WRITERS[task.response_type](scores, task.version, task.request_id)
    except HTTPException as error:
        return _rejection(error.status_code, error.detail)
    except InvalidTable as error:
        return _rejection(400, f"the body is not valid {FORMATS[task.content_type]}: {error}")
    except TableTooLarge as error:
        return _rejection(413, f"the body contains {error}")
    except MemoryError:
        return _rejection(413, "the batch needs too much memory: send it in smaller parts")
    flagged = int(np.count_nonzero(scores.probabilities >= task.version.threshold))
    rejected, not_applicable = len(scores.errors), len(scores.not_applicable)
    outcomes = (columns.rows - rejected - not_applicable - flagged, flagged)
    return Reply(200, "", outcomes, rejected, not_applicable, perf_counter() - began), response


def _rejection(status: int, message: str) -> tuple[Reply, bytes]:
    return Reply(status, message, (0, 0), 0, 0, 0.0), b""


if __name__ == "__main__":
    main()

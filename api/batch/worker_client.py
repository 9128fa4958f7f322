"""The client of the batch worker, a process that is started for the first batch and again after it has died."""

import asyncio
import signal
import struct
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress

import msgspec
from msgspec import structs

from api.batch.ipc_messages import Reply, Task
from api.errors import ApiError
from api.loaded_model import LoadedModel
from readmit.settings import environment_with

ENVIRONMENT = {"OMP_NUM_THREADS": "1", "ARROW_NUM_THREADS": "1", "ARROW_DEFAULT_MEMORY_POOL": "system"}
"""One thread, and the system's allocator, since Arrow's own reserves a gigabyte of the limited address space."""
COMMAND = (sys.executable, "-m", "api.batch.worker")
TIMEOUT_SECONDS = 60.0
MAX_WAITING = 16
"""How many batches wait, each with its body in memory; further ones are rejected."""
EXIT_TIMEOUT_SECONDS = 2.0
"""How long a process that has closed its pipes may take to exit."""
RETRY_AFTER = {"Retry-After": "5"}


class BatchWorkerClient:
    """The client of one worker, which processes one batch at a time while the others wait."""

    def __init__(self) -> None:
        self._waiting = 0
        self._lock = asyncio.Lock()
        self._process: Process | None = None
        self._worker_scorer = ""

    async def predict(
        self, model: LoadedModel, content_type: str, response_type: str, body: bytes, request_id: str, max_records: int
    ) -> tuple[Reply, bytes]:
        """Return the reply to a batch and the body of the response.

        Raises ApiError: with status 413 when the batch takes too long for its size, 503 when too many batches wait, on
        a timeout or when the worker dies.
        """
        if self._waiting > MAX_WAITING:
            raise ApiError(503, "too many batches are waiting: try again later", headers=RETRY_AFTER)
        self._waiting += 1
        try:
            async with self._lock:
                task = Task(content_type, response_type, request_id, max_records, model.version, 0, len(body))
                return await self._predict(model, task, body)
        finally:
            self._waiting -= 1

    async def _predict(self, model: LoadedModel, task: Task, body: bytes) -> tuple[Reply, bytes]:
        artifact = b"" if self.is_alive and self._worker_scorer == model.version.scorer else model.artifact
        process = await self._ensure_process()
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                reply = await _exchange(process, structs.replace(task, artifact=len(artifact)), artifact, body)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise await self._exit_error(process) from error
        except TimeoutError as error:
            self._kill()
            await process.wait()
            message = f"the batch took longer than {TIMEOUT_SECONDS:.0f} seconds: send it in smaller parts"
            raise ApiError(503, message, headers=RETRY_AFTER) from error
        except asyncio.CancelledError:
            # The client is gone. The next task must not read this one's reply.
            self._kill()
            raise
        self._worker_scorer = model.version.scorer
        return reply

    async def _exit_error(self, process: Process) -> ApiError:
        """Return the error for a worker that died, which it does by itself when its time is up."""
        # Wait before killing it: killing a process that is already dead loses its exit code.
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), EXIT_TIMEOUT_SECONDS)
        self._kill()
        if await process.wait() == -signal.SIGPROF:
            return ApiError(413, "the batch takes too long for its size: send it in smaller parts")
        return ApiError(503, "the batch could not be processed: try a smaller one", headers=RETRY_AFTER)

    @property
    def is_alive(self) -> bool:
        """Whether the worker process is running."""
        return self._process is not None and self._process.returncode is None

    async def _ensure_process(self) -> Process:
        if self._process is None or self._process.returncode is not None:
            environment = environment_with(ENVIRONMENT)
            self._process = await asyncio.create_subprocess_exec(
                *COMMAND, stdin=PIPE, stdout=PIPE, env=environment, start_new_session=True
            )
        return self._process

    def _kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
        self._process, self._worker_scorer = None, ""

    async def close(self) -> None:
        """Wait for the batch in progress, then end the process."""
        async with self._lock:
            process = self._process
            if process is not None and process.returncode is None and process.stdin is not None:
                process.stdin.close()
                await process.wait()
            self._process = None


async def _exchange(process: Process, task: Task, artifact: bytes, body: bytes) -> tuple[Reply, bytes]:
    assert process.stdin is not None
    assert process.stdout is not None
    head = msgspec.msgpack.encode(task)
    for part in (struct.pack("<I", len(head)), head, artifact, body):
        process.stdin.write(part)
    await process.stdin.drain()
    reply_bytes, response_bytes = struct.unpack("<II", await process.stdout.readexactly(8))
    reply = msgspec.msgpack.decode(await process.stdout.readexactly(reply_bytes), type=Reply)
    return reply, await process.stdout.readexactly(response_bytes)

"""The API's end of the process that works on batches: started with the first one, and again if it should die."""

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
"""One thread, and no allocator that reserves a gigabyte of address space, which is limited."""
COMMAND = (sys.executable, "-m", "api.batch.worker")
MOST_SECONDS = 60.0
MOST_WAITING = 16
"""Batches, each with its body in memory. Whoever comes after them is told to come back."""
DEATH_SECONDS = 2.0
"""How long a process that has closed its pipes may take to be gone."""
RETRY_AFTER = {"Retry-After": "5"}


class BatchWorkerClient:
    """One batch at a time; the others wait their turn."""

    def __init__(self) -> None:
        self._waiting = 0
        self._turn = asyncio.Lock()
        self._process: Process | None = None
        self._holds = ""

    async def answer(
        self, model: LoadedModel, kind: str, wanted: str, body: bytes, request_id: str, most_records: int
    ) -> tuple[Reply, bytes]:
        """The reply and the answer to a batch. Refused: 503, too many wait or the process died of it; 413, too slow."""
        if self._waiting > MOST_WAITING:
            raise ApiError(503, "too many batches wait already; try again later", headers=RETRY_AFTER)
        self._waiting += 1
        try:
            async with self._turn:
                return await self._answer(
                    model, Task(kind, wanted, request_id, most_records, model.version, 0, len(body)), body
                )
        finally:
            self._waiting -= 1

    async def _answer(self, model: LoadedModel, task: Task, body: bytes) -> tuple[Reply, bytes]:
        artifact = b"" if self.is_alive and self._holds == model.version.scorer else model.artifact
        process = await self._alive()
        try:
            async with asyncio.timeout(MOST_SECONDS):
                reply = await _exchange(process, structs.replace(task, artifact=len(artifact)), artifact, body)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise await self._death(process) from error
        except TimeoutError as error:
            self._end()
            await process.wait()
            message = f"the batch was not done within {MOST_SECONDS:.0f} seconds: send it in smaller parts"
            raise ApiError(503, message, headers=RETRY_AFTER) from error
        except asyncio.CancelledError:
            # Nobody waits for the answer any more; the next one must not be taken for it.
            self._end()
            raise
        self._holds = model.version.scorer
        return reply

    async def _death(self, process: Process) -> ApiError:
        """Return what is answered when the process died, which it does of itself when its time is up."""
        # It is not killed before it was waited for: whoever kills a process that is dead loses its exit code.
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), DEATH_SECONDS)
        self._end()
        if await process.wait() == -signal.SIGPROF:
            return ApiError(413, "the batch takes more time than one of its size may: send it in smaller parts")
        return ApiError(503, "the batch could not be worked on; a smaller one may", headers=RETRY_AFTER)

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.returncode is None

    async def _alive(self) -> Process:
        if self._process is None or self._process.returncode is not None:
            environment = environment_with(ENVIRONMENT)
            self._process = await asyncio.create_subprocess_exec(
                *COMMAND, stdin=PIPE, stdout=PIPE, env=environment, start_new_session=True
            )
        return self._process

    def _end(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
        self._process, self._holds = None, ""

    async def close(self) -> None:
        """Lets the batch that is in hand be answered, and ends the process."""
        async with self._turn:
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
    told, answer = struct.unpack("<II", await process.stdout.readexactly(8))
    reply = msgspec.msgpack.decode(await process.stdout.readexactly(told), type=Reply)
    return reply, await process.stdout.readexactly(answer)

"""Where slow questions wait, so that nothing else does: a thread and a bounded queue for each kind of question."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from api.errors import ApiError

T = TypeVar("T")
PATIENCE_SECONDS = 10.0
MOST_WAITING = 50


class BoundedExecutor:
    """Answers one question after the other. `whose`: as an error calls who is asked."""

    def __init__(self, whose: str) -> None:
        self._whose = whose
        self._thread = ThreadPoolExecutor(1, f"ask {whose}")
        self._waiting = 0

    async def run(self, question: Callable[[], T]) -> T:
        """Refused: 503, there is no answer in time, or too many wait for one already."""
        if self._waiting >= MOST_WAITING:
            raise ApiError(503, f"too many questions wait for {self._whose} already")
        self._waiting += 1
        try:
            asked = asyncio.get_running_loop().run_in_executor(self._thread, question)
            return await asyncio.wait_for(asked, PATIENCE_SECONDS)
        except TimeoutError as error:
            raise ApiError(503, f"{self._whose} did not answer within {PATIENCE_SECONDS:.0f} s") from error
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Whoever still waits gets no answer."""
        self._thread.shutdown(wait=False, cancel_futures=True)

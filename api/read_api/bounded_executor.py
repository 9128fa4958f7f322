"""A thread with a bounded queue for slow calls, so that nothing else waits for them."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from api.errors import ApiError

T = TypeVar("T")
TIMEOUT_SECONDS = 10.0
MAX_WAITING = 50


class BoundedExecutor:
    """An executor that runs one call at a time. `service`: what the calls depend on, for error messages."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._thread = ThreadPoolExecutor(1, f"query {service}")
        self._waiting = 0

    async def run(self, call: Callable[[], T]) -> T:
        """Return the call's result. Raises ApiError with status 503 when it takes too long or too many are waiting."""
        if self._waiting >= MAX_WAITING:
            raise ApiError(503, f"too many queries are waiting for {self._service}")
        self._waiting += 1
        try:
            result = asyncio.get_running_loop().run_in_executor(self._thread, call)
            return await asyncio.wait_for(result, TIMEOUT_SECONDS)
        except TimeoutError as error:
            raise ApiError(503, f"{self._service} did not respond within {TIMEOUT_SECONDS:.0f} s") from error
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Cancel the waiting calls."""
        self._thread.shutdown(wait=False, cancel_futures=True)

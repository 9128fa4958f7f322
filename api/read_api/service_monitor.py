"""Which services answer: asked all at once, when somebody wants to know, and remembered for a moment."""

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from api.read_api.schemas import ServiceItem
from readmit.core.errors import ReadmitError
from readmit.io.health_probe import milliseconds

PATIENCE_SECONDS = 3.0
REMEMBERED_SECONDS = 2.0
AT_ONCE = 16


class ServiceMonitor:
    """`addresses`: where each service says that it works; `pages`: where a person looks at it."""

    def __init__(self, addresses: Mapping[str, str], pages: Mapping[str, str]) -> None:
        self._addresses = addresses
        self._pages = pages
        self._threads = ThreadPoolExecutor(AT_ONCE, "ask services")
        self._asking = asyncio.Lock()
        self._known: tuple[float, list[ServiceItem]] = (float("-inf"), [])

    async def all(self) -> list[ServiceItem]:
        """How each is, in the order in which they were named."""
        async with self._asking:
            asked_at, told = self._known
            if time.monotonic() - asked_at > REMEMBERED_SECONDS:
                loop = asyncio.get_running_loop()
                asked = [loop.run_in_executor(self._threads, self._ask, name) for name in self._addresses]
                told = list(await asyncio.gather(*asked))
                self._known = time.monotonic(), told
        return told

    def _ask(self, name: str) -> ServiceItem:
        page = self._pages.get(name)
        try:
            took = milliseconds(self._addresses[name], PATIENCE_SECONDS)
        except ReadmitError as error:
            return ServiceItem(name, "down", None, str(error), page)
        return ServiceItem(name, "up", round(took, 1), None, page)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

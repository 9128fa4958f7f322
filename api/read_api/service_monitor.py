"""The state of other services: probed concurrently on request, and cached for a moment."""

import asyncio
import ssl
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from api.read_api.schemas import ServiceItem
from readmit.core.errors import ReadmitError
from readmit.io.health_probe import probe_latency_ms, s3_latency_ms

TIMEOUT_SECONDS = 3.0
CACHE_SECONDS = 2.0
MAX_THREADS = 16
S3 = "s3"
"""The service that is probed by an S3 request at its address: servers of different makes have no common health path."""


class ServiceMonitor:
    """The probes of other services. `addresses`: their health endpoints; `pages`: their web pages; both by name.

    `tls`: the TLS contexts of those whose certificate is not verified by the CAs of the system.
    """

    def __init__(
        self, addresses: Mapping[str, str], pages: Mapping[str, str], tls: Mapping[str, ssl.SSLContext]
    ) -> None:
        self._addresses = addresses
        self._pages = pages
        self._tls = tls
        self._threads = ThreadPoolExecutor(MAX_THREADS, "probe services")
        self._lock = asyncio.Lock()
        self._cached: tuple[float, list[ServiceItem]] = (float("-inf"), [])

    async def all(self) -> list[ServiceItem]:
        """Return the state of each service, in the configured order."""
        async with self._lock:
            probed_at, items = self._cached
            if time.monotonic() - probed_at > CACHE_SECONDS:
                loop = asyncio.get_running_loop()
                probes = [loop.run_in_executor(self._threads, self._probe, name) for name in self._addresses]
                items = list(await asyncio.gather(*probes))
                self._cached = time.monotonic(), items
        return items

    def _probe(self, name: str) -> ServiceItem:
        page, probe = self._pages.get(name), s3_latency_ms if name == S3 else probe_latency_ms
        try:
            milliseconds = probe(self._addresses[name], TIMEOUT_SECONDS, self._tls.get(name))
        except ReadmitError as error:
            return ServiceItem(name, "down", None, str(error), page)
        return ServiceItem(name, "up", round(milliseconds, 1), None, page)

    def close(self) -> None:
        """Stop the threads, without waiting for what they do."""
        self._threads.shutdown(wait=False, cancel_futures=True)

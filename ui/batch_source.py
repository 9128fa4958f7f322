"""HTTP client of the page for the batches of the data API."""

import ssl

import httpx

from ui.api_client import PARQUET, TIMEOUT, bearer, fetch, send
from ui.schemas import SourceBatchView


class BatchSource:
    """A thread-safe client. Every method raises ApiUnavailable or RequestRejected."""

    def __init__(self, url: str, token: str | None, tls: ssl.SSLContext | None) -> None:
        self._url = url.rstrip("/")
        headers = {} if token is None else bearer(token)
        self._client = httpx.Client(timeout=TIMEOUT, headers=headers, verify=tls or True)

    def batches(self) -> list[SourceBatchView]:
        """Return all batches, released or not."""
        return fetch(self._client, list[SourceBatchView], "GET", f"{self._url}/batches")

    def batch(self, number: int) -> bytes:
        """Return a batch as Parquet with text columns."""
        return send(self._client, "GET", f"{self._url}/batches/{number}", headers={"Accept": PARQUET}).content

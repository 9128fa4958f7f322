"""HTTP client of the page for the batches of the data API."""

import ssl
from urllib.parse import urlsplit

import httpx

from readmit.core.private_host import is_private
from ui.api_client import PARQUET, TIMEOUT, bearer, fetch, send
from ui.schemas import SourceBatchView


class BatchSource:
    """A thread-safe client. Every method raises ApiUnavailable or RequestRejected."""

    def __init__(self, url: str, token: str | None, tls: ssl.SSLContext | None) -> None:
        self._url = url.rstrip("/")
        headers = {} if token is None else bearer(token)
        # No proxy leads to this machine or a private network.
        trust_env = not is_private(urlsplit(url).hostname or "")
        verify = tls or ssl.create_default_context()
        self._client = httpx.Client(timeout=TIMEOUT, headers=headers, verify=verify, trust_env=trust_env)

    def batches(self) -> list[SourceBatchView]:
        """Return all batches, released or not."""
        return fetch(self._client, list[SourceBatchView], "GET", f"{self._url}/batches")

    def batch(self, number: int) -> bytes:
        """Return a batch as Parquet with text columns."""
        return send(self._client, "GET", f"{self._url}/batches/{number}", headers={"Accept": PARQUET}).content

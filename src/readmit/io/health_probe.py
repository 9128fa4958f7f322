"""Health probe of a service: one GET request with the standard library only."""

import ssl
import time
from http.client import HTTPException
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

from readmit.core.errors import ReadmitError


class ProbeFailed(ReadmitError):
    """The service did not respond with 200 in time. The text gives the cause but not the address."""


class _NoRedirects(HTTPRedirectHandler):
    """A handler that does not follow redirects."""

    def redirect_request(self, *_: object) -> None:
        return None


_OPENER = build_opener(_NoRedirects)


def probe_latency_ms(address: str, timeout: float, tls: ssl.SSLContext | None = None) -> float:
    """Return how many milliseconds a service takes to respond with 200; `timeout` in seconds.

    `tls`: verifies its certificate; None: the CAs of the system do. Raises ProbeFailed when it does not respond.
    """
    opener = _OPENER if tls is None else build_opener(_NoRedirects, HTTPSHandler(context=tls))
    start = time.perf_counter()
    try:
        with opener.open(Request(address), timeout=timeout) as response:
            response.read(1)
    # ValueError: the address is malformed.
    except (OSError, HTTPException, ValueError) as error:
        raise ProbeFailed(str(getattr(error, "reason", None) or error or type(error).__name__)) from error
    return 1000 * (time.perf_counter() - start)

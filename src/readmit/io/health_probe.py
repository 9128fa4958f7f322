"""Health probe of a service: one GET request with the standard library only."""

import ssl
import time
from http.client import HTTPException
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, OpenerDirector, ProxyHandler, Request, build_opener

from readmit.core.errors import ReadmitError
from readmit.core.private_host import is_private


class ProbeFailed(ReadmitError):
    """The service did not respond with 200 in time. The text gives the cause but not the address."""


class _NoRedirects(HTTPRedirectHandler):
    """A handler that does not follow redirects."""

    def redirect_request(self, *_: object) -> None:
        return None


_DIRECT, _OUTSIDE = build_opener(ProxyHandler({}), _NoRedirects), build_opener(_NoRedirects)


def probe_latency_ms(address: str, timeout: float, tls: ssl.SSLContext | None = None) -> float:
    """Return how many milliseconds a service takes to respond with 200; `timeout` in seconds.

    `tls`: verifies its certificate; None: the CAs of the system do. Raises ProbeFailed when it does not respond.
    """
    start = time.perf_counter()
    try:
        with _opener(address, tls).open(Request(address), timeout=timeout) as response:
            response.read(1)
    # ValueError: the address is malformed.
    except (OSError, HTTPException, ValueError) as error:
        raise ProbeFailed(str(getattr(error, "reason", None) or error or type(error).__name__)) from error
    return 1000 * (time.perf_counter() - start)


def _opener(address: str, tls: ssl.SSLContext | None) -> OpenerDirector:
    """Return the opener of an address: no proxy leads to this machine or a private network."""
    is_direct = is_private(urlsplit(address).hostname or "")
    if tls is None:
        return _DIRECT if is_direct else _OUTSIDE
    return build_opener(*([ProxyHandler({})] if is_direct else []), _NoRedirects, HTTPSHandler(context=tls))

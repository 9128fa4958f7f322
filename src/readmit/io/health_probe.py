"""Health probe of a service: one GET request with the standard library only."""

import re
import ssl
import time
from http import HTTPStatus
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, OpenerDirector, ProxyHandler, Request, build_opener

from readmit.core.errors import ReadmitError
from readmit.core.private_host import is_private

S3_HEADER = "x-amz-request-id"
S3_DOCUMENT = re.compile(rb"<(Error|ListAllMyBucketsResult)\b")
"""What a response of an S3 server has, whatever its make: at least one of the two."""
START_BYTES = 1_000
"""Bytes of a response that its document must begin in."""


class ProbeFailed(ReadmitError):
    """The service did not respond as expected in time. The text gives the cause but not the address."""


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


def s3_latency_ms(address: str, timeout: float, tls: ssl.SSLContext | None = None) -> float:
    """Return how many milliseconds an S3 server takes to respond to an unsigned request for its buckets.

    It works if it responds as S3 does, usually that the request must be signed; `timeout` in seconds. `tls`: as in
    `probe_latency_ms`. Raises ProbeFailed when it does not respond, or something else than S3 does.
    """
    start = time.perf_counter()
    try:
        is_s3 = _responds_as_s3(address, timeout, tls)
    except (OSError, HTTPException, ValueError) as error:
        raise ProbeFailed(str(getattr(error, "reason", None) or error or type(error).__name__)) from error
    if not is_s3:
        raise ProbeFailed("the response is not that of an S3 server")
    return 1000 * (time.perf_counter() - start)


def _responds_as_s3(address: str, timeout: float, tls: ssl.SSLContext | None) -> bool:
    """Return whether the response is that of S3. Raises HTTPError when the server itself has failed."""
    try:
        response = _opener(address, tls).open(Request(address), timeout=timeout)
    except HTTPError as error:
        if error.code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise
        response = error
    with response:
        return S3_HEADER in response.headers or S3_DOCUMENT.search(response.read(START_BYTES)) is not None


def _opener(address: str, tls: ssl.SSLContext | None) -> OpenerDirector:
    """Return the opener of an address: no proxy leads to this machine or a private network."""
    is_direct = is_private(urlsplit(address).hostname or "")
    if tls is None:
        return _DIRECT if is_direct else _OUTSIDE
    return build_opener(*([ProxyHandler({})] if is_direct else []), _NoRedirects, HTTPSHandler(context=tls))

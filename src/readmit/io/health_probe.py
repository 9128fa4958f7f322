"""Whether a service answers: one GET, by the standard library alone."""

import time
from http.client import HTTPException
from urllib.request import HTTPRedirectHandler, Request, build_opener

from readmit.core.errors import ReadmitError


class ProbeFailed(ReadmitError):
    """The service does not answer in time, or not with 200; the text says what came instead, and no address."""


class _NotElsewhere(HTTPRedirectHandler):
    """Nobody is followed to another address."""

    def redirect_request(self, *_: object) -> None:
        return None


_OPENER = build_opener(_NotElsewhere)


def milliseconds(address: str, patience: float) -> float:
    """How long the service behind an address took to answer 200. NoAnswer."""
    began = time.perf_counter()
    try:
        with _OPENER.open(Request(address), timeout=patience) as answer:
            answer.read(1)
    # ValueError: an address that is none.
    except (OSError, HTTPException, ValueError) as error:
        raise ProbeFailed(str(getattr(error, "reason", None) or error or type(error).__name__)) from error
    return 1000 * (time.perf_counter() - began)

"""Every error as JSON of one shape, with the request's id; never a stack trace, never a patient's data in the log."""

import logging
import re
import traceback
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import HTTPScope

from api.wire import Error, ErrorText, FieldFault
from readmit.core.refusal import ReadmitError
from readmit.core.request import RecordRefused

REQUEST_ID = "X-Request-ID"
SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")

log = logging.getLogger("readmit.api")


class Refused(HTTPException):
    """An answer that is an error: its status, its words and, where they are known, the fields at fault."""

    def __init__(
        self, status: int, message: str, fields: tuple[FieldFault, ...] = (), headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(detail=message, status_code=status, headers=headers)
        self.fields = fields


def request_id(scope: HTTPScope) -> str:
    """The caller's X-Request-ID if it is sane, else one of ours: the same for the whole request."""
    state = scope["state"]
    if REQUEST_ID not in state:
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"").decode("latin-1")
        state[REQUEST_ID] = given if SANE_ID.fullmatch(given) else uuid4().hex
    return str(state[REQUEST_ID])


def refused(request: Request[Any, Any, Any], error: HTTPException) -> Response[Error]:
    """The answer to what is the caller's fault, or to what the API knows that it can't do now."""
    fields = error.fields if isinstance(error, Refused) else ()
    text = ErrorText(error.detail or HTTPStatus(error.status_code).phrase, list(fields))
    return Response(
        Error(text, request_id(request.scope)),
        status_code=error.status_code,
        headers=error.headers,
        media_type="application/json",
    )


def broken(request: Request[Any, Any, Any], error: Exception) -> Response[Error]:
    """The answer to what nobody foresaw. The log gets where it happened; the error's own words may hold a value."""
    where = "".join(traceback.format_list(traceback.extract_tb(error.__traceback__)))
    log.error("request %s failed: %s\n%s", request_id(request.scope), type(error).__name__, where)
    return Response(
        Error(ErrorText("internal error"), request_id(request.scope)), status_code=500, media_type="application/json"
    )


def no_encounter(request: Request[Any, Any, Any], error: RecordRefused) -> Response[Error]:
    """The answer to a record that is no encounter: its fields at fault."""
    fields = tuple(FieldFault(fault.field, fault.message) for fault in error.faults)
    return refused(request, Refused(422, f"the record is no encounter: {error}", fields))


def unavailable(request: Request[Any, Any, Any], error: ReadmitError) -> Response[Error]:
    """The answer when something that the API needs is away."""
    return refused(request, Refused(503, str(error)))


HANDLERS: dict[int | type[Exception], Any] = {
    HTTPException: refused,
    RecordRefused: no_encounter,
    ReadmitError: unavailable,
    Exception: broken,
}

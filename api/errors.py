"""Every error as JSON of one shape, with the request's id; never a stack trace, never a patient's data in the log."""

import itertools
import logging
import re
import secrets
import traceback
from http import HTTPStatus
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import HTTPScope

from api.schemas import ErrorDetail, ErrorResponse, FieldError
from readmit.core.applicability import NOT_APPLICABLE, NotApplicable
from readmit.core.encounter import DISPOSITION
from readmit.core.errors import ReadmitError, RegistryUnavailable, RollbackRejected, StoreUnavailable, UnknownVersion
from readmit.core.request import RecordRejected

REQUEST_ID = "X-Request-ID"
MOST_QUOTED = 60
"""Characters of a caller's text that an error repeats."""
MOST_MESSAGE = 300
SANE_ID = re.compile(rb"[A-Za-z0-9._:-]{1,64}")
WITHOUT_RISK = "without risk"
"""Set in a request's state when it got no risk because the encounter ended in death or hospice."""
_OURS, _COUNT = secrets.token_hex(10), itertools.count()
"""An id of ours says which process made it and which of its requests it is: random ones cost ten times as much."""

log = logging.getLogger("readmit.api")


class ApiError(HTTPException):
    """An answer that is an error: its status, its words and, where they are known, the fields at fault."""

    def __init__(
        self, status: int, message: str, fields: tuple[FieldError, ...] = (), headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(detail=message, status_code=status, headers=headers)
        self.fields = fields


def quoted(text: str) -> str:
    """Return a caller's text in quotes, shortened and with what is not printable escaped."""
    return repr(text if len(text) <= MOST_QUOTED else f"{text[: MOST_QUOTED - 3]}...")


def request_id(scope: HTTPScope) -> str:
    """The same for the whole request."""
    state = scope["state"]
    if REQUEST_ID not in state:
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        state[REQUEST_ID] = sane_or_new_id(given)
    return str(state[REQUEST_ID])


def sane_or_new_id(given: bytes) -> str:
    """The caller's X-Request-ID if it is sane, else one of ours, 32 hex digits."""
    return given.decode() if given and SANE_ID.fullmatch(given) else f"{_OURS}{next(_COUNT):012x}"


def refused(request: Request[Any, Any, Any], error: HTTPException) -> Response[ErrorResponse]:
    """The answer to what is the caller's fault, or to what the API knows that it can't do now."""
    if isinstance(error, ApiError):
        message, fields = error.detail, error.fields
    else:
        # Litestar's own words repeat the whole address of a request.
        message, fields = _bounded(error.detail), _at_fault(error)
    text = ErrorDetail(message or HTTPStatus(error.status_code).phrase, list(fields))
    return Response(
        ErrorResponse(text, request_id(request.scope)),
        status_code=error.status_code,
        headers=error.headers,
        media_type="application/json",
    )


def _at_fault(error: HTTPException) -> tuple[FieldError, ...]:
    """What Litestar found wrong with a typed body or parameter, by name."""
    found = error.extra if isinstance(error, ValidationException) and isinstance(error.extra, list) else []
    return tuple(FieldError(_bounded(str(each.get("key", ""))), _bounded(str(each["message"]))) for each in found)


def fault(request_id: str, error: Exception) -> ErrorResponse:
    """What is said of a fault that nobody foresaw. The log gets where it happened; its own words may hold a value."""
    where = "".join(traceback.format_list(traceback.extract_tb(error.__traceback__)))
    log.error("request %s failed: %s\n%s", request_id, type(error).__name__, where)
    return ErrorResponse(ErrorDetail("internal error"), request_id)


def broken(request: Request[Any, Any, Any], error: Exception) -> Response[ErrorResponse]:
    """The answer to it."""
    return Response(fault(request_id(request.scope), error), status_code=500, media_type="application/json")


def no_encounter(request: Request[Any, Any, Any], error: RecordRejected) -> Response[ErrorResponse]:
    """The answer to a record that is no encounter: its fields at fault."""
    fields = tuple(FieldError(fault.field, fault.message) for fault in error.faults)
    return refused(request, ApiError(422, f"the record is no encounter: {error}", fields))


def not_applicable(request: Request[Any, Any, Any], error: NotApplicable) -> Response[ErrorResponse]:
    """Return the answer to an encounter that ended in death or hospice."""
    request.scope["state"][WITHOUT_RISK] = True
    return refused(
        request, ApiError(422, f"no risk of readmission: {error}", (FieldError(DISPOSITION, NOT_APPLICABLE),))
    )


def impossible(request: Request[Any, Any, Any], error: RollbackRejected) -> Response[ErrorResponse]:
    """The answer to who wants to go back to where there is nothing."""
    return refused(request, ApiError(409, _bounded(str(error))))


def unknown(request: Request[Any, Any, Any], error: UnknownVersion) -> Response[ErrorResponse]:
    """The answer to who asks for a version that there is not."""
    return refused(request, ApiError(404, _bounded(str(error))))


def nested_too_deeply(request: Request[Any, Any, Any], _: RecursionError) -> Response[ErrorResponse]:
    """Answer a body that the JSON decoder cannot follow."""
    return refused(request, ApiError(400, "the body is nested too deeply"))


def _bounded(text: str) -> str:
    """Return a text that repeats what the caller sent, shortened."""
    return text if len(text) <= MOST_MESSAGE else f"{text[: MOST_MESSAGE - 3]}..."


def unavailable(request: Request[Any, Any, Any], error: ReadmitError) -> Response[ErrorResponse]:
    """Answer that something which the API needs is away; its address, and the words of its driver, are for the log."""
    log.warning("request %s: %s", request_id(request.scope), error)
    return refused(request, ApiError(503, what_is_away(error)))


def what_is_away(error: ReadmitError) -> str:
    """Return what a client may know of an error of a service behind the API."""
    if isinstance(error, StoreUnavailable):
        return "the database does not answer; the log of the API tells why"
    if isinstance(error, RegistryUnavailable):
        return "the model registry does not answer; the log of the API tells why"
    return _bounded(str(error))


HANDLERS: dict[int | type[Exception], Any] = {
    HTTPException: refused,
    RecordRejected: no_encounter,
    NotApplicable: not_applicable,
    RollbackRejected: impossible,
    UnknownVersion: unknown,
    ReadmitError: unavailable,
    Exception: broken,
}

"""Error responses: JSON of one shape with the request ID, no stack trace, and no patient data in the log."""

import itertools
import logging
import re
import secrets
import traceback
from http import HTTPStatus
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException, MethodNotAllowedException, ValidationException
from litestar.types import HTTPScope

from api.head_requests import allowed_methods, received_method
from api.schemas import ErrorDetail, ErrorResponse, FieldError
from readmit.core.applicability import NOT_APPLICABLE, NotApplicable
from readmit.core.encounter import DISPOSITION
from readmit.core.errors import (
    EvaluationMissing,
    ReadmitError,
    RegistryUnavailable,
    RollbackRejected,
    StoreUnavailable,
    UnknownVersion,
)
from readmit.core.request import RecordRejected

REQUEST_ID = "X-Request-ID"
MAX_QUOTED_CHARS = 60
"""How much of a client's text an error message repeats."""
MAX_MESSAGE_CHARS = 300
REQUEST_ID_PATTERN = re.compile(rb"[A-Za-z0-9._:-]{1,64}")
NOT_APPLICABLE_STATE = "not applicable"
"""Key in the request state: set when there is no prediction because the encounter ended in death or hospice."""
_ID_PREFIX, _ID_COUNTER = secrets.token_hex(10), itertools.count()
"""A generated ID is a prefix per process and a counter, which costs a tenth of a random ID."""

log = logging.getLogger("readmit.api")


class ApiError(HTTPException):
    """An error response: its status, its message and, where known, the invalid fields."""

    def __init__(
        self, status: int, message: str, fields: tuple[FieldError, ...] = (), headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(detail=message, status_code=status, headers=headers)
        self.fields = fields


def quoted(text: str) -> str:
    """Return a client's text in quotes, shortened and with unprintable characters escaped."""
    return repr(text if len(text) <= MAX_QUOTED_CHARS else f"{text[: MAX_QUOTED_CHARS - 3]}...")


def request_id(scope: HTTPScope) -> str:
    """Return the request's ID, which is kept in its state."""
    state = scope["state"]
    if REQUEST_ID not in state:
        header = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        state[REQUEST_ID] = valid_or_new_id(header)
    return str(state[REQUEST_ID])


def valid_or_new_id(header: bytes) -> str:
    """Return the client's X-Request-ID if it is valid, else a new ID of 32 hex digits."""
    if header and REQUEST_ID_PATTERN.fullmatch(header):
        return header.decode()
    return f"{_ID_PREFIX}{next(_ID_COUNTER):012x}"


def http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[ErrorResponse]:
    """Return the response to an HTTP error, raised by the API or by Litestar."""
    if isinstance(error, ApiError):
        message, fields = error.detail, error.fields
    else:
        # Litestar's own messages repeat the whole URL of a request.
        message, fields = _shorten(error.detail), _field_errors(error)
    detail = ErrorDetail(message or HTTPStatus(error.status_code).phrase, list(fields))
    return Response(
        ErrorResponse(detail, request_id(request.scope)),
        status_code=error.status_code,
        headers=error.headers,
        media_type="application/json",
    )


def method_not_allowed(request: Request[Any, Any, Any], error: MethodNotAllowedException) -> Response[ErrorResponse]:
    """Return the response to a method that the route does not have; Litestar has listed those it has."""
    headers = error.headers or {}
    allowed = allowed_methods(headers["allow"])
    message = f"the method {quoted(received_method(request.scope))} is not allowed here: use {allowed}"
    return http_error(request, ApiError(405, message, headers=headers))


def _field_errors(error: HTTPException) -> tuple[FieldError, ...]:
    """Return Litestar's validation errors of a typed body or parameter, by field."""
    items = error.extra if isinstance(error, ValidationException) and isinstance(error.extra, list) else []
    return tuple(FieldError(_shorten(str(item.get("key", ""))), _shorten(str(item["message"]))) for item in items)


def internal_error(request_id: str, error: Exception) -> ErrorResponse:
    """Log an unexpected error and return the body of its response.

    The log gets the type and the traceback, not the message, which may contain a patient's value.
    """
    stack = "".join(traceback.format_list(traceback.extract_tb(error.__traceback__)))
    log.error("request %s failed: %s\n%s", request_id, type(error).__name__, stack)
    return ErrorResponse(ErrorDetail("internal error"), request_id)


def unexpected_error(request: Request[Any, Any, Any], error: Exception) -> Response[ErrorResponse]:
    """Return the response to an unexpected error, with status 500."""
    return Response(internal_error(request_id(request.scope), error), status_code=500, media_type="application/json")


def invalid_record(request: Request[Any, Any, Any], error: RecordRejected) -> Response[ErrorResponse]:
    """Return the response to an invalid record, with an error for each invalid field."""
    fields = tuple(FieldError(item.field, item.message) for item in error.errors)
    return http_error(request, ApiError(422, f"invalid encounter: {error}", fields))


def not_applicable(request: Request[Any, Any, Any], error: NotApplicable) -> Response[ErrorResponse]:
    """Return the response to an encounter that ended in death or hospice."""
    request.scope["state"][NOT_APPLICABLE_STATE] = True
    return http_error(request, ApiError(422, f"no prediction: {error}", (FieldError(DISPOSITION, NOT_APPLICABLE),)))


def rollback_conflict(request: Request[Any, Any, Any], error: RollbackRejected) -> Response[ErrorResponse]:
    """Return the response to a rollback that is not possible."""
    return http_error(request, ApiError(409, _shorten(str(error))))


def not_found(request: Request[Any, Any, Any], error: UnknownVersion | EvaluationMissing) -> Response[ErrorResponse]:
    """Return the response to a request for a version, or an evaluation of one, that does not exist."""
    return http_error(request, ApiError(404, _shorten(str(error))))


def nested_too_deeply(request: Request[Any, Any, Any], _: RecursionError) -> Response[ErrorResponse]:
    """Return the response to a body that is nested too deeply for the JSON decoder."""
    return http_error(request, ApiError(400, "the body is nested too deeply"))


def _shorten(text: str) -> str:
    """Return a text that repeats client input, shortened."""
    return text if len(text) <= MAX_MESSAGE_CHARS else f"{text[: MAX_MESSAGE_CHARS - 3]}..."


def service_unavailable(request: Request[Any, Any, Any], error: ReadmitError) -> Response[ErrorResponse]:
    """Return the response to the failure of a service behind the API.

    Only the log gets its address and its driver's message.
    """
    log.warning("request %s: %s", request_id(request.scope), error)
    return http_error(request, ApiError(503, unavailable_message(error)))


def unavailable_message(error: ReadmitError) -> str:
    """Return what a client may learn about the failure of a service behind the API."""
    if isinstance(error, StoreUnavailable):
        return "the database is unavailable; see the API log"
    if isinstance(error, RegistryUnavailable):
        return "the model registry is unavailable; see the API log"
    return _shorten(str(error))


EXCEPTION_HANDLERS: dict[int | type[Exception], Any] = {
    HTTPException: http_error,
    MethodNotAllowedException: method_not_allowed,
    RecordRejected: invalid_record,
    NotApplicable: not_applicable,
    RollbackRejected: rollback_conflict,
    UnknownVersion: not_found,
    EvaluationMissing: not_found,
    ReadmitError: service_unavailable,
    Exception: unexpected_error,
}

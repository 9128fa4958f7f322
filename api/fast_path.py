"""The fast path: a plain POST /predict is answered here, before the framework; everything else goes to the app.

The app's own /predict route returns the same bytes, as a test checks, but its routing, typed handler and hooks cost
several times as much as the prediction itself.
"""

from collections.abc import Mapping
from time import perf_counter

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, ReceiveMessage, Scope, Send

from api.access_log import RequestLog
from api.auth import KEY_HEADER, Authenticator
from api.errors import ApiError, internal_error, valid_or_new_id
from api.errors import request_id as request_id_of
from api.head_requests import HEAD, as_get
from api.host_policy import HostPolicy
from api.http_server.raw_response import RawResponse
from api.metrics import UNKNOWN, ApiMetrics
from api.model_manager import ModelManager
from api.request_parsing import MAX_BODY_BYTES
from api.schemas import ErrorDetail, ErrorResponse

ENCODER = msgspec.json.Encoder()
JSON = b"application/json"
ROUTE = "/predict"
POLICY_VIOLATION = 1008
"""The close code for a rejected WebSocket."""

Headers = Mapping[bytes, bytes]


class FastPath:
    """An ASGI app that wraps the framework's app."""

    def __init__(
        self,
        app: ASGIApp,
        manager: ModelManager,
        authenticator: Authenticator,
        metrics: ApiMetrics,
        request_log: RequestLog,
        hosts: HostPolicy,
    ) -> None:
        self.app = app
        self._hosts = hosts
        self._manager = manager
        self._authenticator = authenticator
        self._metrics = metrics
        self._request_log = request_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle an ASGI connection."""
        if scope["type"] != ScopeType.HTTP:
            await self._not_http(scope, receive, send)
            return
        # Not in a method of its own: a further coroutine would cost more than the count.
        metrics = self._metrics
        metrics.requests_in_flight += 1
        try:
            headers: Headers = dict(scope["headers"])
            headers_are_unique = len(headers) == len(scope["headers"])  # type: ignore[arg-type]  # a list in fact
            if not (headers_are_unique and self._hosts.is_known(headers)):
                try:
                    self._hosts.check(scope["path"], scope["headers"])
                except ApiError as error:
                    await self._reject(scope, error, send)
                    return
            if scope["path"] != ROUTE or scope["method"] != "POST" or scope["query_string"] or not headers_are_unique:
                await self._through_app(scope, receive, send)
                return
            began, message = perf_counter(), await receive()
            try:
                response = self._predict(headers, message, began)
            except Exception as error:  # noqa: BLE001 - outermost: nothing else returns an error in our format
                response = self._internal_error(scope, error, began)
            if response is None:
                await self.app(scope, _replay(message, receive), send)
            elif not response.write(scope):
                for part in response.messages():
                    await send(part)
        finally:
            metrics.requests_in_flight -= 1

    def _predict(self, headers: Headers, message: ReceiveMessage, began: float) -> RawResponse | None:
        """Return the prediction; None when the request is not a plain one."""
        loaded, request_id = self._manager.loaded, self._plain_request_id(headers)
        if loaded is None or request_id is None or message["type"] != "http.request" or message.get("more_body"):
            return None
        body = message["body"]
        encoded = loaded.model.fast_decoder.decode(body) if len(body) <= MAX_BODY_BYTES else None
        if encoded is None:
            return None
        decoded = perf_counter()
        prediction = loaded.model.predict(encoded, request_id)
        now = perf_counter()
        loaded.metrics.duration(now - decoded)
        loaded.metrics.outcomes[prediction.prediction](1)
        loaded.metrics.requests(1)
        loaded.metrics.request_duration(now - began)
        self._request_log.record(request_id, "POST", ROUTE, 200, now - began, loaded.version.number)
        return RawResponse(200, ENCODER.encode(prediction), request_id, loaded.number)

    async def _through_app(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        if scope["method"] == HEAD:
            scope, send = as_get(scope, send)
        await self.app(scope, receive, send)

    async def _not_http(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the lifespan on to the app; reject a WebSocket, since no route serves one."""
        if scope["type"] == ScopeType.WEBSOCKET:
            await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": None})
        else:
            await self.app(scope, receive, send)

    async def _reject(self, scope: HTTPScope, error: ApiError, send: Send) -> None:
        """Respond to a request whose Host or Origin is not allowed, before reading its body."""
        body = ErrorResponse(ErrorDetail(error.detail), request_id_of(scope))
        self._metrics.record_response(scope, UNKNOWN, error.status_code, 0.0)
        for part in RawResponse(error.status_code, ENCODER.encode(body), body.request_id).messages():
            await send(part)

    def _internal_error(self, scope: HTTPScope, error: Exception, began: float) -> RawResponse:
        body = internal_error(request_id_of(scope), error)
        self._metrics.record_response(scope, ROUTE, 500, perf_counter() - began)
        return RawResponse(500, ENCODER.encode(body), body.request_id)

    def _plain_request_id(self, headers: Headers) -> str | None:
        """Return the request's ID; None unless it is authorized and its body is uncompressed JSON."""
        if headers.get(b"content-type", JSON) != JSON or b"content-encoding" in headers:
            return None
        request_id, key = headers.get(b"x-request-id", b""), headers.get(KEY_HEADER, b"")
        return valid_or_new_id(request_id) if self._authenticator.key_is_valid(key) else None


def _replay(message: ReceiveMessage, receive: Receive) -> Receive:
    """Return a `receive` that yields the message that was already received first."""
    pending = [message]

    async def receive_next() -> ReceiveMessage:
        return pending.pop() if pending else await receive()

    return receive_next

"""The fast lane: a plain POST /predict is answered here, before the framework; all else goes on to the app.

The app's own /predict could answer it, too, and with the same bytes, which a test holds. What it costs there, routing,
the typed handler and its hooks, is several times what the answer itself takes.
"""

from collections.abc import Mapping
from time import perf_counter

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, ReceiveMessage, Scope, Send

from api.access_log import Requests
from api.auth import KEY_HEADER, Authenticator
from api.errors import ApiError, fault, sane_or_new_id
from api.errors import request_id as request_id_of
from api.host_policy import HostPolicy
from api.http_server.raw_response import RawResponse
from api.metrics import UNKNOWN, ApiMetrics
from api.model_manager import ModelManager
from api.request_parsing import MOST_BYTES
from api.schemas import ErrorDetail, ErrorResponse

ENCODER = msgspec.json.Encoder()
JSON = b"application/json"
ROUTE = "/predict"
POLICY_VIOLATION = 1008
"""The code with which a WebSocket is closed."""

Headers = Mapping[bytes, bytes]


class FastPath:
    """An ASGI app around another."""

    def __init__(
        self,
        app: ASGIApp,
        serving: ModelManager,
        doors: Authenticator,
        metrics: ApiMetrics,
        requests: Requests,
        hosts: HostPolicy,
    ) -> None:
        self.app = app
        self._hosts = hosts
        self._serving = serving
        self._doors = doors
        self._metrics = metrics
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._not_http(scope, receive, send)
            return
        headers: Headers = dict(scope["headers"])
        are_single = len(headers) == len(scope["headers"])  # type: ignore[arg-type]  # every server passes a list
        if not (are_single and self._hosts.is_known(headers)):
            try:
                self._hosts.check(scope["path"], scope["headers"])
            except ApiError as error:
                await self._refuse(scope, error, send)
                return
        if scope["path"] != ROUTE or scope["method"] != "POST" or scope["query_string"] or not are_single:
            await self.app(scope, receive, send)
            return
        began, message = perf_counter(), await receive()
        try:
            answer = self._answer(headers, message, began)
        except Exception as error:  # noqa: BLE001 - there is nobody further out who would answer in our form
            answer = self._broken(scope, error, began)
        if answer is None:
            await self.app(scope, _again(message, receive), send)
        elif not answer.write(scope):
            for part in answer.messages():
                await send(part)

    def _answer(self, asked: Headers, message: ReceiveMessage, began: float) -> RawResponse | None:
        """Return the answer; None: this is not plain."""
        loaded, request_id = self._serving.loaded, self._plainly_asked(asked)
        if loaded is None or request_id is None or message["type"] != "http.request" or message.get("more_body"):
            return None
        body = message["body"]
        cells = loaded.model.plain.read(body) if len(body) <= MOST_BYTES else None
        if cells is None:
            return None
        checked = perf_counter()
        answer = loaded.model.answer(cells, request_id)
        now = perf_counter()
        loaded.metrics.duration(now - checked)
        loaded.metrics.outcomes[answer.prediction](1)
        loaded.metrics.requests(1)
        loaded.metrics.request_duration(now - began)
        self._requests.note(request_id, "POST", ROUTE, 200, now - began)
        return RawResponse(200, ENCODER.encode(answer), request_id, loaded.number)

    async def _not_http(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the lifespan on to the app; refuse a WebSocket, which no route serves."""
        if scope["type"] == ScopeType.WEBSOCKET:
            await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": None})
        else:
            await self.app(scope, receive, send)

    async def _refuse(self, scope: HTTPScope, error: ApiError, send: Send) -> None:
        """Answer a request whose Host or Origin is not allowed, before anything of it is read."""
        body = ErrorResponse(ErrorDetail(error.detail), request_id_of(scope))
        self._metrics.answered(scope, UNKNOWN, error.status_code, 0.0)
        for part in RawResponse(error.status_code, ENCODER.encode(body), body.request_id).messages():
            await send(part)

    def _broken(self, scope: HTTPScope, error: Exception, began: float) -> RawResponse:
        body = fault(request_id_of(scope), error)
        self._metrics.answered(scope, ROUTE, 500, perf_counter() - began)
        return RawResponse(500, ENCODER.encode(body), body.request_id)

    def _plainly_asked(self, headers: Headers) -> str | None:
        """The request's id, if its headers ask for nothing but an answer to JSON, and may."""
        if headers.get(b"content-type", JSON) != JSON or b"content-encoding" in headers:
            return None
        given, key = headers.get(b"x-request-id", b""), headers.get(KEY_HEADER, b"")
        return sane_or_new_id(given) if self._doors.key_is_valid(key) else None


def _again(message: ReceiveMessage, receive: Receive) -> Receive:
    """Gives a message that was received already, and then what else comes."""
    waiting = [message]

    async def once_more() -> ReceiveMessage:
        return waiting.pop() if waiting else await receive()

    return once_more

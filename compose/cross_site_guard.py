"""Checks of Host and Origin and security headers, as ASGI middleware for services that do not have them."""

import re
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOCAL = frozenset({"localhost", "127.0.0.1", "[::1]"})
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "frame-ancestors 'none'",
    # Not `no-referrer`: under that browsers send `Origin: null` even for the page's own forms.
    "Referrer-Policy": "same-origin",
}
POLICY_VIOLATION = 1008
"""Close code of a WebSocket; before the handshake the server turns it into status 403."""


class CrossSiteGuard:
    """ASGI middleware that refuses foreign hosts (400) and foreign origins (403) and sets the security headers.

    `service` is the one host name besides those of this machine. `probes` are paths answered for every Host: a probe
    may address the container by its IP address. `origins` may send requests besides the service's own page.
    """

    def __init__(self, app: ASGIApp, service: str, probes: Collection[str], origins: Collection[str] = ()) -> None:
        self._app, self._hosts, self._probes, self._origins = app, LOCAL | {service}, probes, origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(SECURITY_HEADERS)
            await send(message)

        refusal = self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, send_with_headers)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})
        else:
            await refusal(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if scope["path"] not in self._probes and not is_allowed_host(hosts, self._hosts):
            return PlainTextResponse("The Host header names no host of this server.", 400)
        if any(origin not in self._origins and urlsplit(origin).netloc not in hosts for origin in origins):
            return PlainTextResponse("Requests from pages of another origin are refused.", 403)
        return None


def is_allowed_host(values: list[str], hosts: Collection[str]) -> bool:
    """Return whether there is exactly one Host header and its name, without the port, is one of `hosts`."""
    if len(values) != 1:
        return False
    parts = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(:\d+)?", values[0])
    return parts is not None and parts[1].lower() in hosts

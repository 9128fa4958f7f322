"""Serve Prefect's API and page with checks of Host and Origin and with security headers, which Prefect does not have.

Prefect's own login (PREFECT_SERVER_API_AUTH_STRING) guards every route of the API and every WebSocket.
"""

import re
import sys
from collections.abc import Collection

import uvicorn
from prefect.server.api.server import create_app
from prefect.settings import get_current_settings
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOSTS = frozenset({"prefect", "localhost", "127.0.0.1", "[::1]"})
PROBES = frozenset({"/api/health", "/api/ready"})
"""Answered for every Host: a probe may address the container by its IP address."""
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
    """ASGI middleware that refuses foreign hosts (400) and foreign origins (403) and sets the security headers."""

    def __init__(self, app: ASGIApp, hosts: Collection[str], origins: Collection[str]) -> None:
        self._app, self._hosts, self._origins = app, hosts, origins

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
        if scope["path"] not in PROBES and not is_allowed_host(headers.getlist("host"), self._hosts):
            return PlainTextResponse("The Host header names no host of this server.", 400)
        if any(origin not in self._origins for origin in headers.getlist("origin")):
            return PlainTextResponse("Requests from pages of another origin are refused.", 403)
        return None


def is_allowed_host(values: list[str], hosts: Collection[str]) -> bool:
    """Return whether there is exactly one Host header and its name, without the port, is one of `hosts`."""
    if len(values) != 1:
        return False
    parts = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(:\d+)?", values[0])
    return parts is not None and parts[1].lower() in hosts


def main() -> None:
    settings = get_current_settings().server
    # A profile file that cannot be read would otherwise leave the server without a login.
    if settings.api.auth_string is None or not settings.api.auth_string.get_secret_value():
        sys.exit("PREFECT_SERVER_API_AUTH_STRING is not set: add it to the file that PREFECT_PROFILES_PATH names")
    uvicorn.run(
        CrossSiteGuard(create_app(final=True), HOSTS, settings.api.cors_allowed_origins.split(",")),
        host=settings.api.host,
        port=settings.api.port,
        timeout_keep_alive=settings.api.keepalive_timeout,
        log_level=settings.logging_level.lower(),
    )


if __name__ == "__main__":
    main()

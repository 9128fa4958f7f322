"""Refuses requests for foreign hosts and from foreign pages before Streamlit sees them, and adds security headers.

`server.allowedHosts` of Streamlit 1.67 covers its WebSocket alone, and no setting of it adds headers.
"""

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PROBED = "/_stcore/health"
"""Probes address a container by its IP, which DNS rebinding cannot do. The answer holds nothing but `ok`."""
PROBE_METHODS = ("GET", "HEAD")
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "frame-ancestors 'self'",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
}


class HostGuard:
    """ASGI middleware. `allowed`: host names without port, IPv6 addresses in brackets or not."""

    def __init__(self, app: ASGIApp, allowed: Iterable[str]) -> None:
        self._app = app
        self._allowed = frozenset(_normalize(host) for host in allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            # A close before the handshake is an answer of 403.
            await send({"type": "websocket.close", "code": 1008})
        else:
            await refusal(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        """Return the answer to a request that is not allowed; None: it is."""
        headers = Headers(scope=scope)
        host = ",".join(headers.getlist("host"))
        name, is_probe = _host_name(host), scope["path"] == PROBED and scope.get("method") in PROBE_METHODS
        if name not in self._allowed and not (is_probe and _is_ip_address(name)):
            return PlainTextResponse("Host header not allowed: add the host name to READMIT_ALLOWED_HOSTS\n", 400)
        if any(_address(origin) != host.lower() for origin in headers.getlist("origin")):
            return PlainTextResponse("Origin header not allowed: requests come from this server's own pages\n", 403)
        return None


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(SECURITY_HEADERS)
        await send(message)

    return send_with_headers


def _normalize(host: str) -> str:
    return host.strip().lower().removeprefix("[").removesuffix("]")


def _host_name(header: str) -> str:
    """Return the host name of a Host header, without its port; empty: it is no host."""
    try:
        parts = urlsplit(f"//{header}")
        _ = parts.port
    except ValueError:
        return ""
    return parts.hostname or "" if parts.netloc == header and "@" not in header else ""


def _is_ip_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _address(origin: str) -> str | None:
    """Return host and port of an Origin header; None: it is of no web page."""
    scheme, separator, address = origin.lower().partition("://")
    return address if separator and scheme in ("http", "https") else None

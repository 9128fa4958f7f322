"""ASGI middleware that checks Host and Origin and sets security headers, for services that do not.

Streamlit 1.67 checks Host for its WebSocket only, Prefect and Airflow not at all, and none of the three can be
configured to add the headers.
"""

from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from readmit.core.host_header import host_name, is_ip_address, origin_host

LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")
LOCAL_ADVICE = "open this service as localhost or 127.0.0.1"
"""Advice for a service that allows only these hosts."""
PROBE_METHODS = ("GET", "HEAD")
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    # Streamlit's own components are frames of the same origin.
    "X-Frame-Options": "SAMEORIGIN",
    "Content-Security-Policy": "frame-ancestors 'self'",
    # Not `no-referrer`: under that browsers send `Origin: null` even for the page's own forms.
    "Referrer-Policy": "same-origin",
}
POLICY_VIOLATION = 1008
"""Close code of a WebSocket; before the handshake the server turns it into status 403."""


class CrossSiteGuard:
    """ASGI middleware that refuses foreign hosts (400) and foreign origins (403) and sets the security headers.

    `hosts` are names without port, IPv6 addresses in brackets. A request for a path in `probes` may also name an IP
    address, as probes of a container do. `origins` may send requests in addition to the service's own pages. `advice`
    ends the error text of a foreign host.
    """

    def __init__(
        self, app: ASGIApp, hosts: Collection[str], probes: Collection[str], advice: str, origins: Collection[str] = ()
    ) -> None:
        self._app, self._probes, self._advice, self._origins = app, probes, advice, origins
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass an allowed request on to the application, and refuse any other."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})
        else:
            await refusal(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        """Return the response that refuses the request, or None when it is allowed."""
        headers = Headers(scope=scope)
        host = ",".join(headers.getlist("host"))
        if not self._is_allowed(host, scope):
            return PlainTextResponse(f"Host header not allowed: {self._advice}.\n", 400)
        own_host = host.lower()
        if any(origin_host(origin) != own_host for origin in headers.getlist("origin") if origin not in self._origins):
            return PlainTextResponse("Origin header not allowed: only this server's pages may send requests.\n", 403)
        return None

    def _is_allowed(self, host: str, scope: Scope) -> bool:
        name = host_name(host)
        is_probe = scope["path"] in self._probes and scope.get("method") in PROBE_METHODS
        return name in self._hosts or (is_probe and name is not None and is_ip_address(name))


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(SECURITY_HEADERS)
        await send(message)

    return send_with_headers

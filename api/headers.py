"""Security headers of every response, and the name of the one with the version that predicted."""

from litestar.enums import ScopeType
from litestar.types import Message, Scope

from api.head_requests import allowed_methods

VERSION_HEADER = "X-Model-Version"
CSP, ALLOW = b"content-security-policy", b"allow"
SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (CSP, b"frame-ancestors 'none'"),
)


async def add_security_headers(message: Message, scope: Scope) -> None:
    """Add the headers to the start of a response; keep a Content-Security-Policy that the route has set."""
    if message["type"] == "http.response.start" and scope["type"] == ScopeType.HTTP:
        present = {name for name, _ in message["headers"]}
        added = [header for header in SECURITY_HEADERS if header[0] not in present]
        message["headers"] = [*message["headers"], *added]


async def complete_allow_header(message: Message, scope: Scope) -> None:
    """Add HEAD to an Allow header with GET: no route declares it, since the fast path passes it on as GET."""
    if message["type"] == "http.response.start" and scope["type"] == ScopeType.HTTP:
        message["headers"] = [
            (name, allowed_methods(value.decode()).encode()) if name == ALLOW else (name, value)
            for name, value in message["headers"]
        ]

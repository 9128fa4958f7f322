"""Request checks: allowed Host and Origin headers, and read-only methods."""

import ipaddress
import re
from collections.abc import Set

from werkzeug.exceptions import BadRequest, Forbidden, MethodNotAllowed
from werkzeug.wrappers import Request

HOST_HEADER = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?")
HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?")
METHODS = ("GET", "HEAD")
PROBED_PATHS = frozenset(("/health", "/metrics"))
"""Probes address a container by its IP. DNS rebinding cannot produce such a Host, and neither path shows a row."""
MAX_ECHO_CHARS = 60


def normalize_host(text: str) -> str | None:
    """Return a host name in the form used for comparison, or None when the text is not a host name.

    IPv6 addresses are in brackets, in their shortest form.
    """
    bare = text.removeprefix("[").removesuffix("]")
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        name = text.lower()
        return name if HOST_NAME.fullmatch(name) else None
    if address.version == 4:
        return str(address) if bare == text else None
    return f"[{address}]"


def check_request(request: Request, allowed: Set[str]) -> None:
    """Check the Host header, the Origin header and the method, before anything is read.

    Raises BadRequest for a Host that is not allowed, Forbidden for a foreign Origin, MethodNotAllowed for a method
    other than GET and HEAD.
    """
    host = request.headers.get("Host", "")
    if not _is_allowed_host(host, request.path, allowed):
        raise BadRequest(f"Host header {_echo(host)} is not allowed: add the host name to READMIT_ALLOWED_HOSTS")
    origin = request.headers.get("Origin")
    if origin is not None and not _is_allowed_origin(origin, allowed):
        raise Forbidden(f"Origin header {_echo(origin)} is not allowed: its host is not in READMIT_ALLOWED_HOSTS")
    if request.method not in METHODS:
        raise MethodNotAllowed(METHODS, f"method {_echo(request.method)} is not allowed: this API is read-only")


def _is_allowed_host(header: str, path: str, allowed: Set[str]) -> bool:
    match = HOST_HEADER.fullmatch(header)
    host = normalize_host(match["name"]) if match else None
    return host is not None and (host in allowed or (path in PROBED_PATHS and _is_ip_literal(host)))


def _is_allowed_origin(header: str, allowed: Set[str]) -> bool:
    scheme, _, host = header.partition("://")
    return scheme in ("http", "https") and _is_allowed_host(host, "", allowed)


def _is_ip_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _echo(text: str) -> str:
    """Return client input, shortened and printable."""
    return ascii(text if len(text) <= MAX_ECHO_CHARS else f"{text[:MAX_ECHO_CHARS]}...")

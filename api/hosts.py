"""The Host and Origin headers that the API accepts: a web page of another site gets nothing from it."""

from collections.abc import Collection, Iterable
from ipaddress import ip_address

from api.errors import Refused, quoted

PROBE_PATHS = frozenset({"/health", "/health/live", "/health/ready", "/metrics"})
"""A kubelet and Prometheus reach a pod by its IP address. No name can be rebound to such a Host."""
LONGEST_PORT = 5
MOST_SEEN = 100

Headers = Iterable[tuple[bytes, bytes]]


class HostPolicy:
    """Checks a request's Host and Origin against READMIT_ALLOWED_HOSTS."""

    def __init__(self, allowed: Collection[str]) -> None:
        self._names = frozenset(name.lower().encode() for name in allowed)
        self._seen: set[bytes] = set()
        """Host headers that were allowed, as they came: most requests need no more than one look here."""

    def check(self, path: str, headers: Headers) -> None:
        """Raise Refused: 400 when Host is absent, doubled or not allowed, 403 when Origin is not allowed."""
        host: bytes | None = None
        origin: bytes | None = None
        for name, value in headers:
            if name == b"host":
                if host is not None:
                    raise Refused(400, "the request has more than one Host header")
                host = value
            elif name == b"origin":
                # Of several one that is no origin at all is made.
                origin = value if origin is None else b"null"
        if origin is None and host in self._seen:
            return
        if host is None:
            raise Refused(400, "the request has no Host header")
        if self._is_allowed(host):
            if len(self._seen) < MOST_SEEN:
                self._seen.add(host)
        elif not (path in PROBE_PATHS and _is_address(host)):
            raise Refused(400, f"the Host header {_shown(host)} is not one of READMIT_ALLOWED_HOSTS")
        if origin is not None and not self._is_allowed_origin(origin):
            raise Refused(403, f"the Origin header {_shown(origin)} is not one of READMIT_ALLOWED_HOSTS")

    def _is_allowed(self, host: bytes) -> bool:
        if host in self._names:
            return True
        name, colon, port = host.rpartition(b":")
        if colon and _is_port(port):
            return name in self._names or name.lower() in self._names
        return host.lower() in self._names

    def _is_allowed_origin(self, origin: bytes) -> bool:
        scheme, _, host = origin.partition(b"://")
        return scheme in (b"http", b"https") and self._is_allowed(host)


def _is_port(text: bytes) -> bool:
    return text.isdigit() and len(text) <= LONGEST_PORT


def _is_address(host: bytes) -> bool:
    """Whether a Host header is an IP address, with or without a port."""
    name, colon, port = host.rpartition(b":")
    text = (name if colon and _is_port(port) and not host.endswith(b"]") else host).decode("latin-1")
    bracketed = text.startswith("[") and text.endswith("]")
    try:
        version = ip_address(text[1:-1] if bracketed else text).version
    except ValueError:
        return False
    return version == (6 if bracketed else 4) and "%" not in text


def _shown(value: bytes) -> str:
    return quoted(value.decode("latin-1"))

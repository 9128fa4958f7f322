"""The Host and Origin headers that the API accepts: a web page of another site gets nothing from it."""

from collections.abc import Collection, Iterable, Mapping

from api.errors import ApiError, quoted
from readmit.core.host_header import host_name, is_ip_address, origin_host

PROBE_PATHS = frozenset({"/health", "/health/live", "/health/ready", "/metrics"})
"""A kubelet and Prometheus reach a pod by its IP address. No name can be rebound to such a Host."""
MOST_SEEN = 100

HeaderPairs = Iterable[tuple[bytes, bytes]]


class HostPolicy:
    """Checks a request's Host and Origin against READMIT_ALLOWED_HOSTS."""

    def __init__(self, allowed: Collection[str]) -> None:
        self._names = frozenset(name.lower() for name in allowed)
        self._seen: set[bytes] = set()
        """Host headers that were allowed, as they came."""

    def is_known(self, headers: Mapping[bytes, bytes]) -> bool:
        """Tell whether the one Host was allowed before and there is no Origin: most requests need no other look."""
        return headers.get(b"host") in self._seen and b"origin" not in headers

    def check(self, path: str, headers: HeaderPairs) -> None:
        """Raise Refused: 400 when Host is absent, doubled or not allowed, 403 when Origin is not allowed."""
        host: bytes | None = None
        origin: bytes | None = None
        for name, value in headers:
            if name == b"host":
                if host is not None:
                    raise ApiError(400, "the request has more than one Host header")
                host = value
            elif name == b"origin":
                # Of several one that is no origin at all is made.
                origin = value if origin is None else b"null"
        if host is None:
            raise ApiError(400, "the request has no Host header")
        self._check_host(path, host)
        if origin is not None:
            self._check_origin(origin)

    def _check_host(self, path: str, host: bytes) -> None:
        text = host.decode("latin-1")
        name = host_name(text)
        if name in self._names:
            if len(self._seen) < MOST_SEEN:
                self._seen.add(host)
        elif name is None or not (path in PROBE_PATHS and is_ip_address(name)):
            raise ApiError(400, f"the Host header {quoted(text)} is not one of READMIT_ALLOWED_HOSTS")

    def _check_origin(self, origin: bytes) -> None:
        text = origin.decode("latin-1")
        host = origin_host(text)
        if host is None or host_name(host) not in self._names:
            raise ApiError(403, f"the Origin header {quoted(text)} is not one of READMIT_ALLOWED_HOSTS")

"""The Host and Origin headers that the API accepts, which keeps web pages of other sites out."""

from collections.abc import Collection, Iterable, Mapping

from api.errors import ApiError, quoted
from readmit.core.host_header import host_name, is_ip_address, origin_host

PROBE_PATHS = frozenset({"/health", "/health/live", "/health/ready", "/metrics"})
"""A kubelet and Prometheus reach a pod by its IP address. DNS rebinding cannot produce such a Host."""
MAX_ACCEPTED_HOSTS = 100

HeaderPairs = Iterable[tuple[bytes, bytes]]


class HostPolicy:
    """The check of a request's Host and Origin against READMIT_ALLOWED_HOSTS."""

    def __init__(self, allowed: Collection[str]) -> None:
        self._names = frozenset(name.lower() for name in allowed)
        self._accepted_hosts: set[bytes] = set()
        """Host headers that were allowed before, as received."""

    def is_known(self, headers: Mapping[bytes, bytes]) -> bool:
        """Return whether the Host was allowed before and there is no Origin: most requests need no further check."""
        return headers.get(b"host") in self._accepted_hosts and b"origin" not in headers

    def check(self, path: str, headers: HeaderPairs) -> None:
        """Check the headers.

        Raises ApiError: with status 400 when Host is absent, repeated or not allowed, 403 when Origin is not allowed.
        """
        host: bytes | None = None
        origin: bytes | None = None
        for name, value in headers:
            if name == b"host":
                if host is not None:
                    raise ApiError(400, "the request has more than one Host header")
                host = value
            elif name == b"origin":
                # Several Origin headers count as one that is never allowed.
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
            if len(self._accepted_hosts) < MAX_ACCEPTED_HOSTS:
                self._accepted_hosts.add(host)
        elif name is None or not (path in PROBE_PATHS and is_ip_address(name)):
            raise ApiError(400, f"the Host header {quoted(text)} is not one of READMIT_ALLOWED_HOSTS")

    def _check_origin(self, origin: bytes) -> None:
        text = origin.decode("latin-1")
        host = origin_host(text)
        if host is None or host_name(host) not in self._names:
            raise ApiError(403, f"the Origin header {quoted(text)} is not one of READMIT_ALLOWED_HOSTS")

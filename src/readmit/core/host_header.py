"""Parsing of the Host and Origin headers, for checks against DNS rebinding and cross-origin requests."""

import re
from ipaddress import ip_address

HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?")


def host_name(host: str) -> str | None:
    """Return the name in a Host header, in lower case and without its port; None when the header is invalid."""
    match = HOST.fullmatch(host)
    return match["name"].lower() if match else None


def is_ip_address(name: str) -> bool:
    """Return whether a host name is an IP address (IPv6 in brackets), which is safe from DNS rebinding."""
    is_bracketed = name.startswith("[") and name.endswith("]")
    try:
        version = ip_address(name[1:-1] if is_bracketed else name).version
    except ValueError:
        return False
    return version == (6 if is_bracketed else 4)


def origin_host(origin: str) -> str | None:
    """Return host and port in an Origin header, in lower case; None when it is not a web origin."""
    scheme, _, host = origin.lower().partition("://")
    return host if scheme in ("http", "https") and HOST.fullmatch(host) else None

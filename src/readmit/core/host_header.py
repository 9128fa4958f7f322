"""The Host and Origin headers of HTTP requests, taken apart for checks against DNS rebinding and foreign pages."""

import re
from ipaddress import ip_address

HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?")


def host_name(host: str) -> str | None:
    """Return the name in a Host header, in lower case and without its port; None where the header is no host."""
    parts = HOST.fullmatch(host)
    return parts["name"].lower() if parts else None


def is_ip_address(name: str) -> bool:
    """Tell whether a host name is an IP address, for version 6 in brackets: no name can be rebound to it."""
    is_bracketed = name.startswith("[") and name.endswith("]")
    try:
        version = ip_address(name[1:-1] if is_bracketed else name).version
    except ValueError:
        return False
    return version == (6 if is_bracketed else 4)


def origin_host(origin: str) -> str | None:
    """Return host and port in an Origin header, in lower case; None where the origin is no web page."""
    scheme, _, host = origin.lower().partition("://")
    return host if scheme in ("http", "https") and HOST.fullmatch(host) else None

"""Host names and addresses of private networks, which nothing between two machines of ours leads outside."""

import ipaddress

PRIVATE_SUFFIXES = (".internal", ".local", ".localhost", ".svc", ".lan", ".home.arpa", ".test")
"""Ends of host names that exist on private networks only."""


def is_private(host: str) -> bool:
    """Return whether a host, without port and brackets, is this machine or on a private network."""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith(PRIVATE_SUFFIXES)

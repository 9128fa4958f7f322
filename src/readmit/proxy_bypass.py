"""Connections to hosts of a private network that bypass the proxy of the environment."""

import os
from collections.abc import Collection


def bypass_proxy(hosts: Collection[str]) -> None:
    """Let this process and its future children connect to these hosts without the environment's proxy, if any."""
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        # Python on macOS uses the system's proxies as long as no environment variable names one.
        return
    no_proxy = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    excluded = [host.strip() for host in no_proxy.split(",") if host.strip()]
    if "*" not in excluded:
        no_proxy = ",".join(dict.fromkeys([*excluded, *hosts]))
        os.environ.update(no_proxy=no_proxy, NO_PROXY=no_proxy)

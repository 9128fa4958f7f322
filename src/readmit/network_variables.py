"""Variables of the shell that would lead the processes of a stack elsewhere: proxies, certificates, other servers."""

import os

OTHER_TOOLS = ("MLFLOW_", "PREFECT_")
"""Beginnings of the variables that select a server, a profile or a run of tools that every stack has for itself."""
OTHER_SERVERS = ("AWS_", *OTHER_TOOLS)
"""Those with the user's account at AWS, which a stack without an EC2 instance does not use, either."""
CERTIFICATES = frozenset(
    (
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
        "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    )
)
PROXY = "_proxy"
"""The end of the variables that name a proxy, in lower or upper case: Python takes every one that ends so."""
NO_PROXY = ("no_proxy", "NO_PROXY")
WITHOUT_PROXY = dict.fromkeys(NO_PROXY, "*")
"""Variables with which a process uses no proxy, not even that of the system on macOS."""


def network_variables() -> list[str]:
    """Return the names of all these variables that are set."""
    return [name for name in os.environ if name.startswith(OTHER_SERVERS) or _leads_outside(name)]


def outside_variables() -> dict[str, str]:
    """Return proxies and certificates, for the one process of a stack that connects to the outside: the data API."""
    return dict.fromkeys(NO_PROXY, "") | {name: value for name, value in os.environ.items() if _leads_outside(name)}


def drop_variables(beginnings: tuple[str, ...]) -> None:
    """Remove variables with these beginnings from this process, so that no setting of a stack has their value."""
    for name in [name for name in os.environ if name.startswith(beginnings)]:
        del os.environ[name]


def _leads_outside(name: str) -> bool:
    return name in CERTIFICATES or name.lower().endswith(PROXY)

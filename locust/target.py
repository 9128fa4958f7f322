"""Whom the load goes to, whose rows it is made from, and the key: the load's own few settings."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

from errors import LoadRefused

API_PORT, SOURCE_PORT = 8000, 5001
OURS = ("127.0.0.1", "localhost", "::1", "api")
"""This machine, and the service of Compose. Nobody else ever asked for ten thousand users."""

PATIENCE_SECONDS = 10.0


def api(named: str | None, environ: Mapping[str, str] = os.environ) -> str:
    """The address of the inference API: the one named, else that of the stack that is up. Refused: not one of ours."""
    address = named or f"http://127.0.0.1:{environ.get('READMIT_API_PORT') or API_PORT}"
    return of_ours(address)


def of_ours(address: str) -> str:
    """The address, without a slash at its end. Refused: it is not an API of ours."""
    parts = urlsplit(address)
    if parts.scheme != "http" or parts.hostname not in OURS:
        raise LoadRefused(f"load is made on one's own API alone, at http:// and {', '.join(OURS)}; not on {address}")
    return address.rstrip("/")


def require_served(host: str) -> None:
    """Refused: the API does not answer, or serves no model; a load would tell nothing else."""
    try:
        # Past any proxy: it is on this machine, or beside it.
        with build_opener(ProxyHandler({})).open(f"{host}/health", timeout=PATIENCE_SECONDS) as answer:
            loaded = json.load(answer)["model_loaded"]
    except (URLError, TimeoutError, ValueError, KeyError, TypeError) as error:
        raise LoadRefused(f"no inference API answers at {host} ({error}): is a stack up?") from error
    if not loaded:
        raise LoadRefused(f"the API at {host} serves no model yet: the first day makes one")


def source(environ: Mapping[str, str] = os.environ) -> str:
    """The address of the data API that the stack which is up takes its batches from."""
    own = f"http://127.0.0.1:{environ.get('READMIT_EC2_API_PORT') or SOURCE_PORT}"
    return (environ.get("READMIT_SOURCE_URL") or own).rstrip("/")


def headers(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What goes with every request: the API's key, where one is set. Refused: it can't be read, or is set twice."""
    key = _secret("READMIT_API_KEY", environ)
    return {"X-API-Key": key} if key else {}


def page_password(environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the password of Locust's own page, if it is set. Raises Refused when it is set twice or unreadable."""
    return _secret("READMIT_LOCUST_PASSWORD", environ)


def _secret(name: str, environ: Mapping[str, str]) -> str | None:
    value, file = environ.get(name), environ.get(f"{name}_FILE")
    if value and file:
        raise LoadRefused(f"{name} and {name}_FILE are both set: keep one")
    try:
        return Path(file).read_text().strip() if file else value
    except OSError as error:
        raise LoadRefused(f"{name}_FILE: {error}") from error

"""Settings of the load test: the API, the source of the rows, the API key and the password of the web UI."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

from errors import LoadRefused

API_PORT, SOURCE_PORT = 8000, 5001
ALLOWED_HOSTS = ("127.0.0.1", "localhost", "::1", "api")
"""This machine and the Compose service; load on any other host is refused."""

TIMEOUT_SECONDS = 10.0


def api_url(url: str | None, environ: Mapping[str, str] = os.environ) -> str:
    """Return the URL of the inference API: `url`, or the running stack's. Raises LoadRefused for a foreign host."""
    target = url or f"http://127.0.0.1:{_text('READMIT_API_PORT', environ) or API_PORT}"
    return require_own_api(target)


def require_own_api(url: str) -> str:
    """Return the URL without a trailing slash. Raises LoadRefused for a host that is not in ALLOWED_HOSTS."""
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname not in ALLOWED_HOSTS:
        raise LoadRefused(f"{url} is not allowed: load tests require http:// and a host of {', '.join(ALLOWED_HOSTS)}")
    return url.rstrip("/")


def require_served(host: str) -> None:
    """Raise LoadRefused when the API does not respond or has no model."""
    try:
        # Without a proxy: the API is local.
        with build_opener(ProxyHandler({})).open(f"{host}/health", timeout=TIMEOUT_SECONDS) as response:
            loaded = json.load(response)["model_loaded"]
    except (URLError, TimeoutError, ValueError, KeyError, TypeError) as error:
        raise LoadRefused(f"the inference API at {host} does not respond ({error}): is the stack running?") from error
    if not loaded:
        raise LoadRefused(f"the API at {host} has no model yet: run a day first")


@dataclass(frozen=True, slots=True)
class RowSource:
    """The data API, whose rows are posted. `ca_file`: verifies its certificate; None: the CAs of the system do."""

    url: str
    token: str | None = field(default=None, repr=False)
    ca_file: Path | None = None


def row_source(url: str | None = None, environ: Mapping[str, str] = os.environ) -> RowSource | None:
    """Return the data API at a URL, or the one that the running stack reads from.

    None: the latter is on an EC2 instance, whose address changes. The token is for the data API of the stack: another
    URL gets it only over https, verified by the stack's CA certificate. Raises LoadRefused when it is unreadable.
    """
    has_instance = _text("READMIT_EC2_INSTANCE_ID", environ) or _text("READMIT_EC2_TAG", environ)
    default = "" if has_instance else f"http://127.0.0.1:{_text('READMIT_EC2_API_PORT', environ) or SOURCE_PORT}"
    configured = (_text("READMIT_SOURCE_URL", environ) or default).rstrip("/")
    address = (url or configured).rstrip("/")
    if not address:
        return None
    ca_file = _text("READMIT_SOURCE_CA", environ)
    may_have_token = address == configured or (ca_file and urlsplit(address).scheme == "https")
    token = _text("READMIT_SOURCE_TOKEN", environ) if may_have_token else None
    return RowSource(address, token, Path(ca_file) if ca_file else None)


def auth_headers(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the API key header, if a key is set. Raises LoadRefused when it is unreadable or set twice."""
    key = _text("READMIT_API_KEY", environ)
    return {"X-API-Key": key} if key else {}


def page_password(environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the password of Locust's web UI, if set. Raises LoadRefused when it is unreadable or set twice."""
    return _text("READMIT_LOCUST_PASSWORD", environ)


def _text(name: str, environ: Mapping[str, str]) -> str | None:
    """Return the text of a setting, from its variable or from the file that NAME_FILE names; None if it is empty."""
    value, file = environ.get(name), environ.get(f"{name}_FILE")
    if value and file:
        raise LoadRefused(f"{name} and {name}_FILE are both set: unset one of them")
    try:
        return Path(file).expanduser().read_text("utf-8-sig").strip() or None if file else value or None
    except UnicodeDecodeError:
        raise LoadRefused(f"{name}_FILE: {file} is not text in UTF-8: save it in that encoding") from None
    # RuntimeError: ~NAME, and there is no such user.
    except (OSError, RuntimeError) as error:
        raise LoadRefused(f"{name}_FILE: {file}: {getattr(error, 'strerror', None) or error}") from error

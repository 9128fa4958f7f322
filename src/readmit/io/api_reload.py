"""Client of the inference APIs: trigger a reload and check which version they serve."""

import socket
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit, urlunsplit

import httpx

from readmit.core.errors import ReloadUnconfirmed

TIMEOUT = httpx.Timeout(120.0, connect=5.0)
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class _Replica:
    """One API process behind a name: its own address, and the host (`name:port`) and name that it answers to."""

    address: str
    host: str
    name: str


def reload_all(urls: Sequence[str], token: str, version: str) -> int:
    """Reload every API replica behind the addresses and return how many confirmed.

    Raises ReloadUnconfirmed when a replica can't be reloaded or then serves another version than `version`.
    """
    replicas = [replica for url in urls for replica in _replicas(url)]
    for replica in replicas:
        served = _reload(replica, token)
        if served != version:
            raise ReloadUnconfirmed(f"{replica.address} serves version {served}, production is version {version}")
    return len(replicas)


def _reload(replica: _Replica, token: str) -> str:
    """Reload one replica and return the version that it serves."""
    address = f"{replica.address}/reload_model"
    headers = {"Authorization": f"Bearer {token}", "Host": replica.host}
    try:
        # Of the environment, only its certificates: no proxy leads to a replica.
        with httpx.Client(verify=ssl.create_default_context(), timeout=TIMEOUT, trust_env=False) as client:
            # The certificate is issued for the host name, not for the IP address that it resolves to.
            response = client.post(address, headers=headers, extensions={"sni_hostname": replica.name})
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ReloadUnconfirmed(f"{replica.address}: {error!r}") from error
    if response.status_code != 200:
        raise ReloadUnconfirmed(f"{address}: status {response.status_code}: {response.text[:300]}")
    try:
        return str(response.json()["version"])
    except (ValueError, KeyError, TypeError) as error:
        raise ReloadUnconfirmed(f"{address}: no version in the response {response.text[:300]!r}") from error


def _replicas(url: str) -> Iterator[_Replica]:
    """Return the replicas behind an address: a host name may resolve to several."""
    parts, name, port = _parse_url(url)
    try:
        results = socket.getaddrinfo(name, port, socket.AF_INET, socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ReloadUnconfirmed(f"{url}: {error}") from error
    for ip in sorted({str(result[4][0]) for result in results}):
        yield _Replica(urlunsplit(parts._replace(netloc=f"{ip}:{port}")), parts.netloc, name)


def _parse_url(url: str) -> tuple[SplitResult, str, int]:
    """Split an address into its parts, host name and port."""
    try:
        parts = urlsplit(url.rstrip("/"))
        name, port = parts.hostname, parts.port or DEFAULT_PORTS[parts.scheme]
    except (ValueError, KeyError):
        name = None
    if not name:
        raise ReloadUnconfirmed(f"READMIT_API_URLS: {url!r} must have the form http://HOST:PORT or https://HOST:PORT")
    return parts, name, port

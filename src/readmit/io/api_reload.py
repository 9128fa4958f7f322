"""The inference APIs: told to reload, and asked what they serve."""

import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit, urlunsplit

import httpx

from readmit.core.errors import ReloadUnconfirmed

PATIENCE = httpx.Timeout(120.0, connect=5.0)
PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class _Replica:
    """One of those behind a name: its own address, and the host (`name:port`) and name that it answers to."""

    address: str
    host: str
    name: str


def reload_everywhere(urls: Sequence[str], token: str, version: str) -> int:
    """Has every API behind the addresses reload; how many confirm. NotServed: one does not serve the version then."""
    replicas = [replica for url in urls for replica in _replicas(url)]
    for replica in replicas:
        served = _reload(replica, token)
        if served != version:
            raise ReloadUnconfirmed(f"{replica.address} serves version {served}, production is version {version}")
    return len(replicas)


def _reload(replica: _Replica, token: str) -> str:
    address = f"{replica.address}/reload_model"
    headers = {"Authorization": f"Bearer {token}", "Host": replica.host}
    try:
        with httpx.Client(timeout=PATIENCE) as client:
            # A certificate is made out to the name, not to the address that the name stands for.
            answer = client.post(address, headers=headers, extensions={"sni_hostname": replica.name})
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ReloadUnconfirmed(f"{replica.address}: {error!r}") from error
    if answer.status_code != 200:
        raise ReloadUnconfirmed(f"{address}: status {answer.status_code}: {answer.text[:300]}")
    try:
        return str(answer.json()["version"])
    except (ValueError, KeyError, TypeError) as error:
        raise ReloadUnconfirmed(f"{address}: no version in the answer {answer.text[:300]!r}") from error


def _replicas(url: str) -> Iterator[_Replica]:
    """Each replica behind an address: one name may stand for several."""
    parts, name, port = _parsed(url)
    try:
        found = socket.getaddrinfo(name, port, socket.AF_INET, socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ReloadUnconfirmed(f"{url}: {error}") from error
    for ip in sorted({str(entry[4][0]) for entry in found}):
        yield _Replica(urlunsplit(parts._replace(netloc=f"{ip}:{port}")), parts.netloc, name)


def _parsed(url: str) -> tuple[SplitResult, str, int]:
    """The address in parts, its name and its port."""
    try:
        parts = urlsplit(url.rstrip("/"))
        name, port = parts.hostname, parts.port or PORTS[parts.scheme]
    except (ValueError, KeyError):
        name = None
    if not name:
        raise ReloadUnconfirmed(f"READMIT_API_URLS: {url!r} is not of the form http://HOST:PORT or https://HOST:PORT")
    return parts, name, port

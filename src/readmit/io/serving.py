"""The inference APIs: told to reload, and asked what they serve."""

import socket
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit, urlunsplit

import httpx

from readmit.core.refusal import NotServed

PATIENCE = httpx.Timeout(120.0, connect=5.0)


def reload_everywhere(urls: Sequence[str], token: str, version: str) -> int:
    """Has every API behind the addresses reload; how many confirm. NotServed: one does not serve the version then."""
    replicas = [replica for url in urls for replica in _replicas(url)]
    for replica, host in replicas:
        served = _reload(replica, host, token)
        if served != version:
            raise NotServed(f"{replica} serves version {served}, production is version {version}")
    return len(replicas)


def _reload(replica: str, host: str, token: str) -> str:
    headers = {"Authorization": f"Bearer {token}", "Host": host}
    try:
        answer = httpx.post(f"{replica}/reload_model", headers=headers, timeout=PATIENCE)
    except httpx.HTTPError as error:
        raise NotServed(f"{replica}: {error!r}") from error
    if answer.status_code != 200:
        raise NotServed(f"{replica}/reload_model: status {answer.status_code}: {answer.text[:300]}")
    return str(answer.json()["version"])


def _replicas(url: str) -> Iterator[tuple[str, str]]:
    """The address of each replica behind a name, with the host to ask for: one name may stand for several."""
    parts = urlsplit(url)
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or 80, socket.AF_INET, socket.SOCK_STREAM)
    except OSError as error:
        raise NotServed(f"{url}: {error}") from error
    for ip, port in sorted({(str(entry[4][0]), int(entry[4][1])) for entry in found}):
        yield urlunsplit(parts._replace(netloc=f"{ip}:{port}")), parts.netloc

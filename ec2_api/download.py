"""Download of UCI's public file: resumed, retried and verified."""

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from ec2_api.layout import NotInLayout, PublishedFile, csv_content, sha256

log = logging.getLogger(__name__)

TIMEOUT = httpx.Timeout(5, connect=3)
RETRY_DELAYS_SECONDS = (0.5, 1.0, 2.0)
"""Delays before the second, third and fourth consecutive attempt without progress."""
IDLE_TIMEOUT_SECONDS = 12.0
"""Time limit for a server that has not sent a byte."""
TOTAL_TIMEOUT_SECONDS = 600.0
MAX_BYTES = 64 * 1024 * 1024


class DownloadFailed(Exception):
    """A failed download; the message gives the reason."""


class WrongFile(Exception):
    """A downloaded file that is not the published one."""


def download(
    url: str,
    part: Path,
    expected: PublishedFile,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> bytes:
    """Return the published CSV's bytes from `url` (the CSV or a zip of it); `part` keeps an interrupted download.

    Raises DownloadFailed when there is no network, no such file, or another file at `url`.
    """
    part.parent.mkdir(parents=True, exist_ok=True)
    started_at, idle_attempts, has_progress = clock(), 0, False
    while True:
        size_before = _size(part)
        reason = _request(url, part)
        if reason is None:
            try:
                return verified_content(part, expected)
            except WrongFile as error:
                part.unlink()
                # A part of an older file makes a wrong file; only after a fresh download is the server to blame.
                if size_before == 0:
                    raise DownloadFailed(f"{url}: {error}") from error
                reason = str(error)
        has_progress = has_progress or _size(part) > size_before
        idle_attempts = 0 if _size(part) > size_before else idle_attempts + 1
        if idle_attempts > len(RETRY_DELAYS_SECONDS) or clock() - started_at > (
            TOTAL_TIMEOUT_SECONDS if has_progress else IDLE_TIMEOUT_SECONDS
        ):
            raise DownloadFailed(f"{url}: {reason}")
        log.info("download: %s; %d bytes so far, retrying", reason, _size(part))
        sleep(RETRY_DELAYS_SECONDS[max(0, idle_attempts - 1)])


def verified_content(part: Path, expected: PublishedFile) -> bytes:
    """Return the CSV in the downloaded file. Raises WrongFile when its size or SHA-256 differs."""
    try:
        content = csv_content(part)
    except NotInLayout as error:
        raise WrongFile(f"not the published {expected.name}: {error}") from error
    if len(content) != expected.size or sha256(content) != expected.sha256:
        raise WrongFile(
            f"not the published {expected.name}: {len(content):,} bytes, SHA-256 {sha256(content)}; "
            f"expected {expected.size:,} bytes, {expected.sha256}"
        )
    return content


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _request(url: str, part: Path) -> str | None:
    """Send one request that resumes at the end of `part`. Returns None when complete, else the reason to retry."""
    size_before = _size(part)
    # Identity: a range of a compressed response is not a range of the file.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={size_before}-"} if size_before else {})
    try:
        with _create_client(url) as client, client.stream("GET", url, headers=headers) as response:
            return _save(response, part, size_before)
    except httpx.HTTPError as error:
        return f"{type(error).__name__}: {error}"
    except (httpx.InvalidURL, UnicodeError) as error:
        raise DownloadFailed(f"{url}: {error}") from error


def _create_client(url: str) -> httpx.Client:
    """Create a client that uses the proxies and certificates of the environment, as a download is outside the stack."""
    try:
        return httpx.Client(timeout=TIMEOUT, follow_redirects=True)
    # ImportError: a SOCKS proxy, for which httpx needs another package. The text may have the password of the proxy.
    except (ImportError, OSError, ValueError, httpx.InvalidURL) as error:
        raise DownloadFailed(
            f"{url}: the proxy or certificate file in the environment can't be used ({type(error).__name__}): correct "
            "or unset HTTPS_PROXY, ALL_PROXY and SSL_CERT_FILE"
        ) from None


def _save(response: httpx.Response, part: Path, size_before: int) -> str | None:
    if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
        if response.headers.get("Content-Range") == f"bytes */{size_before}":
            return None
        part.unlink(missing_ok=True)
        return "the partial file is longer than the published one"
    if response.status_code >= 500 or response.status_code == httpx.codes.TOO_MANY_REQUESTS:
        return f"status {response.status_code}"
    if response.status_code not in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT):
        raise DownloadFailed(f"{response.url}: status {response.status_code}")
    resumes = response.status_code == httpx.codes.PARTIAL_CONTENT
    if resumes and not response.headers.get("Content-Range", "").startswith(f"bytes {size_before}-"):
        raise DownloadFailed(f"{response.url}: the response has a range that was not requested")
    _append(response.iter_raw(), part, size_before if resumes else 0)
    return None


def _append(chunks: Iterator[bytes], part: Path, size_before: int) -> None:
    with part.open("ab" if size_before else "wb") as file:
        for chunk in chunks:
            file.write(chunk)
            if file.tell() > MAX_BYTES:
                raise DownloadFailed(f"more than {MAX_BYTES:,} bytes received: not the published file")

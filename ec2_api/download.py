"""UCI's public file over an unreliable network: resumed, tried again, checked, and refused when it is another file."""

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from ec2_api.layout import NotInLayout, Published, csv_content, sha256

log = logging.getLogger(__name__)

TIMEOUT = httpx.Timeout(5, connect=3)
PAUSES = (0.5, 1.0, 2.0)
"""Seconds before the second, third and fourth try in a row that brought nothing."""
PATIENCE = 12.0
"""Seconds after which an address that has not answered with a byte is given up."""
LONGEST = 600.0
LARGEST = 64 * 1024 * 1024


class DownloadFailed(Exception):
    """The file could not be had; the text says why."""


class WrongFile(Exception):
    """What came is not the published file."""


def download(
    url: str,
    part: Path,
    wanted: Published,
    pause: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> bytes:
    """The published CSV's bytes, from `url` (the CSV or a zip of it). `part` keeps what a cut download had.

    DownloadFailed: no network, no such file, or another file.
    """
    part.parent.mkdir(parents=True, exist_ok=True)
    begun, idle, gained = clock(), 0, False
    while True:
        had = _size(part)
        reason = _attempt(url, part)
        if reason is None:
            try:
                return checked(part, wanted)
            except WrongFile as error:
                part.unlink()
                # A part from an older file makes a wrong whole: only a fresh one is the address's own fault.
                if had == 0:
                    raise DownloadFailed(f"{url}: {error}") from error
                reason = str(error)
        gained = gained or _size(part) > had
        idle = 0 if _size(part) > had else idle + 1
        if idle > len(PAUSES) or clock() - begun > (LONGEST if gained else PATIENCE):
            raise DownloadFailed(f"{url}: {reason}")
        log.info("download: %s; %d bytes so far, trying again", reason, _size(part))
        pause(PAUSES[max(0, idle - 1)])


def checked(part: Path, wanted: Published) -> bytes:
    """The CSV in the downloaded file. WrongFile: its size or SHA-256 is not the published one."""
    try:
        content = csv_content(part)
    except NotInLayout as error:
        raise WrongFile(str(error)) from error
    if len(content) != wanted.size or sha256(content) != wanted.sha256:
        raise WrongFile(
            f"not the published {wanted.name}: {len(content):,} bytes, SHA-256 {sha256(content)}; "
            f"expected {wanted.size:,} bytes, {wanted.sha256}"
        )
    return content


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _attempt(url: str, part: Path) -> str | None:
    """One request that goes on where `part` ends. None: `part` is whole; else why another try may help."""
    had = _size(part)
    # Identity: the range of a compressed answer would not be a range of the file.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={had}-"} if had else {})
    try:
        with httpx.stream("GET", url, headers=headers, timeout=TIMEOUT, follow_redirects=True) as answer:
            return _take(answer, part, had)
    except httpx.HTTPError as error:
        return f"{type(error).__name__}: {error}"
    except httpx.InvalidURL as error:
        raise DownloadFailed(f"{url}: {error}") from error


def _take(answer: httpx.Response, part: Path, had: int) -> str | None:
    if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
        if answer.headers.get("Content-Range") == f"bytes */{had}":
            return None
        part.unlink(missing_ok=True)
        return "the part on disk is longer than the file"
    if answer.status_code >= 500 or answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
        return f"status {answer.status_code}"
    if answer.status_code not in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT):
        raise DownloadFailed(f"{answer.url}: status {answer.status_code}")
    resumes = answer.status_code == httpx.codes.PARTIAL_CONTENT
    if resumes and not answer.headers.get("Content-Range", "").startswith(f"bytes {had}-"):
        raise DownloadFailed(f"{answer.url}: answered with a range that was not asked for")
    _append(answer.iter_raw(), part, had if resumes else 0)
    return None


def _append(chunks: Iterator[bytes], part: Path, had: int) -> None:
    with part.open("ab" if had else "wb") as file:
        for chunk in chunks:
            file.write(chunk)
            if file.tell() > LARGEST:
                raise DownloadFailed(f"more than {LARGEST:,} bytes came: not the published file")

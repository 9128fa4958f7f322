"""Debian's Chromium in a container on this machine's network, driven by Playwright."""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
from playwright.sync_api import Browser, sync_playwright

from readmit.containers.temporary_names import left_over, temporary_name
from readmit.embedded.stack import free_ports

IMAGE, NAME = "readmit-browser", "readmit-browser-chromium"
"""`NAME`: the base of the name of a container."""
FOLDER = Path(__file__).parent
START_TIMEOUT_SECONDS = 60.0


def _docker(*arguments: str) -> str:
    process = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    return process.stdout


@contextmanager
def chromium() -> Iterator[Browser]:
    """Yield a browser, and remove its container afterwards."""
    (port,), name = free_ports(1), temporary_name(NAME)
    _docker("build", "--tag", IMAGE, str(FOLDER))
    if names := left_over(NAME, _docker("ps", "--all", "--format", "{{.Names}}").split()):
        _docker("rm", "--force", *names)
    # Playwright expects downloads in its own temporary directory, so the container shares the directory.
    shared, user = tempfile.gettempdir(), f"{os.getuid()}:{os.getgid()}"
    options = ("--name", name, "--network", "host", "--shm-size", "1g", "--init", "--user", user)
    _docker(
        "run",
        "--detach",
        "--rm",
        *options,
        "--volume",
        f"{shared}:{shared}",
        IMAGE,
        f"--remote-debugging-port={port}",
        "about:blank",
    )
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.connect_over_cdp(_wait_for_page(f"http://127.0.0.1:{port}"))
            yield browser
            browser.close()
    finally:
        _docker("rm", "--force", name)


def _wait_for_page(address: str) -> str:
    """Wait for the first page: a connection made earlier would hang."""
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        with suppress(httpx.HTTPError):
            targets = httpx.get(f"{address}/json/list", timeout=2.0, trust_env=False).raise_for_status().json()
            if any(target["type"] == "page" for target in targets):
                return address
        time.sleep(0.1)
    raise TimeoutError(f"the browser at {address} has no page after {START_TIMEOUT_SECONDS:.0f} s")

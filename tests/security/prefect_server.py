"""A Prefect server with a login in a separate process, started as in the container."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from readmit.containers import secrets
from readmit.containers.project import ROOT
from readmit.embedded.stack import free_ports

READY_TIMEOUT_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Server:
    """A running server. `address`: without a trailing slash; `login`: `user:password`."""

    address: str
    login: str

    def counts(self) -> dict[str, int]:
        """Return the number of objects of each kind that an attack could create."""
        with self.client() as client:
            kinds = ("deployments", "flow_runs", "flows", "block_documents", "automations", "variables")
            return {kind: len(client.post(f"/api/{kind}/filter", json={}).raise_for_status().json()) for kind in kinds}

    def client(self) -> httpx.Client:
        user, _, password = self.login.partition(":")
        return httpx.Client(base_url=self.address, auth=(user, password), timeout=60.0, trust_env=False)


@contextmanager
def prefect_server(folder: Path) -> Iterator[Server]:
    """Run the server with its state in a folder."""
    secrets_folder, (port,) = folder / "secrets", free_ports(1)
    secrets.create_missing(secrets_folder, {})
    address = f"http://127.0.0.1:{port}"
    variables = {
        "HOME": str(folder),
        "PREFECT_HOME": str(folder),
        "PREFECT_PROFILES_PATH": str(secrets_folder / "prefect_profiles.toml"),
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(folder / "ui"),
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"{address},http://localhost:{port}",
        "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "prefect_event_order",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    command = [sys.executable, str(ROOT / "compose/prefect_server.py")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env={**inherited, **variables}, cwd=folder, stdout=log, stderr=log)
        try:
            _wait_until_ready(process, address, folder / "log")
            yield Server(address, (secrets_folder / secrets.PREFECT_LOGIN).read_text())
        finally:
            process.terminate()
            process.wait(30)


def _wait_until_ready(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_SECONDS
    while True:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        try:
            if httpx.get(f"{address}/api/ready", timeout=30.0, trust_env=False).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.2)

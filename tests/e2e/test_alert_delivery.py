"""An alert reaches the webhook that the user has set, through the configuration of the stack."""

import json
import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import pytest

from readmit.containers import secrets
from readmit.containers.user_project import WEBHOOK_FILE
from tests.e2e.containers import temporary_stack

pytestmark = pytest.mark.e2e
TIMEOUT_SECONDS = 90.0
"""Longer than Alertmanager's group_wait, 30 s."""
ALERTMANAGER = "--alertmanager.url=http://127.0.0.1:9093"


def test_an_alert_is_posted_to_the_webhook_with_its_labels_and_its_runbook(tmp_path: Path) -> None:
    received: Queue[tuple[str, dict[str, Any]]] = Queue()

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.put((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.send_response(200)
            self.end_headers()

    with ThreadingHTTPServer((host_address(), 0), Webhook) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://{server.server_address[0]!s}:{server.server_port}/hook?key=secret"
        secrets.create_missing(tmp_path / "secrets", {"alert_webhook": address})
        only, files = ("alertmanager",), (WEBHOOK_FILE,)
        with temporary_stack("readmit-e2e-alert", tmp_path, tmp_path / "secrets", only, files=files) as stack:
            alert = ("alert", "add", "DayFailed", "step=clean", "--annotation=runbook_url=http://127.0.0.1/runbook")
            stack.project.output("exec", "-T", "alertmanager", "amtool", ALERTMANAGER, *alert)
            path, body = received.get(timeout=TIMEOUT_SECONDS)
        server.shutdown()
    assert (path, body["status"]) == ("/hook?key=secret", "firing")
    (posted,) = body["alerts"]
    assert posted["labels"] == {"alertname": "DayFailed", "step": "clean"}
    assert posted["annotations"] == {"runbook_url": "http://127.0.0.1/runbook"}


def host_address() -> str:
    """Return this machine's address on Docker's own network, at which containers reach it."""
    command = ["docker", "network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

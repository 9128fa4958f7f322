"""A client of the API that sends ten predictions per second, and on demand a share of invalid ones."""

import json
from threading import Event, Thread

import httpx

from readmit.containers.project import ROOT

PAUSE_SECONDS = 0.1
BAD_EVERY = 5
"""One request in five is invalid: 20 %."""


class RequestLoad:
    """A thread that sends requests until it is stopped. `with_bad`: whether some of them are invalid."""

    def __init__(self, address: str) -> None:
        self.with_bad = Event()
        self._stopped, self._address = Event(), f"{address}/predict"
        self._example = json.loads((ROOT / "api/example.json").read_text())
        self._thread = Thread(target=self._send, daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self) -> None:
        """Send no more."""
        self._stopped.set()
        self._thread.join()

    def _send(self) -> None:
        with httpx.Client(timeout=10.0, trust_env=False) as client:
            number = 0
            while not self._stopped.wait(PAUSE_SECONDS):
                number += 1
                is_bad = self.with_bad.is_set() and number % BAD_EVERY == 0
                client.post(self._address, json={} if is_bad else self._example)

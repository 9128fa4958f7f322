"""`backfill`: its batches one after the other, or all at once where each is a Job."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from rich.console import Console

from readmit.containers import day_commands
from readmit.containers.flow_runs import PrefectServer
from readmit.stacks.errors import StackError

FAILED_BATCH = 2


@dataclass
class FakePrefect:
    """A Prefect whose runs end at the first look; that of FAILED_BATCH fails. `calls`: starts and looks, in order."""

    calls: list[str] = field(default_factory=list)

    def answer(self, path: str, body: dict[str, object]) -> object:
        if path.endswith("/create_flow_run"):
            batch = body["parameters"]["batch"]
            self.calls.append(f"start {batch}")
            return {"id": str(batch), "name": f"batch {batch}", "state": {}, "state_type": "SCHEDULED"}
        if path.startswith("/api/flow_runs/"):
            batch = path.rpartition("/")[2]
            self.calls.append(f"end {batch}")
            state = "FAILED" if batch == str(FAILED_BATCH) else "COMPLETED"
            return {"id": batch, "name": f"batch {batch}", "state": {"message": "why"}, "state_type": state}
        return [] if path == "/api/logs/filter" else {"id": "daily"}


@pytest.fixture
def prefect(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[FakePrefect, PrefectServer]]:
    fake = FakePrefect()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            content = json.dumps(fake.answer(self.path, json.loads(self.rfile.read(length) or b"{}"))).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(content)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:
            pass

    monkeypatch.setattr(day_commands, "LOG_FLUSH_SECONDS", 0.0)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield fake, PrefectServer(f"http://127.0.0.1:{server.server_address[1]}", "admin:login")
    server.shutdown()


@pytest.mark.parametrize(
    ("at_once", "calls"),
    [
        (False, ["start 1", "end 1", "start 2", "end 2"]),
        (True, ["start 1", "start 2", "start 3", "end 1", "end 2", "end 3"]),
    ],
)
def test_a_backfill_at_once_starts_all_batches_and_waits_for_each_even_when_one_fails(
    at_once: bool, calls: list[str], prefect: tuple[FakePrefect, PrefectServer]
) -> None:
    fake, server = prefect
    args = day_commands.parse(["backfill", "1", "3"])
    with pytest.raises(StackError, match="batch 2 ended as FAILED: why"):
        day_commands.run_days(args, server, lambda _code: "3", Console(quiet=True), at_once)
    assert fake.calls == calls

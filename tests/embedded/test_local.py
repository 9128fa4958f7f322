"""`just down` and `just status` in a folder of their own, over stacks that are notes and small processes."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import psutil
import pytest

from readmit.embedded import local
from readmit.embedded.processes import Processes, ServiceProcess
from readmit.embedded.stack import SERVICES, StackState
from readmit.settings import environment_with
from readmit.stacks import atomic_file

SLEEP = "import time; print('up', flush=True); time.sleep(600)"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "


@contextmanager
def owner(code: str) -> Iterator[subprocess.Popen[str]]:
    """A process that stands for the one that keeps a stack up."""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def note_stack(folder: Path, pid: int, began: float, api: str = "http://127.0.0.1:9") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    addresses = dict.fromkeys(SERVICES, "http://127.0.0.1:9") | {"api": api}
    atomic_file.write(folder / "stack.json", json.dumps(asdict(StackState(pid, began, addresses, {}))))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a stack's state lies."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "var/demo/one"


def test_down_stops_the_stack_that_is_up_and_ends_what_killed_ones_left(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    note_stack(folder.with_name("killed"), 1, 0.0)
    left = Processes(folder.with_name("killed") / "processes")
    left.start(ServiceProcess("flow", (sys.executable, "-c", SLEEP), environment_with({})))
    with owner(SLEEP) as process:
        note_stack(folder, process.pid, psutil.Process(process.pid).create_time())
        assert local.main(["down"]) == 0
        assert process.poll() is not None
    said = capsys.readouterr().out
    assert "Stopped the stack on var/demo/one" in said
    assert "Ended what a killed run left on var/demo/killed: flow" in said
    assert left.wait("flow", 10) is not None
    assert local.main(["down"]) == 1, "nothing is left to be ended"
    assert "no stack is up" in capsys.readouterr().out


def test_an_owner_that_does_not_stop_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "STOPPED_WITHIN_SECONDS", 0.3)
    with owner(DEAF + SLEEP) as process:
        note_stack(folder, process.pid, psutil.Process(process.pid).create_time())
        assert local.main(["down"]) == 1
        assert f"process {process.pid} still runs it" in capsys.readouterr().out


def test_status_asks_each_service_how_it_is(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Healthy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/health/live" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Healthy) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        me = psutil.Process()
        note_stack(folder, me.pid, me.create_time(), api=f"http://127.0.0.1:{server.server_port}")
        assert local.main(["status"]) == 0
        server.shutdown()
    lines = capsys.readouterr().out.splitlines()
    states = {name: next(line.split()[3] for line in lines if f" {name} " in line) for name in SERVICES}
    assert states == {"ec2-api": "down", "s3": "down", "mlflow": "down", "api": "up"}


def test_status_says_where_the_page_of_results_lies_if_a_demo_left_one(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    me = psutil.Process()
    note_stack(folder, me.pid, me.create_time())
    assert local.main(["status"]) == 0
    assert "No page of results of this source yet" in capsys.readouterr().out
    (folder.parent / "results.html").write_text("the page of another source")
    assert local.main(["status"]) == 0
    assert "No page of results of this source yet" in capsys.readouterr().out
    (file := folder / "results.html").write_text("a page")
    assert local.main(["status"]) == 0
    assert file.as_uri() in capsys.readouterr().out

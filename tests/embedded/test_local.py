"""`just down` and `just status` in a temporary folder, with stacks that are state files and small processes."""

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

from readmit.embedded import local_stack
from readmit.embedded.processes import Processes, ServiceProcess
from readmit.embedded.stack import SERVICES, StackState
from readmit.settings import environment_with
from readmit.stacks import atomic_file

SLEEP = "import time; print('up', flush=True); time.sleep(600)"
IGNORE_SIGTERM = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "


@contextmanager
def owner(code: str) -> Iterator[subprocess.Popen[str]]:
    """A process that stands in for the owner of a stack."""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def write_stack_file(folder: Path, pid: int, began: float, api: str = "http://127.0.0.1:9") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    addresses = dict.fromkeys(SERVICES, "http://127.0.0.1:9") | {"api": api}
    atomic_file.write(folder / "stack.json", json.dumps(asdict(StackState(pid, began, addresses, {}))))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state folder of a stack."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "var/demo/one"


def test_down_stops_the_stack_that_is_up_and_what_killed_ones_left(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_stack_file(folder.with_name("killed"), 1, 0.0)
    leftovers = Processes(folder.with_name("killed") / "processes")
    leftovers.start(ServiceProcess("flow", (sys.executable, "-c", SLEEP), environment_with({})))
    with owner(SLEEP) as process:
        write_stack_file(folder, process.pid, psutil.Process(process.pid).create_time())
        assert local_stack.main(["down"]) == 0
        assert process.poll() is not None
    output = capsys.readouterr().out
    assert "Stopped the stack in var/demo/one" in output
    assert "Stopped what a killed run left in var/demo/killed: flow" in output
    assert leftovers.wait("flow", 10) is not None
    assert local_stack.main(["down"]) == 1, "nothing is left to stop"
    assert "no stack is up" in capsys.readouterr().out


def test_an_owner_that_does_not_stop_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_stack, "STOP_TIMEOUT_SECONDS", 0.3)
    with owner(IGNORE_SIGTERM + SLEEP) as process:
        write_stack_file(folder, process.pid, psutil.Process(process.pid).create_time())
        assert local_stack.main(["down"]) == 1
        assert f"process {process.pid} still runs it" in capsys.readouterr().out


def test_status_checks_the_health_of_each_service(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Healthy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/health/live" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Healthy) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        process = psutil.Process()
        write_stack_file(folder, process.pid, process.create_time(), api=f"http://127.0.0.1:{server.server_port}")
        assert local_stack.main(["status"]) == 0
        server.shutdown()
    lines = capsys.readouterr().out.splitlines()
    states = {name: next(line.split()[3] for line in lines if f" {name} " in line) for name in SERVICES}
    assert states == {"ec2-api": "down", "s3": "down", "mlflow": "down", "api": "up"}


def test_status_shows_where_the_page_of_results_is_if_a_demo_wrote_one(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    process = psutil.Process()
    write_stack_file(folder, process.pid, process.create_time())
    assert local_stack.main(["status"]) == 0
    assert "No results page for this source yet" in capsys.readouterr().out
    (folder.parent / "results.html").write_text("the page of another source")
    assert local_stack.main(["status"]) == 0
    assert "No results page for this source yet" in capsys.readouterr().out
    (file := folder / "results.html").write_text("a page")
    assert local_stack.main(["status"]) == 0
    assert file.as_uri() in capsys.readouterr().out

"""The commands on the embedded stack in a temporary folder, with stacks that are state files and small processes."""

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

from readmit.embedded import environment, local_stack
from readmit.embedded.processes import Processes, ServiceError, ServiceProcess
from readmit.embedded.stack import SERVICES, StackState
from readmit.io.database import ledger
from readmit.io.database.connection import connect
from readmit.io.database.schema import migrate
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
    variables = {
        "READMIT_DATABASE_URL": f"sqlite:///{folder.absolute() / 'db'}",
        "PREFECT_API_AUTH_STRING": "admin:planted-login",
    }
    atomic_file.write(folder / "stack.json", json.dumps(asdict(StackState(pid, began, addresses, variables))))


class Service(BaseHTTPRequestHandler):
    """Responds to the health checks of the API, and with the state of a source and of an API that serves version 4."""

    def do_GET(self) -> None:
        state = {"model_loaded": True, "model_version": "4", "released": 2, "batches": 7, "exhausted": False}
        self.send_response(200 if self.path in ("/health/live", "/health") else 404)
        self.end_headers()
        if self.path == "/health":
            self.wfile.write(json.dumps(state).encode())

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def running_service() -> Iterator[str]:
    """Run the service and yield its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


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
    process = psutil.Process()
    with running_service() as address:
        write_stack_file(folder, process.pid, process.create_time(), api=address)
        assert local_stack.main(["status"]) == 0
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


def test_status_shows_the_last_day_the_served_version_and_the_source_as_on_containers(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    process = psutil.Process()
    with running_service() as address:
        write_stack_file(folder, process.pid, process.create_time(), api=address)
        assert local_stack.main(["status"]) == 0
        assert "The ledger is unavailable: " in capsys.readouterr().out
        connect(f"sqlite:///{folder.absolute() / 'db'}")
        migrate()
        assert local_stack.main(["status"]) == 0
        assert "No day has been completed yet." in capsys.readouterr().out
        ledger.update_batch(1, rows=15_000)
        ledger.mark_done(1)
        assert local_stack.main(["status"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("Last day: batch 1, done 20") for line in lines)
    assert "Served: version 4" in lines
    assert "The source does not respond." in lines


def test_why_shows_the_services_whose_health_check_fails_with_their_last_log_lines(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    process = psutil.Process()
    (folder / "processes").mkdir(parents=True)
    (folder / "processes/mlflow.log").write_text("sqlite3.OperationalError: database or disk is full\n")
    with running_service() as address:
        write_stack_file(folder, process.pid, process.create_time(), api=address)
        assert local_stack.main(["why", "api"]) == 0
        assert capsys.readouterr().out == "No service has a problem.\n"
        assert local_stack.main(["why", "mlflow"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert local_stack.main(["why", "mlfow"]) == 1
    assert lines[0] == "mlflow: running, but its health check fails"
    assert lines[1].startswith("  health check  http://127.0.0.1:9/health: ConnectError: ")
    assert lines[2] == "  log           sqlite3.OperationalError: database or disk is full"
    assert lines[3].startswith("  advice        The disk is full: ")
    assert "unknown service mlfow; known services: ec2-api" in capsys.readouterr().out


def test_why_shows_which_service_ended_and_so_stopped_the_stack(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_stack, "folder_of", lambda _: folder)
    assert local_stack.main(["why"]) == 0
    assert "no service of the last one ended by itself" in capsys.readouterr().out
    processes = Processes(folder / "processes")
    code = "import sys; print('OSError: [Errno 98] Address already in use'); sys.exit(3)"
    processes.start(ServiceProcess("api", (sys.executable, "-c", code), environment_with({})))
    assert processes.wait("api", 30) == 3
    with pytest.raises(ServiceError):
        processes.check()
    processes.stop()
    assert local_stack.main(["why"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "api: exited with code 3",
        "  log           OSError: [Errno 98] Address already in use",
        "  advice        Another program listens on its port: stop that program, or set READMIT_API_PORT to another "
        "port.",
    ]
    processes.start(ServiceProcess("api", (sys.executable, "-c", SLEEP), environment_with({})))
    processes.stop()
    assert local_stack.main(["why"]) == 0
    assert "no service of the last one ended by itself" in capsys.readouterr().out, "the next start begins anew"
    assert local_stack.main(["why", "mlfow"]) == 1
    assert "unknown service mlfow; known services: ec2-api" in capsys.readouterr().out


def test_a_report_has_states_settings_and_logs_and_neither_secrets_nor_patients(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("READMIT_API_KEY", "planted-api-key")
    monkeypatch.setenv("READMIT_TARGET", "any")
    process = psutil.Process()
    write_stack_file(folder, process.pid, process.create_time())
    variables = environment.variables(folder, dict.fromkeys(SERVICES, "http://127.0.0.1:9"))
    environment.s3_variables(folder, "127.0.0.1")
    planted = {variables[name] for name in environment.SECRETS} | {"planted-api-key", "admin:planted-login"}
    planted |= set((folder / "s3-inner.key").read_text().splitlines())
    planted |= set(json.loads((folder / "secrets.json").read_text()).values())
    (folder / "processes").mkdir()
    (folder / "processes/flow.log").write_text("\n".join(["started", *planted, "patient 8222157", "patient_nbr 135"]))
    assert local_stack.main(["report"]) == 0
    (file,) = Path("var/reports").iterdir()
    assert str(file) in capsys.readouterr().out
    text = file.read_text()
    for expected in (
        "readmit 0.",
        "Python 3.",
        "api: down",
        "target = any",
        "api_key = (set)",
        "== log of flow ==\nstarted",
    ):
        assert expected in text
    assert [secret for secret in planted if secret in text] == []
    assert "8222157" not in text
    assert "135" not in text.partition("== log of flow ==")[2]
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_without_any_stack_there_is_nothing_to_report(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_stack, "folder_of", lambda _: folder)
    assert local_stack.main(["report"]) == 1
    assert "no stack was ever started here" in capsys.readouterr().out

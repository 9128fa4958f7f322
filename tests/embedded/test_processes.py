import json
import socket
import sys
import time
from pathlib import Path

import psutil
import pytest

from readmit.embedded.processes import Processes, Service, ServiceFailed
from readmit.embedded.stack import PORTS, StackRefused, free_ports, running, up
from readmit.settings import environment_with

PARENT = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "


def service(then: str, health: str | None = None) -> Service:
    return Service("one", (sys.executable, "-c", then), environment_with({}), health)


def family_of(file: Path) -> list[psutil.Process]:
    process = psutil.Process(json.loads(file.read_text())["pid"])
    deadline = time.monotonic() + 10
    while not process.children() and time.monotonic() < deadline:
        time.sleep(0.05)
    return [process, *process.children(recursive=True)]


def test_stopping_ends_a_service_and_all_that_it_started(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    processes.start(service(PARENT + "time.sleep(600)"))
    family = family_of(tmp_path / "one.pid")
    assert len(family) == 2
    processes.stop()
    assert not any(member.is_running() and member.status() != psutil.STATUS_ZOMBIE for member in family)
    assert list(tmp_path.glob("*.pid")) == []


def test_what_a_killed_run_left_is_ended_at_the_next_start(tmp_path: Path) -> None:
    Processes(tmp_path).start(service(PARENT + "time.sleep(600)"))
    family = family_of(tmp_path / "one.pid")
    assert Processes(tmp_path).end_leftovers() == ["one"]
    psutil.wait_procs(family, timeout=10)
    assert not any(member.is_running() and member.status() != psutil.STATUS_ZOMBIE for member in family)


def test_another_programs_process_with_a_left_number_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "one.pid").write_text(f'{{"pid": {psutil.Process().pid}, "created": 1.0}}')
    assert Processes(tmp_path).end_leftovers() == []


def test_a_service_that_ends_at_once_shows_the_end_of_its_log(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    failing = service("raise SystemExit('the port is taken')", health="http://127.0.0.1:9")
    processes.start(failing)
    with pytest.raises(ServiceFailed, match=r"(?s)one ended with code 1.*the port is taken"):
        processes.wait_until_healthy(failing)


def test_a_taken_port_is_named_and_nothing_is_left_running(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True)) | {"mlflow": port}
        with (
            pytest.raises(StackRefused, match=f"port {port}, which mlflow needs, is taken"),
            running(tmp_path, ports, {}),
        ):
            pass
    assert up(tmp_path) is None
    assert list(tmp_path.glob("processes/*.pid")) == []

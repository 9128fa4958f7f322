import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from readmit.embedded.liveness import is_alive
from readmit.embedded.process_tags import TAG_VARIABLE, tagged_processes
from readmit.embedded.processes import Processes, ServiceError, ServiceProcess
from readmit.settings import environment_with

SLEEP = "import time; time.sleep(600)"
PARENT = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {SLEEP!r}]); "
IGNORE_SIGTERM = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ignoring', flush=True); "


def service(code: str, health: str | None = None, grace: float = 15.0) -> ServiceProcess:
    return ServiceProcess("one", (sys.executable, "-c", code), environment_with({}), health, grace)


def family_of(folder: Path, size: int) -> list[psutil.Process]:
    """The processes of the service, as soon as there are `size` of them."""
    tag, deadline = (folder / "one.mark").read_text(), time.monotonic() + 20
    while len(processes := tagged_processes(tag)) < size:
        assert time.monotonic() < deadline, processes
        time.sleep(0.02)
    return processes


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [process for process in processes if is_alive(process)]


def test_stopping_ends_a_service_and_all_processes_that_it_started(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    processes.start(service(PARENT + "time.sleep(600)"))
    family = family_of(tmp_path, 2)
    processes.stop()
    assert alive(family) == []
    assert list(tmp_path.glob("*.mark")) == []


@pytest.mark.parametrize("by_the_next_run", [False, True])
def test_what_a_killed_service_had_started_is_ended(by_the_next_run: bool, tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    processes.start(service(PARENT + "time.sleep(600)"))
    family = family_of(tmp_path, 2)
    leader = next(process for process in family if process.ppid() == os.getpid())
    leader.kill()
    leader.wait(10)
    assert len(alive(family)) == 1, "the child outlives the service"
    if by_the_next_run:
        assert Processes(tmp_path).end_leftovers() == ["one"]
    else:
        processes.stop()
    assert alive(family) == []


def test_a_service_that_ignores_sigterm_is_killed_after_its_grace_period(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    processes.start(service(IGNORE_SIGTERM + PARENT + "time.sleep(600)", grace=0.3))
    family = family_of(tmp_path, 2)
    began = time.monotonic()
    processes.stop()
    assert alive(family) == []
    assert 0.3 <= time.monotonic() - began < 5


def test_repeated_signals_do_not_interrupt_the_stopping(tmp_path: Path) -> None:
    script = f"""
import sys, time
from pathlib import Path
from readmit.embedded.processes import Processes, ServiceProcess
from readmit.embedded.stop_signals import treat_signals_as_interrupt
from readmit.settings import environment_with
treat_signals_as_interrupt()
processes = Processes(Path({str(tmp_path)!r}))
command = (sys.executable, "-c", {IGNORE_SIGTERM + SLEEP!r})
processes.start(ServiceProcess("one", command, environment_with({{}}), grace_seconds=2))
try:
    print("up", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    print("stopping", flush=True)
    processes.stop()
    print("stopped", flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "up\n"
        family = family_of(tmp_path, 1)
        while "ignoring" not in (tmp_path / "one.log").read_text():
            time.sleep(0.02)
        run.send_signal(signal.SIGHUP)
        assert run.stdout.readline() == "stopping\n"
        time.sleep(0.3)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            run.send_signal(number)
        assert run.stdout.read() == "stopped\n"
    assert run.returncode == 0
    assert alive(family) == []


def test_an_unrelated_process_is_not_touched_and_an_empty_tag_file_stops_nothing(tmp_path: Path) -> None:
    unrelated = subprocess.Popen([sys.executable, "-c", SLEEP], env=environment_with({TAG_VARIABLE: ""}))
    try:
        (tmp_path / "one.mark").write_text("")
        assert Processes(tmp_path).end_leftovers() == []
        assert unrelated.poll() is None
        assert list(tmp_path.glob("*.mark")) == []
    finally:
        unrelated.kill()
        unrelated.wait()


def test_a_service_that_exits_at_once_shows_the_end_of_its_log(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    failing = service("raise SystemExit('the port is taken')", health="http://127.0.0.1:9")
    processes.start(failing)
    with pytest.raises(ServiceError, match=r"(?s)one exited with code 1.*the port is taken"):
        processes.wait_until_healthy(failing)

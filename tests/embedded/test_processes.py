import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from readmit.embedded.liveness import lives
from readmit.embedded.process_tags import VARIABLE, carriers
from readmit.embedded.processes import Processes, ServiceFailed, ServiceProcess
from readmit.settings import environment_with

SLEEP = "import time; time.sleep(600)"
PARENT = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {SLEEP!r}]); "
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); "


def service(then: str, health: str | None = None, grace: float = 15.0) -> ServiceProcess:
    return ServiceProcess("one", (sys.executable, "-c", then), environment_with({}), health, grace)


def family_of(folder: Path, size: int) -> list[psutil.Process]:
    """The processes of the service, as soon as there are so many."""
    mark, deadline = (folder / "one.mark").read_text(), time.monotonic() + 20
    while len(found := carriers(mark)) < size:
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    return found


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [each for each in processes if lives(each)]


def test_stopping_ends_a_service_and_all_that_it_started(tmp_path: Path) -> None:
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
    leader = next(each for each in family if each.ppid() == os.getpid())
    leader.kill()
    leader.wait(10)
    assert len(alive(family)) == 1, "the child outlives the service"
    if by_the_next_run:
        assert Processes(tmp_path).end_leftovers() == ["one"]
    else:
        processes.stop()
    assert alive(family) == []


def test_a_service_that_does_not_end_when_it_is_asked_is_killed_after_its_grace(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    processes.start(service(DEAF + PARENT + "time.sleep(600)", grace=0.3))
    family = family_of(tmp_path, 2)
    began = time.monotonic()
    processes.stop()
    assert alive(family) == []
    assert 0.3 <= time.monotonic() - began < 5


def test_impatient_signals_do_not_cut_the_stopping_short(tmp_path: Path) -> None:
    script = f"""
import sys, time
from pathlib import Path
from readmit.embedded.processes import Processes, Service
from readmit.embedded.signals import end_as_by_ctrl_c
from readmit.settings import environment_with
end_as_by_ctrl_c()
processes = Processes(Path({str(tmp_path)!r}))
processes.start(Service("one", (sys.executable, "-c", {DEAF + SLEEP!r}), environment_with({{}}), grace_seconds=2))
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
        while "deaf" not in (tmp_path / "one.log").read_text():
            time.sleep(0.02)
        run.send_signal(signal.SIGHUP)
        assert run.stdout.readline() == "stopping\n"
        time.sleep(0.3)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            run.send_signal(number)
        assert run.stdout.read() == "stopped\n"
    assert run.returncode == 0
    assert alive(family) == []


def test_a_strangers_process_is_not_touched_and_a_torn_mark_stops_nothing(tmp_path: Path) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", SLEEP], env=environment_with({VARIABLE: ""}))
    try:
        (tmp_path / "one.mark").write_text("")
        assert Processes(tmp_path).end_leftovers() == []
        assert stranger.poll() is None
        assert list(tmp_path.glob("*.mark")) == []
    finally:
        stranger.kill()
        stranger.wait()


def test_a_service_that_ends_at_once_shows_the_end_of_its_log(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    failing = service("raise SystemExit('the port is taken')", health="http://127.0.0.1:9")
    processes.start(failing)
    with pytest.raises(ServiceFailed, match=r"(?s)one ended with code 1.*the port is taken"):
        processes.wait_until_healthy(failing)

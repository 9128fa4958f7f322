"""The logs of the embedded stack are bounded in size and number, and a service writes on while its log is rotated."""

import re
import sys
import time
from pathlib import Path

import pytest

from readmit.embedded import log_rotation
from readmit.embedded.processes import Processes, ServiceProcess
from readmit.settings import environment_with
from tests.stack.compose_files import services

WRITER = "import time\nfor number in range(10_000): print(number, flush=True); time.sleep(0.002)"


@pytest.fixture(autouse=True)
def small_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_rotation, "MAX_BYTES", 100)


def test_the_limits_are_those_of_the_containers() -> None:
    options = services()["api"].config["logging"]["options"]
    text = Path(log_rotation.__file__).read_text()
    size = re.search(r"^MAX_BYTES = (\d+) \* 10\*\*6$", text, re.MULTILINE)
    assert size is not None
    assert (f"{size[1]}m", str(log_rotation.MAX_FILES)) == (options["max-size"], options["max-file"])


def test_a_full_log_is_kept_under_another_name_and_only_so_many(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    for number in range(5):
        log.write_text(f"{number}\n" + "x" * 100)
        log_rotation.rotate_if_full(log)
        assert log.read_text() == ""
    log.write_text("not full")
    log_rotation.rotate_if_full(log)
    kept = {file.name: file.read_text().split()[0] for file in tmp_path.iterdir() if file != log}
    assert kept == {"api.log.1": "4", "api.log.2": "3"}
    assert log.read_text() == "not full"


def test_a_service_continues_at_the_start_of_its_rotated_log(tmp_path: Path) -> None:
    processes, log = Processes(tmp_path), tmp_path / "one.log"
    processes.start(ServiceProcess("one", (sys.executable, "-c", WRITER), environment_with({})))
    try:
        deadline = time.monotonic() + 30
        while not (tmp_path / "one.log.2").exists():
            assert time.monotonic() < deadline
            processes.check()
            time.sleep(0.01)
    finally:
        processes.stop()
    assert b"\0" not in log.read_bytes(), "a log that is not open for appending would get a hole"
    numbers = [int(line) for line in (tmp_path / "one.log.1").read_text().split()]
    assert numbers == list(range(numbers[0], numbers[-1] + 1))


def test_the_log_of_the_run_before_is_kept(tmp_path: Path) -> None:
    for text in ("first", "second"):
        processes = Processes(tmp_path)
        processes.start(ServiceProcess("one", (sys.executable, "-c", f"print({text!r})"), environment_with({})))
        assert processes.wait("one", 30) == 0
        processes.stop()
    assert (tmp_path / "one.log").read_text() == "second\n"
    assert (tmp_path / "one.log.1").read_text() == "first\n"
    assert processes.log_lines("other", 5) == [], "a service that was never started has no lines"

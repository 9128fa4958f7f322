"""Stacks of tests and of the measurement have names of their own: two runs at once do not disturb each other."""

import os
import re
import subprocess
import sys
from pathlib import Path

from readmit.containers.temporary_names import left_over, temporary_name

ROOT = Path(__file__).parents[2]


def ended_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_two_processes_have_different_names() -> None:
    code = "from readmit.containers.temporary_names import temporary_name; print(temporary_name('readmit-e2e'))"
    names = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
        for _ in range(2)
    }
    assert len(names | {temporary_name("readmit-e2e")}) == 3
    assert all(re.fullmatch(r"readmit-e2e-\d+", name) for name in names)


def test_only_what_ended_processes_have_left_of_the_same_base_is_removed() -> None:
    gone = ended_process()
    names = [
        *("readmit", "readmit-e2e", "second", f"readmit-e2e-{os.getpid()}", f"readmit-e2e-{os.getppid()}"),
        *(f"readmit-e2e-{gone}", f"readmit-e2e-source-{gone}", f"another-readmit-e2e-{gone}"),
    ]
    assert left_over("readmit-e2e", names) == [f"readmit-e2e-{gone}"]


def test_no_compose_file_fixes_the_name_of_a_container_volume_or_network() -> None:
    files = [*(ROOT / "compose").glob("*.yaml"), *(ROOT / "tests/e2e").glob("*.yaml")]
    assert [file.name for file in files if re.search(r"container_name|^ +name:", file.read_text(), re.MULTILINE)] == []

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

MACHINE = {"MemTotal": 16 * 2**30, "NCPU": 8, "DockerRootDir": "/"}
SCRIPT = """#!/bin/sh
case "$*" in
    "compose version --short") echo {compose} ;;
    "info --format {{{{json .}}}}")
        [ -n '{info}' ] || {{ echo 'Cannot connect to the Docker daemon' >&2; exit 1; }}
        echo '{info}' ;;
    "ps --filter publish="*) ;;
    *"ps --all --format json" | "ps --filter label="* | "volume ls "*) ;;
    *) echo "unexpected: $*" >&2; exit 64 ;;
esac
"""

MakeDocker = Callable[..., None]


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeDocker:
    """Put a `docker` script first in PATH that reports the given machine."""

    def make(compose: str = "2.40.3", stopped: bool = False, **machine: int) -> None:
        script = tmp_path / "bin" / "docker"
        script.parent.mkdir(exist_ok=True)
        info = "" if stopped else json.dumps({**MACHINE, **machine})
        script.write_text(SCRIPT.format(compose=compose, info=info))
        script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{script.parent}:{os.environ['PATH']}")

    return make

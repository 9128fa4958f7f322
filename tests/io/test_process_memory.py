import sys
from pathlib import Path

import pytest

from readmit.io import process_memory
from readmit.io.process_memory import limit_bytes, peak_bytes, reset_peak

MEBIBYTE = 1024**2
MISSING = Path("/nowhere")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can reset the peak")
def test_the_peak_includes_memory_that_is_free_again_until_it_is_reset() -> None:
    reset_peak()
    before = peak_bytes()
    block = bytearray(200 * MEBIBYTE)
    block[::4096] = b"x" * len(block[::4096])
    del block
    assert peak_bytes() - before > 150 * MEBIBYTE
    reset_peak()
    assert peak_bytes() - before < 50 * MEBIBYTE


def test_without_proc_the_peak_is_that_since_the_start_and_there_is_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CLEAR_REFS", "STATUS", "OWN_CGROUP"):
        monkeypatch.setattr(process_memory, name, MISSING / name)
    reset_peak()
    assert 10 * MEBIBYTE < peak_bytes() < 1024 * 1024 * MEBIBYTE
    assert limit_bytes() is None


@pytest.mark.parametrize(
    ("own", "files", "limit"),
    [
        pytest.param("0::/\n", {"memory.max": "805306368\n"}, 805306368, id="in a container"),
        pytest.param(
            "0::/a/b\n", {"a/memory.max": "5000", "a/b/memory.max": "9000"}, 5000, id="a group above has less"
        ),
        pytest.param("0::/a\n", {"a/memory.max": "max\n"}, None, id="no limit"),
        pytest.param("0::/a\n", {}, None, id="no memory controller"),
        pytest.param(
            "4:memory:/docker/a\n", {"memory/memory.limit_in_bytes": "805306368\n"}, 805306368, id="cgroup v1"
        ),
        pytest.param(
            "4:memory:/a\n", {"memory/memory.limit_in_bytes": "9223372036854771712\n"}, None, id="cgroup v1, no limit"
        ),
    ],
)
def test_the_limit_is_the_least_of_the_control_group_and_those_above(
    own: str, files: dict[str, str], limit: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "cgroup"
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (tmp_path / "own").write_text(own)
    monkeypatch.setattr(process_memory, "CGROUP_ROOT", root)
    monkeypatch.setattr(process_memory, "OWN_CGROUP", tmp_path / "own")
    assert limit_bytes() == limit

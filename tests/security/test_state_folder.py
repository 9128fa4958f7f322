"""Other users of the machine can't read an embedded stack's files: patient rows, secrets, logs."""

import stat
from pathlib import Path

import pytest

from readmit.embedded.stack import running
from readmit.stacks import atomic_file
from readmit.stacks.errors import StackError


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=["new", "existing, world-writable"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    folder = tmp_path / "var/demo/state"
    if request.param != "new":
        folder.mkdir(parents=True)
        folder.chmod(0o777)
    return folder


@pytest.mark.attack("another local user", "flows")
def test_the_state_folder_is_private_before_anything_is_written_to_it(folder: Path) -> None:
    # Without ports it fails at the first service, after the folder is created.
    with pytest.raises(KeyError), running(folder, {}, {}):
        pass
    assert mode_of(folder) == 0o700


def test_a_state_folder_that_can_not_be_made_private_is_rejected() -> None:
    """The kernel does not allow changing modes below /proc, even for root."""
    with pytest.raises(StackError, match="its mode cannot be restricted to its owner: Operation not permitted"):
        atomic_file.make_folder(Path("/proc/self"))

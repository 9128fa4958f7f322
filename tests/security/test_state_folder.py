"""Other users of the machine read nothing of an embedded stack: patients' rows, secrets, logs."""

import stat
from pathlib import Path

import pytest

from readmit.embedded.stack import running
from readmit.stacks import atomic_file
from readmit.stacks.errors import StackError


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=["new", "there already, open to all"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    folder = tmp_path / "var/demo/state"
    if request.param != "new":
        folder.mkdir(parents=True)
        folder.chmod(0o777)
    return folder


@pytest.mark.attack("another user of the machine", "flows")
def test_the_state_folder_is_for_its_owner_alone_before_anything_is_written_into_it(folder: Path) -> None:
    # No ports: it fails at the first service, after the folder was made.
    with pytest.raises(KeyError), running(folder, {}, {}):
        pass
    assert mode_of(folder) == 0o700


def test_a_state_folder_that_can_not_be_closed_is_refused() -> None:
    """The kernel lets nobody change modes below /proc, not even root."""
    with pytest.raises(StackError, match="can't be closed to other users: Operation not permitted"):
        atomic_file.make_folder(Path("/proc/self"))

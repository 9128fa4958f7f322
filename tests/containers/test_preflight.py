"""A missing requirement is reported in one sentence before anything is started. Docker is simulated by a script."""

import shutil
import socket
from pathlib import Path

import pytest

from readmit.containers import preflight
from readmit.containers.__main__ import main
from readmit.containers.project import ComposeService, Port, Project
from readmit.stacks.errors import StackError
from tests.containers.conftest import MakeDocker

GIB = 2**30


def error_line(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return the one line that a failed command prints."""
    assert main(list(arguments)) == 1
    (line,) = capsys.readouterr().out.splitlines()
    return line


def test_a_machine_that_meets_all_requirements_is_accepted(docker: MakeDocker) -> None:
    docker()
    preflight.require_engine()


def test_without_docker_the_error_links_to_its_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert error_line(capsys, "up").startswith("Docker is not installed: https://docs.docker.com/")


def test_an_engine_that_does_not_respond_is_reported(docker: MakeDocker, capsys: pytest.CaptureFixture[str]) -> None:
    docker(stopped=True)
    assert error_line(capsys, "up") == "Docker is installed, but its engine does not respond: start it"


@pytest.mark.parametrize("version", ["2.23.3", "v2.5.0", "1.29.2"])
def test_an_old_compose_is_reported_with_the_required_version(
    version: str, docker: MakeDocker, capsys: pytest.CaptureFixture[str]
) -> None:
    docker(compose=version)
    assert error_line(capsys, "up") == f"Docker Compose 2.24 or newer is required; found {version}"


@pytest.mark.parametrize("version", ["2.24.0", "v2.40.3", "5.0.1"])
def test_a_compose_that_is_new_enough_is_accepted(version: str, docker: MakeDocker) -> None:
    docker(compose=version)
    preflight.require_engine()


def test_too_little_memory_is_reported(docker: MakeDocker, capsys: pytest.CaptureFixture[str]) -> None:
    docker(MemTotal=GIB)
    assert error_line(capsys, "up") == "Docker has 1.0 GB of memory; at least 4 GB is required"


def test_a_single_core_is_reported(docker: MakeDocker, capsys: pytest.CaptureFixture[str]) -> None:
    docker(NCPU=1)
    assert error_line(capsys, "up") == "Docker has 1 CPU core; at least 2 are required"


def test_too_little_disk_space_is_reported(
    docker: MakeDocker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    docker()
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=3 * GIB))
    assert error_line(capsys, "up") == "3.0 GB of disk space is free; images and data need 10 GB"


def test_a_port_in_use_is_reported_with_its_owner_and_the_setting_that_changes_it(docker: MakeDocker) -> None:
    docker()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ec2_api = ComposeService("ec2-api", "image", 1.0, (), (Port("ec2-api", port),), built=True)
        with pytest.raises(StackError) as caught:
            preflight.require_ports(Project("readmit-test", {}), [ec2_api], ["ec2-api"])
        text = str(caught.value)
        assert text.startswith(f"port {port}, which ec2-api needs, is in use by ")
        assert "(process " in text
        assert text.endswith("stop it, or set READMIT_EC2_API_PORT to another port")
        preflight.require_ports(Project("readmit-test", {}), [ec2_api], [])


def test_a_missing_data_file_is_reported(
    docker: MakeDocker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    docker()
    monkeypatch.setenv("READMIT_DATA", "/nowhere/diabetes.zip")
    assert error_line(capsys, "up") == "READMIT_DATA: /nowhere/diabetes.zip is not a file"

"""What is missing is said in one sentence, before anything is started. Docker is played by a script."""

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


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What a refused command says, which is one line."""
    assert main(list(arguments)) == 1
    (line,) = capsys.readouterr().out.splitlines()
    return line


def test_a_machine_that_has_all_is_taken(docker: MakeDocker) -> None:
    docker()
    preflight.require_engine()


def test_without_docker_it_says_where_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert said(capsys, "up").startswith("Docker is not installed: https://docs.docker.com/")


def test_an_engine_that_does_not_answer_is_named(docker: MakeDocker, capsys: pytest.CaptureFixture[str]) -> None:
    docker(stopped=True)
    assert said(capsys, "up") == "Docker is installed, but its engine does not answer: start it"


@pytest.mark.parametrize("version", ["2.23.3", "v2.5.0", "1.29.2"])
def test_an_old_compose_is_named_with_what_is_needed(
    version: str, docker: MakeDocker, capsys: pytest.CaptureFixture[str]
) -> None:
    docker(compose=version)
    assert said(capsys, "up") == f"Docker Compose is {version}; 2.24 or newer is needed"


@pytest.mark.parametrize("version", ["2.24.0", "v2.40.3", "5.0.1"])
def test_a_compose_that_is_new_enough_is_taken(version: str, docker: MakeDocker) -> None:
    docker(compose=version)
    preflight.require_engine()


def test_too_little_memory_is_named(docker: MakeDocker, capsys: pytest.CaptureFixture[str]) -> None:
    docker(MemTotal=GIB)
    assert said(capsys, "up") == "Docker has 1.0 GB of memory; 4 GB are needed"


def test_a_single_core_is_named(docker: MakeDocker, capsys: pytest.CaptureFixture[str]) -> None:
    docker(NCPU=1)
    assert said(capsys, "up") == "Docker has 1 CPU core; 2 are needed"


def test_too_little_disk_is_named(
    docker: MakeDocker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    docker()
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=3 * GIB))
    assert said(capsys, "up") == "3.0 GB of disk are free; 10 GB are needed for images and data"


def test_a_taken_port_is_named_with_who_has_it_and_the_setting_that_moves_it(docker: MakeDocker) -> None:
    docker()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ec2_api = ComposeService("ec2-api", "image", 1.0, (), (Port("ec2-api", port),), built=True)
        with pytest.raises(StackError) as refused:
            preflight.require_ports(Project("readmit-test", {}), [ec2_api], ["ec2-api"])
        text = str(refused.value)
        assert text.startswith(f"port {port}, which ec2-api needs, is taken by ")
        assert "(process " in text
        assert text.endswith("end that, or set READMIT_EC2_API_PORT to another one")
        preflight.require_ports(Project("readmit-test", {}), [ec2_api], [])


def test_a_data_file_that_is_not_there_is_named(
    docker: MakeDocker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    docker()
    monkeypatch.setenv("READMIT_DATA", "/nowhere/diabetes.zip")
    assert said(capsys, "up") == "READMIT_DATA: /nowhere/diabetes.zip is no file"

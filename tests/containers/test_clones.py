"""No command of a clone acts on containers or data of another clone. Docker is simulated by a script."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from readmit.containers import clones, user_project
from readmit.containers.__main__ import main
from readmit.containers.preflight import require_ports
from readmit.containers.project import ROOT, ComposeService, Port, Project
from readmit.embedded import local_stack
from readmit.settings import SettingError, load
from readmit.stacks import __main__ as stacks
from readmit.stacks.errors import StackError

SCRIPT = """#!/bin/sh
case "$*" in
    "info "*) echo '{{"MemTotal": 17179869184, "NCPU": 8, "DockerRootDir": "/"}}' ;;
    "compose version --short") echo 2.40.3 ;;
    "ps --filter label=com.docker.compose.project=$(cat {folder}/project) "*) cat {folder}/containers ;;
    "ps --quiet --filter label=com.docker.compose.project=$(cat {folder}/project)"*) cat {folder}/containers ;;
    "ps --filter label="* | "ps --quiet "*) ;;
    "volume ls --quiet --filter label=com.docker.compose.project=$(cat {folder}/project)") cat {folder}/volumes ;;
    "ps --filter publish="*) echo readmit-api-1 ;;
    *) echo "$*" >> {folder}/acts ;;
esac
"""
COMMANDS = (
    *(["status"], ["down"], ["why"], ["report"], ["rotate", "reload_token"]),
    *(
        ["on", command]
        for command in ("day", "train", "backfill", "step", "quarantine", "sql", "rollback", "set-aside")
    ),
)
RUNS = [*((main, command) for command in (*COMMANDS, ["logs"])), *((stacks.main, command) for command in COMMANDS)]


class Engine:
    """A Docker engine that has containers and volumes of one project. `acts`: what was done to it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.has("readmit")

    def has(self, project: str, *folders: Path, volumes: str = "") -> None:
        """Give the engine a container of the project for each folder that its Compose files are in."""
        (self._folder / "project").write_text(project)
        (self._folder / "containers").write_text("".join(f"{project} {folder}\n" for folder in folders))
        (self._folder / "volumes").write_text(volumes)

    @property
    def acts(self) -> str:
        file = self._folder / "acts"
        return file.read_text() if file.exists() else ""


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Put a `docker` script first in PATH; no embedded stack is up, and this clone has no secrets yet."""
    script = tmp_path / "bin/docker"
    script.parent.mkdir()
    script.write_text(SCRIPT.format(folder=tmp_path))
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(user_project, "FOLDER", tmp_path / "var/compose")
    monkeypatch.setattr(local_stack, "is_up", lambda: False)
    monkeypatch.chdir(tmp_path)
    return Engine(tmp_path)


@pytest.fixture
def other(tmp_path: Path) -> Path:
    folder = tmp_path / "another clone"
    folder.mkdir()
    return folder


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    return lambda: " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(("run", "command"), RUNS, ids=[" ".join(command) for _, command in RUNS])
def test_a_command_does_nothing_to_the_containers_of_another_clone(
    run: Callable[[list[str]], int], command: list[str], engine: Engine, other: Path
) -> None:
    engine.has("readmit", other, volumes="readmit_mysql")
    run(command)
    assert engine.acts == ""


@pytest.mark.parametrize("command", [["status"], ["on", "day"], ["load"]], ids=" ".join)
def test_a_command_names_the_other_clone_and_what_to_do(
    command: list[str], engine: Engine, other: Path, printed: Callable[[], str]
) -> None:
    engine.has("readmit", other)
    assert stacks.main(command) == 1
    assert printed() == (
        f"the containers of the project readmit are those of another clone, in {other}: run this there, or, for a "
        "stack of this clone, set READMIT_PROJECT to another name in .env, and READMIT_API_PORT and the others to "
        "free ports"
    )


def test_up_and_down_with_volumes_are_refused_before_a_secret_is_written_or_the_name_is_asked_for(
    engine: Engine, other: Path, printed: Callable[[], str]
) -> None:
    engine.has("readmit", other)
    for command in (["up"], ["down", "--volumes"]):
        assert main(command) == 1
        assert "another clone, in" in printed()
    assert not user_project.FOLDER.exists()
    assert engine.acts == ""


def test_the_data_of_another_clone_whose_containers_are_removed_are_neither_used_nor_deleted(
    engine: Engine, printed: Callable[[], str]
) -> None:
    engine.has("readmit", volumes="readmit_mysql\nreadmit_s3\n")
    for command in (["up"], ["down", "--volumes"]):
        assert main(command) == 1
        assert printed().startswith("the volume readmit_mysql has the data of another clone, or of this one before ")
    assert not user_project.FOLDER.exists()
    assert engine.acts == ""


def test_the_containers_and_data_of_this_clone_are_its_own_also_through_a_symbolic_link(
    engine: Engine, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(ROOT)
    for folder in (ROOT, tmp_path / "link"):
        engine.has("readmit", folder, volumes="readmit_mysql")
        assert user_project.exists()
        assert user_project.is_up()
        assert user_project.own_project(load()).name == "readmit"
        clones.require_own_volumes("readmit", user_project.secrets_folder("readmit"))


def test_a_clone_that_was_moved_keeps_its_containers_and_its_data(engine: Engine, tmp_path: Path) -> None:
    secrets = user_project.secrets_folder("readmit")
    secrets.mkdir(parents=True)
    engine.has("readmit", tmp_path / "where it was", volumes="readmit_mysql")
    assert user_project.exists()
    clones.require_own_containers("readmit", secrets)
    engine.has("readmit", volumes="readmit_mysql")
    clones.require_own_volumes("readmit", secrets)


def test_what_a_deleted_clone_has_left_running_can_be_removed_as_the_error_says(engine: Engine, tmp_path: Path) -> None:
    engine.has("readmit", tmp_path / "deleted")
    with pytest.raises(StackError, match=r"remove them with `docker compose --project-name readmit down`, which keeps"):
        user_project.own_project(load())


def test_a_second_clone_with_a_name_of_its_own_is_independent_of_the_first_one(
    engine: Engine, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.has("readmit", other, volumes="readmit_mysql")
    monkeypatch.setenv("READMIT_PROJECT", "second")
    project = user_project.own_project(load())
    assert project.command("ps")[:4] == ["docker", "compose", "--project-name", "second"]
    assert project.secrets_folder != user_project.secrets_folder("readmit")
    clones.require_own_volumes(project.name, project.secrets_folder)
    assert not user_project.exists()
    engine.has("second", ROOT)
    assert user_project.exists()


@pytest.mark.parametrize("name", ["Readmit", "-readmit", "read mit", "readmit/2", "$HOME"])
def test_a_name_that_compose_would_reject_is_rejected_as_a_setting(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READMIT_PROJECT", name)
    with pytest.raises(SettingError, match=r"^READMIT_PROJECT: .*not a name of lower-case letters"):
        load()


def test_compose_by_hand_uses_the_same_project() -> None:
    assert (ROOT / "compose.yaml").read_text().splitlines()[1] == (
        f"name: ${{READMIT_PROJECT:-{user_project.DEFAULT_NAME}}}"
    )


@pytest.mark.usefixtures("engine")
def test_without_a_stack_no_load_test_starts_on_what_listens_on_the_default_port(printed: Callable[[], str]) -> None:
    assert stacks.main(["load", "ci"]) == 1
    assert printed().startswith("no stack is running: ")


@pytest.mark.usefixtures("engine")
def test_all_ports_that_another_stack_has_taken_are_named_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("readmit.containers.preflight.listening_ports", lambda: {5001: None, 8000: None})
    services = [
        ComposeService(name, "image", 1.0, (), (Port(name, number),), built=True)
        for name, number in (("ec2-api", 5001), ("api", 8000), ("ui", 8501))
    ]
    with pytest.raises(StackError) as caught:
        require_ports(Project("second", {}), services, ["ec2-api", "api", "ui"])
    assert str(caught.value) == (
        "port 5001, which ec2-api needs, is in use by the container readmit-api-1; port 8000, which api needs, is in "
        "use by the container readmit-api-1: stop them, or set READMIT_EC2_API_PORT, READMIT_API_PORT to other ports"
    )

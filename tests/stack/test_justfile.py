"""The checks before every recipe, and the arguments that recipes pass on."""

import getpass
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.unusual_paths import UNUSUAL_NAME

ROOT = Path(__file__).parents[2]
JUST = shutil.which("just")
INSTALLED = ("pyproject.toml", "requirements/dev.txt")
"""The files whose content an environment records as installed."""


def install_into(python: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{python.parent}:{os.environ['PATH']}"}
    command = [str(JUST), "--justfile", str(ROOT / "justfile"), "_install"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_an_environment_with_foreign_packages_is_not_changed(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    (installed,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    foreign = installed / "cowsay-6.1.dist-info"
    foreign.mkdir()
    (foreign / "METADATA").write_text("Name: cowsay\nVersion: 6.1\n")
    result = install_into(tmp_path / "venv/bin/python")
    assert result.returncode == 1
    assert "is not Readmit's own environment: python3 -m venv .venv" in result.stderr
    assert foreign.exists()


def test_the_environment_of_another_clone_runs_nothing_here(tmp_path: Path) -> None:
    code, python = tmp_path / "clone one/src/readmit/__init__.py", tmp_path / "bin/python"
    for file in (code, python):
        file.parent.mkdir(parents=True)
        file.touch()
    python.write_text(f"#!/bin/sh\necho /environment\necho '{code}'\n")
    python.chmod(0o700)
    result = install_into(python)
    assert result.returncode == 1
    assert result.stderr.splitlines()[0] == (
        f"/environment is the environment of another clone, {tmp_path}/clone one: "
        "python3 -m venv .venv && . .venv/bin/activate"
    )


@pytest.mark.parametrize("name", ['a"b', "a$b", "a`b", "a:b", "a\nb"])
def test_a_folder_in_which_no_environment_works_is_refused_before_anything_is_installed(
    name: str, tmp_path: Path
) -> None:
    result = install_from(tmp_path / name)
    assert result.returncode == 1
    assert result.stderr.startswith("Python environments do not work in a folder whose path contains")
    assert result.stderr.count("\n") == 1 + result.stderr.count("error: ")


def test_other_unusual_folders_are_accepted(tmp_path: Path) -> None:
    result = install_from(tmp_path / f"{UNUSUAL_NAME}'(&;!\\[x]{{{{y}}}}日")
    assert result.returncode == 1
    assert "is not Readmit's own environment" in result.stderr, "the check after that of the path"


def install_from(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the recipe of a copy of the justfile, with a Python that is in no environment."""
    for file in (ROOT / "justfile", *ROOT.glob("*/*.just")):
        copy = folder / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)
    python = Path(folder.parent, "bin/python")
    python.parent.mkdir(exist_ok=True)
    python.unlink(missing_ok=True)
    python.symlink_to(Path(sys.base_prefix) / "bin/python3")
    environment = {**os.environ, "PATH": f"{python.parent}:{os.environ['PATH']}", "PYTHONPATH": ""}
    command = [str(JUST), "--justfile", str(folder / "justfile"), "_install"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="no environment is active")
def test_the_environment_of_these_tests_is_accepted() -> None:
    assert install_into(Path(sys.prefix) / "bin/python").returncode == 0


@pytest.fixture
def recording(tmp_path: Path) -> Callable[..., list[str]]:
    """Run `just` with a stub `python` and `docker`, and return the arguments that the recipe passed to them."""
    for name in ("python", "docker"):
        stub = tmp_path / name
        stub.write_text(
            f"""#!/bin/sh\nif [ "$1" = -c ]; then echo '{tmp_path}'; exit; fi\n"""
            """printf '%s\\0' "$READMIT_TEST_CASES" "$@"\n"""
        )
        stub.chmod(0o700)
    (tmp_path / "readmit.lock").write_text("".join((ROOT / name).read_text() for name in INSTALLED))

    def run(*arguments: str) -> list[str]:
        environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "READMIT_TEST_CASES": ""}
        command = [str(JUST), "--justfile", str(ROOT / "justfile"), *arguments]
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return [argument for argument in result.stdout.split("\0") if argument]

    return run


def test_a_rollback_passes_on_the_user_since_containers_have_other_users(
    recording: Callable[..., list[str]],
) -> None:
    expected = ["rollback", "--version", "4", "--why", "it's me", "--by", getpass.getuser()]
    assert recording("rollback", "4", "--why", "it's me") == ["-m", "readmit.stacks", "on", *expected]


def test_a_service_can_be_named_in_the_question_why_it_is_not_healthy(recording: Callable[..., list[str]]) -> None:
    assert recording("why", "api") == ["-m", "readmit.stacks", "why", "api"]
    assert recording("why") == ["-m", "readmit.stacks", "why"]
    assert recording("ops::report") == ["-m", "readmit.stacks", "report"]


def test_a_batch_is_set_aside_and_taken_back_by_the_user_who_runs_the_recipe(
    recording: Callable[..., list[str]],
) -> None:
    command = ["-m", "readmit.stacks", "on", "set-aside", "--batch", "3", "--why"]
    by = ["--by", getpass.getuser()]
    assert recording("ops::set-aside", "3", "--why", "it's empty") == [*command, "it's empty", *by]
    assert recording("ops::set-aside", "3", "--undo") == [*command, *by, "--undo"], (
        "the stub leaves out empty arguments"
    )


def test_services_to_leave_out_of_the_footprint_are_one_argument(recording: Callable[..., list[str]]) -> None:
    assert recording("ops::footprint", "--without", "grafana $(id)")[-1] == "grafana $(id)"


def test_a_failed_run_on_github_uploads_only_logs_and_keeps_no_credentials() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert job["permissions"] == {"contents": "read"}
        for step in job["steps"]:
            options = step.get("with", {})
            if "checkout" in step.get("uses", ""):
                assert options["persist-credentials"] is False
            if "upload-artifact" in step.get("uses", ""):
                assert options["path"].split() == ["var/e2e/*.log"]


def test_the_modules_of_the_benchmark_can_be_imported() -> None:
    """The benchmark itself is not tested, as it takes a quarter of an hour."""
    modules = sorted(file.stem for file in (ROOT / "tests/bench").glob("*.py") if not file.stem.endswith("_server"))
    imports = "\n".join(f"import tests.bench.{module}" for module in modules)
    assert len(modules) > 10
    subprocess.run([sys.executable, "-c", imports], cwd=ROOT, capture_output=True, check=True)

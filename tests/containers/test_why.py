"""`just why`: the state, the dependencies, the last output and the advice, for containers simulated by a script."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from readmit.containers import up
from readmit.containers.__main__ import main
from readmit.containers.container_diagnosis import LONG_RUNNING
from readmit.containers.project import Project
from readmit.stacks.errors import StackError
from readmit.stacks.terminal import console
from tests.stack.compose_files import services

HEALTHY, DONE = "service_healthy", "service_completed_successfully"
NEEDS = {
    "mysql": {},
    "migrate": {"mysql": HEALTHY},
    "mlflow": {"migrate": DONE},
    "api": {"mlflow": HEALTHY},
    "flows": {"migrate": DONE, "mlflow": HEALTHY},
    "grafana": {},
}
SCRIPT = """#!/bin/sh
case "$*" in
    "ps --filter label="*) ;;
    "ps --quiet "*) ls {folder}/containers ;;
    "inspect "*) cat {folder}/inspected.json ;;
    *" config --format json") cat {folder}/config.json ;;
    *" logs "*) for service; do :; done; cat "{folder}/$service.log" ;;
    *" up --detach "*) echo 'dependency failed to start' >&2; exit 1 ;;
    *) echo "unexpected: $*" >&2; exit 64 ;;
esac
"""

MakeContainers = Callable[..., None]


def container(service: str, status: str = "running", **values: Any) -> dict[str, Any]:
    """Return a container as `docker inspect` shows it; `values` of its state, and of `restarts` and `policy`."""
    restarts, policy = values.pop("restarts", 0), values.pop("policy", LONG_RUNNING)
    health = {"Health": {"Status": values.pop("health"), "Log": [{"Output": values.pop("output", "")}]}}
    return {
        "Config": {"Labels": {"com.docker.compose.service": service, "com.docker.compose.oneoff": "False"}},
        "HostConfig": {"RestartPolicy": {"Name": policy}},
        "RestartCount": restarts,
        "State": {"Status": status, "ExitCode": 0, "OOMKilled": False, "Error": "", **health, **values},
    }


@pytest.fixture
def containers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeContainers:
    """Put a `docker` script first in PATH that reports the given containers and their logs."""
    script = tmp_path / "bin/docker"
    script.parent.mkdir()
    script.write_text(SCRIPT.format(folder=tmp_path))
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}:{os.environ['PATH']}")
    config = {
        name: {"depends_on": {need: {"condition": condition} for need, condition in needs.items()}}
        for name, needs in NEEDS.items()
    }
    (tmp_path / "config.json").write_text(json.dumps({"services": config}))

    def make(*present: dict[str, Any], **logs: str) -> None:
        (tmp_path / "containers").mkdir()
        for number, _ in enumerate(present):
            (tmp_path / "containers" / str(number)).touch()
        (tmp_path / "inspected.json").write_text(json.dumps(present))
        for name in NEEDS:
            (tmp_path / f"{name}.log").write_text(logs.get(name, ""))

    return make


def why(capsys: pytest.CaptureFixture[str], *names: str) -> list[str]:
    assert main(["why", *names]) == 0
    return capsys.readouterr().out.splitlines()


READY = (container("mysql", health="healthy"), container("migrate", "exited", policy="on-failure", health=""))


def test_a_stack_without_problems_has_none_and_a_finished_task_is_none(
    containers: MakeContainers, capsys: pytest.CaptureFixture[str]
) -> None:
    containers(*READY)
    assert why(capsys) == ["No service that was started has a problem."]


def test_the_container_of_a_service_that_is_no_longer_configured_is_not_part_of_the_stack(
    containers: MakeContainers, capsys: pytest.CaptureFixture[str]
) -> None:
    containers(*READY, container("removed", "exited", ExitCode=1, health=""))
    assert why(capsys) == ["No service that was started has a problem."]


def test_an_unhealthy_service_is_shown_with_its_last_health_check_and_log_lines(
    containers: MakeContainers, capsys: pytest.CaptureFixture[str]
) -> None:
    output = "Traceback ...\nurllib.error.URLError: <urlopen error [Errno 111] Connection refused>"
    containers(*READY, container("api", health="unhealthy", output=output, restarts=2), api="starting\nloading\n")
    assert why(capsys) == [
        "api: unhealthy (2 restarts so far)",
        "  health check  Traceback ...",
        "  health check  urllib.error.URLError: <urlopen error [Errno 111] Connection refused>",
        "  log           starting",
        "  log           loading",
        "  advice        Its last log lines have the error; if they do not help, `just ops::report` collects what a "
        "report needs.",
    ]


def test_a_container_that_the_kernel_ended_for_its_memory_is_recognized(
    containers: MakeContainers, capsys: pytest.CaptureFixture[str]
) -> None:
    containers(*READY, container("flows", "exited", ExitCode=137, OOMKilled=True, health=""))
    assert why(capsys) == [
        "flows: exited with code 137",
        "  advice        It exceeded its memory limit: raise its mem_limit in compose/, then start it with "
        "`just up flows`.",
    ]


def test_a_service_that_waits_shows_what_for_and_the_cause_is_shown_too(
    containers: MakeContainers, capsys: pytest.CaptureFixture[str]
) -> None:
    denied = "peewee.OperationalError: (1045, \"Access denied for user 'flows'@'10.0.0.3'\")"
    containers(
        container("mysql", health="healthy"),
        container("migrate", "exited", ExitCode=1, policy="on-failure", restarts=3, health=""),
        container("mlflow", "created", health=""),
        container("flows", "created", health=""),
        migrate=denied,
    )
    lines = why(capsys)
    assert "migrate: exited with code 1 (3 restarts so far)" in lines
    assert any("A server rejects its login: " in line for line in lines)
    assert "flows: created, but not started" in lines
    assert (
        "  waits for     migrate (exited with code 1 (3 restarts so far)), mlflow (created, but not started)" in lines
    )
    assert "  advice        It starts when migrate is ready: `just why migrate` shows what is wrong there." in lines


def test_a_port_that_is_taken_is_recognized_from_the_error_of_the_engine(
    containers: MakeContainers, capsys: pytest.CaptureFixture[str]
) -> None:
    error = "driver failed programming external connectivity: Bind for 127.0.0.1:3000 failed: port is already allocated"
    containers(*READY, container("grafana", "created", Error=error, health=""))
    assert why(capsys)[-1] == (
        "  advice        Another program listens on its port: stop that program, or set READMIT_GRAFANA_PORT to "
        "another port."
    )


def test_a_service_that_was_stopped_is_a_problem_although_its_exit_code_is_zero(
    containers: MakeContainers, capsys: pytest.CaptureFixture[str]
) -> None:
    containers(*READY, container("api", "exited", health=""))
    assert why(capsys) == [
        "api: exited with code 0",
        "  advice        It was stopped: start it with `just up api`.",
    ]


def test_only_the_named_service_is_shown_even_if_it_was_never_started(
    containers: MakeContainers, capsys: pytest.CaptureFixture[str]
) -> None:
    containers(*READY, container("api", health="unhealthy"))
    assert why(capsys, "grafana") == [
        "grafana: not started",
        "  advice        It was not started: start it with `just up grafana`.",
    ]


def test_an_unknown_service_is_reported(containers: MakeContainers, capsys: pytest.CaptureFixture[str]) -> None:
    containers(*READY)
    assert main(["why", "grafna"]) == 1
    expected = "unknown service grafna; known services: api, flows, grafana, migrate, mlflow, mysql"
    assert capsys.readouterr().out.splitlines() == [expected]


def test_a_start_that_fails_shows_why(containers: MakeContainers, capsys: pytest.CaptureFixture[str]) -> None:
    containers(*READY, container("api", health="unhealthy"), api="READMIT_API_KEY: not printable ASCII")
    with pytest.raises(StackError, match="^docker compose up failed with exit code 1"):
        up._start(Project("readmit-test", {}), ["api"], console())
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "api: unhealthy"
    assert lines[-1].startswith("  advice        A setting is missing or invalid: ")


def test_every_long_running_service_has_the_restart_policy_by_which_it_is_recognized() -> None:
    policies = {str(service.config["restart"]) for service in services().values()}
    assert LONG_RUNNING in policies
    assert policies - {LONG_RUNNING} == {"on-failure:3"}

"""The systemd unit of the instance."""

import shutil
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from aws import source_environment
from readmit.containers.temporary_names import temporary_name
from readmit.embedded.stack import free_ports
from tests.aws.unit_container import ROOT, UNIT, build_image, docker, unit_command, unit_container

NAME = temporary_name("readmit-e2e-unit")
TOKEN = "unit-token"
TIMEOUT_SECONDS = 120
DOCKERFILE = "FROM debian:trixie-slim\nRUN apt-get update && apt-get install -y --no-install-recommends systemd\n"


def wait_until_healthy(address: str) -> dict[str, object]:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while True:
        try:
            health: dict[str, object] = httpx.get(f"{address}/health", trust_env=False).raise_for_status().json()
            return health
        except httpx.HTTPError:
            assert time.monotonic() < deadline, docker("logs", NAME)
            time.sleep(0.2)


@pytest.mark.e2e
def test_its_command_serves_the_data_api_twice_from_a_clean_state(tmp_path: Path) -> None:
    build_image()
    parameters = {"image": "unused", "source_token": TOKEN}
    source_environment.write_files(tmp_path, parameters, owner=0)
    (port,) = free_ports(1)
    address, published = f"http://127.0.0.1:{port}", ("--publish", f"127.0.0.1:{port}:5001")
    # A sample, instead of a download.
    variables = {"READMIT_SOURCE_DOWNLOAD_URL": "", "READMIT_SOURCE_INTERVAL_SECONDS": "0"}
    try:
        releases = []
        for _ in range(2):
            with unit_container(NAME, tmp_path, published, variables):
                releases.append(wait_until_healthy(address)["batches"])
                authorized = {"Authorization": f"Bearer {TOKEN}"}
                response = httpx.get(f"{address}/batches/1", headers=authorized, trust_env=False, timeout=60.0)
                assert response.status_code == 200
            assert NAME not in docker("ps", "--all", "--format", "{{.Names}}").split()
        assert releases[0] == releases[1] != 0
    finally:
        docker("volume", "rm", "--force", NAME)


@pytest.mark.e2e
def test_systemd_finds_nothing_to_complain_about(tmp_path: Path) -> None:
    """Verified below another root, which has the programs and the units that the unit names."""
    programs = {unit_command(key)[0] for key in ("ExecStart", "ExecStop")} | {"/usr/bin/python3"}
    for program in programs:
        stub = tmp_path / program.lstrip("/")
        stub.parent.mkdir(parents=True, exist_ok=True)
        stub.write_text("#!/bin/sh\n")
        stub.chmod(0o755)
    units = tmp_path / "etc/systemd/system"
    units.mkdir(parents=True)
    shutil.copy(UNIT, units)
    (units / "docker.service").write_text("[Service]\nExecStart=/usr/bin/docker\n")
    assert verify(tmp_path) == ""
    (units / UNIT.name).write_text(UNIT.read_text().replace("Restart=always", "Restart=allways"))
    assert "Failed to parse" in verify(tmp_path)


def verify(root: Path) -> str:
    """Return what systemd-analyze complains about, on this machine or else in a container."""
    copy = f"cp -r /usr/lib/systemd/system {root}/usr/lib/systemd"
    script = f"{copy} && systemd-analyze verify --root={root} --man=no {UNIT.name}"
    (root / "usr/lib/systemd").mkdir(parents=True, exist_ok=True)
    if shutil.which("systemd-analyze"):
        command = ["sh", "-c", script]
    else:
        image = docker_build(DOCKERFILE)
        command = ["docker", "run", "--rm", "--volume", f"{root}:{root}", image, "sh", "-c", script]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    return result.stdout + result.stderr


def docker_build(dockerfile: str) -> str:
    command = ["docker", "build", "--quiet", "-"]
    return subprocess.run(command, input=dockerfile, capture_output=True, text=True, check=True).stdout.strip()

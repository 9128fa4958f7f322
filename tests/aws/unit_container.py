"""The container of the systemd unit, run on this machine in place of the instance."""

import os
import re
import shlex
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "aws/readmit-ec2-api.service"
IMAGE = "readmit-ec2-api:0.1.0"
SERVICE = "readmit-ec2-api"
DOCKER = "/usr/bin/docker"
REMOVAL_SECONDS = 30
PUBLISHED = ("--publish", "5001:5001")


def unit_command(key: str) -> list[str]:
    """Return the arguments of the unit's only command of a kind, such as ExecStart."""
    text = UNIT.read_text().replace("\\\n", " ")
    (command,) = re.findall(rf"^{key}=(.+)$", text, re.MULTILINE)
    return shlex.split(command)


@contextmanager
def unit_container(
    name: str, run: Path, network: Sequence[str], variables: Mapping[str, str], image: str = IMAGE
) -> Iterator[None]:
    """Run ExecStart in the background, and ExecStop at the end. The volume of the state stays.

    `name`: of container and volume; `run`: in place of /run/readmit; `network`: options in place of the published port.
    """
    arguments = unit_command("ExecStart")
    assert arguments[:2] == [DOCKER, "run"]
    assert arguments[-1] == "$IMAGE"
    position = arguments.index(PUBLISHED[0])
    assert arguments[position : position + 2] == [*PUBLISHED]
    arguments[position : position + 2] = network
    given = [option for key, value in variables.items() for option in ("--env", f"{key}={value}")]
    options = [_on_this_machine(argument, name, run) for argument in arguments[2:-1]]
    docker("run", "--detach", *options, *given, image)
    try:
        yield
    finally:
        stop = unit_command("ExecStop")
        assert stop[0] == DOCKER
        docker(*(_on_this_machine(argument, name, run) for argument in stop[1:]))
        # With --rm, the engine removes it soon after.
        deadline = time.monotonic() + REMOVAL_SECONDS
        while name in docker("ps", "--all", "--format", "{{.Names}}").split() and time.monotonic() < deadline:
            time.sleep(0.1)


def build_image(image: str = IMAGE) -> None:
    """Build the image of the data API; without changes, that takes a moment."""
    docker(
        "build", "--quiet", "--file", str(ROOT / "compose/Dockerfile"), "--target", "ec2-api", "--tag", image, str(ROOT)
    )


def give_tls_files_to_service(run: Path, image: str) -> None:
    """Make the user of the data API the owner of the TLS files, as root does on the instance."""
    docker("run", "--rm", "--user", "0", "--volume", f"{run / 'tls'}:/tls", image, "chown", "-R", "10001:10001", "/tls")


def take_tls_files_back(run: Path, image: str) -> None:
    """Make this process the owner of the TLS files again, so that it can delete them."""
    owner = f"{os.getuid()}:{os.getgid()}"
    docker("run", "--rm", "--user", "0", "--volume", f"{run / 'tls'}:/tls", image, "chown", "-R", owner, "/tls")


def docker(*arguments: str) -> str:
    """Run a command of Docker and return its output. Raises AssertionError with what it printed when it fails."""
    result = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"docker {shlex.join(arguments)}: {result.stderr}"
    return result.stdout.strip()


def _on_this_machine(argument: str, name: str, run: Path) -> str:
    if argument == SERVICE or argument.startswith(f"{SERVICE}:"):
        return argument.replace(SERVICE, name, 1)
    return argument.replace("/run/readmit/", f"{run}/", 1)

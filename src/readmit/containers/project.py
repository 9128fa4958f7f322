"""A Compose project: its services and addresses, and its `docker compose` calls. The only caller of Docker."""

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from readmit.settings import environment_with
from readmit.stacks.errors import StackError

ROOT = Path(__file__).parents[3]
PROJECT_LABEL = "com.docker.compose.project"
"""The label of a container or volume with the name of its project."""


@dataclass(frozen=True, slots=True)
class Port:
    """A port of a service, published on 127.0.0.1."""

    service: str
    number: int

    @property
    def address(self) -> str:
        """Return the HTTP address of the port."""
        return f"http://127.0.0.1:{self.number}"


@dataclass(frozen=True, slots=True)
class ContainerState:
    """The state of a container: `state` as in Docker (running, exited ...), `health` empty without a healthcheck."""

    service: str
    state: str
    health: str
    exit_code: int

    @property
    def status(self) -> str:
        """Return the state for people: its health, or how it ended."""
        if self.state == "exited":
            return "done" if self.exit_code == 0 else f"failed with {self.exit_code}"
        return self.health or self.state


@dataclass(frozen=True, slots=True)
class ComposeService:
    """A service of the Compose files. `needs`: its dependencies; `built`: its image is built from this repository.

    `on_demand`: it is started only by name.
    """

    name: str
    image: str
    limit_mib: float
    needs: tuple[str, ...]
    ports: tuple[Port, ...]
    built: bool
    on_demand: bool = False


@dataclass(frozen=True, slots=True)
class Project:
    """A project. `variables`: added to this process's environment; `files`: merged in order over compose.yaml."""

    name: str
    variables: Mapping[str, str]
    files: tuple[str, ...] = ()

    @property
    def secrets_folder(self) -> Path:
        """The folder of its secrets."""
        return Path(self.variables["READMIT_SECRETS"])

    def services(self) -> list[ComposeService]:
        """Return all services of the files. Raises StackError when Compose rejects the files."""
        configs = json.loads(self.output("config", "--format", "json"))["services"]
        return [_service(name, config) for name, config in sorted(configs.items())]

    def secrets(self) -> Mapping[str, Sequence[Path]]:
        """Return the files that each service mounts as secrets. Raises StackError when Compose rejects them."""
        config = json.loads(self.output("config", "--format", "json"))
        files = {name: Path(secret["file"]) for name, secret in config["secrets"].items()}
        return {
            name: [files[secret["source"]] for secret in service.get("secrets", ())]
            for name, service in config["services"].items()
        }

    def dependency_conditions(self) -> Mapping[str, Mapping[str, str]]:
        """Return the dependencies of each service, and the condition that each has to meet before it starts.

        Raises StackError when Compose rejects the files.
        """
        services = json.loads(self.output("config", "--format", "json"))["services"]
        return {
            name: {need: str(options["condition"]) for need, options in (config.get("depends_on") or {}).items()}
            for name, config in services.items()
        }

    def states(self) -> list[ContainerState]:
        """Return the state of every container, running or not."""
        lines = self.output("ps", "--all", "--format", "json").splitlines()
        return [
            ContainerState(row["Service"], row["State"], row["Health"], row["ExitCode"])
            for row in map(json.loads, lines)
        ]

    def run(self, *arguments: str) -> None:
        """Run a command that writes to the terminal. Raises StackError when it fails."""
        code = subprocess.run(self.command(*arguments), env=self.environment(), cwd=ROOT, check=False).returncode
        if code:
            raise StackError(f"docker compose {arguments[0]} failed with exit code {code}; see its output above")

    def output(self, *arguments: str, standard_input: str | None = None) -> str:
        """Return the output of a command. Raises StackError with its error output when it fails."""
        return output(self.command(*arguments), self.environment(), standard_input)

    def command(self, *arguments: str) -> Sequence[str]:
        """Return the command line of `docker compose` for this project."""
        files = [option for file in ("compose.yaml", *self.files) for option in ("--file", str(ROOT / file))]
        # All profiles, so that on-demand services are visible; the arguments name what is started.
        return ["docker", "compose", "--project-name", self.name, "--profile", "*", *files, *arguments]

    def environment(self) -> Mapping[str, str]:
        """Return this process's environment with the variables of the project."""
        return environment_with(self.variables)


def output(
    command: Sequence[str], environment: Mapping[str, str] | None = None, standard_input: str | None = None
) -> str:
    """Return the output of a Docker command. Raises StackError when Docker is missing or the command fails."""
    if shutil.which("docker") is None:
        raise StackError(
            "Docker is not installed: https://docs.docker.com/engine/install/ (`just demo` needs no Docker)"
        )
    result = subprocess.run(
        command, env=environment, cwd=ROOT, input=standard_input, capture_output=True, text=True, check=False
    )
    if result.returncode:
        message = result.stderr.strip() or f"{' '.join(command[:3])} failed with exit code {result.returncode}"
        raise StackError(message)
    return result.stdout


def _service(name: str, config: Mapping[str, object]) -> ComposeService:
    needs, ports = config.get("depends_on") or {}, config.get("ports") or []
    assert isinstance(needs, Mapping)
    assert isinstance(ports, Sequence)
    return ComposeService(
        name=name,
        image=str(config["image"]),
        limit_mib=int(str(config["mem_limit"])) / 2**20,
        needs=tuple(sorted(needs)),
        ports=tuple(Port(name, int(port["published"])) for port in ports),
        built="build" in config,
        on_demand=bool(config.get("profiles")),
    )


def container_ids(name: str, include_stopped: bool) -> list[str]:
    """Return the ids of a project's containers; an empty list when no engine responds."""
    command = ["docker", "ps", "--quiet", "--filter", f"label={PROJECT_LABEL}={name}"]
    try:
        return output([*command, "--all"] if include_stopped else command).split()
    except StackError:
        return []

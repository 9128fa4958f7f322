"""One Compose project: its services and addresses, and `docker compose` for it. The only caller of Docker."""

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from readmit.settings import environment_with
from readmit.stacks.errors import StackError

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True)
class Port:
    """A port of a service, published on 127.0.0.1."""

    service: str
    number: int

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.number}"


@dataclass(frozen=True, slots=True)
class ContainerState:
    """How a container is: `state` as Docker calls it (running, exited ...), `health` empty where it has no check."""

    service: str
    state: str
    health: str
    exit_code: int

    @property
    def in_words(self) -> str:
        if self.state == "exited":
            return "done" if self.exit_code == 0 else f"failed with {self.exit_code}"
        return self.health or self.state


@dataclass(frozen=True, slots=True)
class ComposeService:
    """What the files say of a service. `needs`: those that have to be there first; `built`: its image is ours.

    `by_name`: it is started only when it is asked for by its name.
    """

    name: str
    image: str
    limit_mib: float
    needs: tuple[str, ...]
    ports: tuple[Port, ...]
    built: bool
    by_name: bool = False


@dataclass(frozen=True, slots=True)
class Project:
    """`variables`: on top of this process's environment; `files`: beside compose.yaml, later ones on top."""

    name: str
    variables: Mapping[str, str]
    files: tuple[str, ...] = ()

    def services(self) -> list[ComposeService]:
        """All of them, as the files say. StackRefused: the files can't be read so."""
        told = json.loads(self.output("config", "--format", "json"))["services"]
        return [_service(name, each) for name, each in sorted(told.items())]

    def secrets(self) -> Mapping[str, Sequence[Path]]:
        """Return the files that each service mounts as secrets. Raises StackRefused when the files can't be read so."""
        told = json.loads(self.output("config", "--format", "json"))
        files = {name: Path(each["file"]) for name, each in told["secrets"].items()}
        return {
            name: [files[each["source"]] for each in service.get("secrets", ())]
            for name, service in told["services"].items()
        }

    def states(self) -> list[ContainerState]:
        """Of every container that there is."""
        lines = self.output("ps", "--all", "--format", "json").splitlines()
        return [
            ContainerState(each["ComposeService"], each["ContainerState"], each["Health"], each["ExitCode"])
            for each in map(json.loads, lines)
        ]

    def run(self, *arguments: str) -> None:
        """A command that speaks to the terminal. StackRefused: it failed; it has said why."""
        code = subprocess.run(self.command(*arguments), env=self.environment(), cwd=ROOT, check=False).returncode
        if code:
            raise StackError(f"docker compose {arguments[0]} ended with {code}; what it said stands above")

    def output(self, *arguments: str, standard_input: str | None = None) -> str:
        """What a command says. StackRefused: it failed, and why."""
        return output(self.command(*arguments), self.environment(), standard_input)

    def command(self, *arguments: str) -> Sequence[str]:
        files = [option for file in ("compose.yaml", *self.files) for option in ("--file", str(ROOT / file))]
        # Every profile: what is started stands in the arguments, and what is there is seen.
        return ["docker", "compose", "--project-name", self.name, "--profile", "*", *files, *arguments]

    def environment(self) -> Mapping[str, str]:
        return environment_with(self.variables)


def output(
    command: Sequence[str], environment: Mapping[str, str] | None = None, standard_input: str | None = None
) -> str:
    """What a command of Docker says. StackRefused: there is no Docker, or it failed; the text says why."""
    if shutil.which("docker") is None:
        raise StackError("Docker is not installed: https://docs.docker.com/engine/install/ (or `just demo`, without)")
    done = subprocess.run(
        command, env=environment, cwd=ROOT, input=standard_input, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise StackError(done.stderr.strip() or f"{' '.join(command[:3])} ended with {done.returncode}")
    return done.stdout


def _service(name: str, told: Mapping[str, object]) -> ComposeService:
    needs, ports = told.get("depends_on") or {}, told.get("ports") or []
    assert isinstance(needs, Mapping)
    assert isinstance(ports, Sequence)
    return ComposeService(
        name=name,
        image=str(told["image"]),
        limit_mib=int(str(told["mem_limit"])) / 2**20,
        needs=tuple(sorted(needs)),
        ports=tuple(Port(name, int(each["published"])) for each in ports),
        built="build" in told,
        by_name=bool(told.get("profiles")),
    )


def containers(name: str, every: bool) -> list[str]:
    """The containers of a project that run, or all of them; none where no engine answers."""
    asked = ["docker", "ps", "--quiet", "--filter", f"label=com.docker.compose.project={name}"]
    try:
        return output([*asked, "--all"] if every else asked).split()
    except StackError:
        return []

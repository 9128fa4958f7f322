"""`just ops::footprint`: what each service takes, measured on a stack of its own, as the README's table.

Memory 60 s after all are healthy with no run in progress, and again 10 minutes after a day, as `docker stats` tells it
(without the page cache); the images' sizes; and how long it is from `up` to the first prediction, images being there.
"""

import json
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from readmit.containers import flow_runs, preflight, secrets
from readmit.containers.project import ROOT, ComposeService, Project, output
from readmit.containers.up import UpOptions, wanted_of
from readmit.containers.user_project import project_of
from readmit.settings import SettingError, load
from readmit.stacks.errors import StackError

NAME = "readmit-footprint"
README, BEGIN, END = ROOT / "README.md", "<!-- footprint -->\n", "<!-- /footprint -->"
EXAMPLE = ROOT / "api/example.json"
QUIET_SECONDS, AFTER_DAY_SECONDS = 60.0, 600.0
LOOK_AGAIN_SECONDS = 0.5
UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


@dataclass(frozen=True, slots=True)
class Footprint:
    """MiB by service at both times; `not_started`: limits of those; image sizes in MB; seconds.

    `by_name`: idle, those that are started only when they are asked for.
    """

    idle: Mapping[str, float]
    after_day: Mapping[str, float]
    not_started: Mapping[str, float]
    by_name: Mapping[str, float]
    images: Mapping[str, float]
    to_first_prediction: float

    def table(self) -> str:
        """As Markdown."""
        rows = [f"| `{name}` | {self.idle[name]:.0f} | {self.after_day[name]:.0f} |" for name in sorted(self.idle)]
        rows += [
            f"| `{name}` | {limit:.0f}, its limit | {limit:.0f} |" for name, limit in sorted(self.not_started.items())
        ]
        limits = sum(self.not_started.values())
        idle, after_day = sum(self.idle.values()) + limits, sum(self.after_day.values()) + limits
        rows += [f"| **all** | **{idle:,.0f}** | **{after_day:,.0f}** |"]
        rows += [f"| `{name}`, beside them | {mib:,.0f} | |" for name, mib in sorted(self.by_name.items())]
        images = ", ".join(f"{name} {size:,.0f}" for name, size in sorted(self.images.items()))
        return "\n".join(
            (
                "| service | MiB, idle | MiB, 10 minutes after a day |",
                "|---|---|---|",
                *rows,
                "",
                f"Images of ours, in MB: {images}. From `just up` on empty volumes, images being there, to the first "
                f"prediction: {self.to_first_prediction:.0f} s.",
                "",
            )
        )


def main(without: Sequence[str]) -> int:
    """0: measured, and the table is written; 1: refused, with the reason.

    `without`: services that can't be started here; their limit counts.
    """
    try:
        preflight.require_engine()
        with _own_project() as project:
            table = _measured(project, project.services(), without).table()
    except (StackError, SettingError) as error:
        print(error, file=sys.stderr)
        return 1
    text = README.read_text()
    README.write_text(re.sub(f"{BEGIN}.*?{END}", lambda _: f"{BEGIN}{table}{END}", text, flags=re.DOTALL))
    print(table)
    return 0


@contextmanager
def _own_project() -> Iterator[Project]:
    """A project with secrets and volumes of its own, on the ports of the user's, on the user's data."""
    users = project_of(load())
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "secrets"
        secrets.make(kept, {})
        own = {"READMIT_SECRETS": str(kept), "READMIT_SOURCE_INTERVAL_SECONDS": "0"}
        project = Project(NAME, {**users.variables, **own})
        try:
            yield project
        finally:
            project.output("down", "--volumes", "--remove-orphans")


def _measured(project: Project, services: Sequence[ComposeService], without: Sequence[str]) -> Footprint:
    wanted = wanted_of(services, UpOptions((), without, with_day=False, publish_stores=False))
    preflight.require_ports(project, services, wanted)
    addresses = {service.name: service.ports[0].address for service in services if service.ports}
    project.run("build")
    started = time.monotonic()
    project.run("up", "--detach", "--wait", *wanted)
    up = time.monotonic() - started
    time.sleep(QUIET_SECONDS)
    idle, started = _memory(project), time.monotonic()
    _day(flow_runs.server_of(project))
    _predict(addresses["api"])
    day = time.monotonic() - started
    time.sleep(AFTER_DAY_SECONDS)
    after_day, limits = _memory(project), {each.name: each.limit_mib for each in services if each.name in without}
    return Footprint(idle, after_day, limits, _by_name(project, services), _images(services), up + day)


def _by_name(project: Project, services: Sequence[ComposeService]) -> dict[str, float]:
    """MiB of those that are started only when they are asked for, while no run is in progress."""
    names = [service.name for service in services if service.by_name]
    project.run("up", "--detach", "--wait", *names)
    time.sleep(QUIET_SECONDS)
    return {name: mib for name, mib in _memory(project).items() if name in names}


def _day(prefect: flow_runs.PrefectServer) -> None:
    run = flow_runs.start(prefect, {})
    while (run := flow_runs.look(prefect, run)).state not in flow_runs.ENDED:
        time.sleep(LOOK_AGAIN_SECONDS)
    if run.state != "COMPLETED":
        raise StackError(f"the day ended as {run.state}: {flow_runs.page(prefect, run)}")


def _predict(api: str) -> None:
    httpx.post(f"{api}/predict", json=json.loads(EXAMPLE.read_text()), trust_env=False).raise_for_status()


def _memory(project: Project) -> dict[str, float]:
    """MiB by service."""
    told = output(["docker", "stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}"]).splitlines()
    ours = re.compile(rf"{project.name}-(.+)-\d+ ([\d.]+)(\w+) /")
    found = [match for line in told if (match := ours.match(line))]
    return {
        name: float(number) * UNITS[unit] / UNITS["MiB"] for name, number, unit in (each.groups() for each in found)
    }


def _images(services: Sequence[ComposeService]) -> dict[str, float]:
    """MB by image of ours."""
    images = sorted({service.image for service in services if service.built})
    told = {image: output(["docker", "image", "inspect", "--format", "{{.Size}}", image]) for image in images}
    return {image.partition(":")[0].removeprefix("readmit-"): int(size) / 1e6 for image, size in told.items()}


if __name__ == "__main__":
    sys.exit(main(" ".join(sys.argv[1:]).split()))

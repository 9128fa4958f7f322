"""`just ops::footprint`: measure what each service uses, on a stack of its own, and write docs/footprint.md.

Memory as in `docker stats` (without the page cache), 60 s after all services are healthy with no run in progress, and
10 minutes after a day; the sizes of the images; and the time from `up` to the first prediction with images built.
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
from readmit.containers.external_source import SOURCE_TOKEN
from readmit.containers.project import ROOT, ComposeService, Project, output
from readmit.containers.temporary_names import temporary_name
from readmit.containers.up import UpOptions, select_services
from readmit.containers.user_project import project_of
from readmit.settings import SettingError, load
from readmit.stacks.errors import StackError

NAME = "readmit-footprint"
PAGE, BEGIN, END = ROOT / "docs/footprint.md", "<!-- footprint -->\n", "<!-- /footprint -->"
EXAMPLE_REQUEST = ROOT / "api/example.json"
IDLE_SECONDS, AFTER_DAY_SECONDS = 60.0, 600.0
POLL_SECONDS = 0.5
UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


@dataclass(frozen=True, slots=True)
class Footprint:
    """Memory in MiB by service, image sizes in MB, and the time to the first prediction in seconds.

    `not_started`: memory limits of services that were not started; `on_demand`: services started only by name, idle.
    """

    idle: Mapping[str, float]
    after_day: Mapping[str, float]
    not_started: Mapping[str, float]
    on_demand: Mapping[str, float]
    images: Mapping[str, float]
    to_first_prediction: float

    def table(self) -> str:
        """Return the table as Markdown."""
        rows = [f"| `{name}` | {self.idle[name]:.0f} | {self.after_day[name]:.0f} |" for name in sorted(self.idle)]
        rows += [
            f"| `{name}` | {limit:.0f} (limit) | {limit:.0f} (limit) |"
            for name, limit in sorted(self.not_started.items())
        ]
        limits = sum(self.not_started.values())
        idle, after_day = sum(self.idle.values()) + limits, sum(self.after_day.values()) + limits
        rows += [f"| **total** | **{idle:,.0f}** | **{after_day:,.0f}** |"]
        rows += [f"| `{name}` (on demand) | {mib:,.0f} | |" for name, mib in sorted(self.on_demand.items())]
        images = ", ".join(f"{name} {size:,.0f}" for name, size in sorted(self.images.items()))
        return "\n".join(
            (
                "| service | MiB, idle | MiB, 10 minutes after a day |",
                "|---|---|---|",
                *rows,
                "",
                f"Image sizes in MB: {images}. Time from `just up` on empty volumes, with images built, to the first "
                f"prediction: {self.to_first_prediction:.0f} s.",
                "",
            )
        )


def main(without: Sequence[str]) -> int:
    """Measure and write the table. Return 0 on success, 1 with the reason on an error.

    `without`: services that cannot be started on this machine; the table shows their limit.
    """
    try:
        preflight.require_engine()
        with _temporary_project() as project:
            table = _measure(project, project.services(), without).table()
    except (StackError, SettingError) as error:
        print(error, file=sys.stderr)
        return 1
    PAGE.write_text(replace_table(PAGE.read_text(), table))
    print(table)
    return 0


def replace_table(page: str, table: str) -> str:
    """Return the page with the table between its markers."""
    return re.sub(f"{BEGIN}.*?{END}", lambda _: f"{BEGIN}{table}{END}", page, flags=re.DOTALL)


@contextmanager
def _temporary_project() -> Iterator[Project]:
    """Yield a project with its own secrets and volumes, on the ports and the data of the user's stack."""
    user_stack = project_of(load())
    with tempfile.TemporaryDirectory() as folder:
        secrets_folder = Path(folder) / "secrets"
        secrets.create_missing(secrets_folder, {})
        token = {"READMIT_SOURCE_TOKEN_FILE": str(secrets_folder / SOURCE_TOKEN)}
        overrides = {"READMIT_SECRETS": str(secrets_folder), "READMIT_SOURCE_INTERVAL_SECONDS": "0", **token}
        project = Project(temporary_name(NAME), {**user_stack.variables, **overrides})
        try:
            yield project
        finally:
            project.output("down", "--volumes", "--remove-orphans")


def _measure(project: Project, services: Sequence[ComposeService], without: Sequence[str]) -> Footprint:
    selected = select_services(services, UpOptions((), without, with_day=False, publish_stores=False))
    preflight.require_ports(project, services, selected)
    addresses = {service.name: service.ports[0].address for service in services if service.ports}
    project.run("build")
    started = time.monotonic()
    project.run("up", "--detach", "--wait", *selected)
    up = time.monotonic() - started
    time.sleep(IDLE_SECONDS)
    idle, started = _memory(project), time.monotonic()
    _run_day(flow_runs.prefect_server(project))
    _predict(addresses["api"])
    day = time.monotonic() - started
    time.sleep(AFTER_DAY_SECONDS)
    after_day, limits = _memory(project), {item.name: item.limit_mib for item in services if item.name in without}
    return Footprint(idle, after_day, limits, _on_demand_memory(project, services), _image_sizes(services), up + day)


def _on_demand_memory(project: Project, services: Sequence[ComposeService]) -> dict[str, float]:
    """Return the memory in MiB of the on-demand services while no run is in progress."""
    names = [service.name for service in services if service.on_demand]
    project.run("up", "--detach", "--wait", *names)
    time.sleep(IDLE_SECONDS)
    return {name: mib for name, mib in _memory(project).items() if name in names}


def _run_day(prefect: flow_runs.PrefectServer) -> None:
    run = flow_runs.start(prefect, {"max_batches": 1})
    while (run := flow_runs.refresh(prefect, run)).state not in flow_runs.TERMINAL_STATES:
        time.sleep(POLL_SECONDS)
    if run.state != "COMPLETED":
        raise StackError(f"the day ended as {run.state}: {flow_runs.page_url(prefect, run)}")


def _predict(api: str) -> None:
    httpx.post(f"{api}/predict", json=json.loads(EXAMPLE_REQUEST.read_text()), trust_env=False).raise_for_status()


def _memory(project: Project) -> dict[str, float]:
    """Return the memory in MiB by service."""
    lines = output(["docker", "stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}"]).splitlines()
    pattern = re.compile(rf"{project.name}-(.+)-\d+ ([\d.]+)(\w+) /")
    matches = [match for line in lines if (match := pattern.match(line))]
    return {
        name: float(number) * UNITS[unit] / UNITS["MiB"] for name, number, unit in (match.groups() for match in matches)
    }


def _image_sizes(services: Sequence[ComposeService]) -> dict[str, float]:
    """Return the size in MB of each image that this repository builds."""
    images = sorted({service.image for service in services if service.built})
    sizes = {image: output(["docker", "image", "inspect", "--format", "{{.Size}}", image]) for image in images}
    return {image.partition(":")[0].removeprefix("readmit-"): int(size) / 1e6 for image, size in sizes.items()}


if __name__ == "__main__":
    sys.exit(main(" ".join(sys.argv[1:]).split()))

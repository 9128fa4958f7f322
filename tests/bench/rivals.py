"""Those that are compared: how each is started, what it is asked, and what it takes while it runs."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from readmit.core.encounter import FEATURES
from readmit.core.request import parse
from readmit.core.version import MODEL, PRODUCTION
from readmit.embedded import process_tags
from readmit.embedded.processes import Processes, ServiceProcess
from readmit.embedded.stack import HOST, free_ports
from readmit.settings import environment_with
from tests.bench.loading import Load, load
from tests.bench.machine import BenchRefused, Cores, on
from tests.bench.own_stack import PYTHON, Ground, carry_out

EXAMPLE = Path("api/example.json")
OURS, MLFLOW = "readmit", "mlflow"
FASTAPI, UNSIGNED = "fastapi", "fastapi-unsigned"
"""The same server on a model with its signature, as MLflow recommends, and on one without."""
BARE, SILENT = "uvicorn", "uvicorn-silent"
"""The same server as uvicorn comes, and without its access log, which takes more than half of its speed."""
NO_LOG = "--no-access-log"
MIB = 2**20


@dataclass(frozen=True, slots=True)
class Rival:
    """`address`: where it takes `body`, the path of the JSON of one encounter."""

    service: ServiceProcess
    address: str
    body: Path

    @property
    def name(self) -> str:
        return self.service.name


@dataclass(frozen=True, slots=True)
class Memory:
    """MiB of a server and all that it started. `pss`: pages that several share counted once; None: not told here."""

    rss: float
    pss: float | None


class Arena:
    """Where a rival runs, one at a time, on the server's core, and is loaded from the other."""

    def __init__(self, folder: Path, cores: Cores) -> None:
        self._folder, self._cores = folder / "rivals", cores
        self._processes = Processes(self._folder)
        self._processes.end_leftovers()

    @contextmanager
    def alone(self, rival: Rival) -> Iterator[None]:
        """The rival is up, and has answered once."""
        service = replace(rival.service, command=on(self._cores.server, rival.service.command))
        try:
            self._processes.start(service)
            self._processes.wait_until_healthy(service)
            ask(rival)
            yield
        finally:
            self._processes.stop()

    def load(self, rival: Rival, connections: int, seconds: int, path: str = "") -> Load:
        """The rival that is up, under load; at the end it has answered all that was asked."""
        found = load(rival.address + path, rival.body, connections, seconds, self._cores.load)
        ask(rival)
        return found

    def carry_out(self, service: ServiceProcess) -> None:
        """What ends by itself, on the server's core. ServiceFailed: not well."""
        try:
            carry_out(self._processes, replace(service, command=on(self._cores.server, service.command)))
        finally:
            self._processes.stop()

    def memory(self, rival: Rival) -> Memory:
        """What the rival takes that is up."""
        found = process_tags.carriers((self._folder / f"{rival.name}.mark").read_text())
        told = [process.memory_full_info() for process in found]
        shares = [each.pss for each in told if hasattr(each, "pss")]
        return Memory(sum(each.rss for each in told) / MIB, sum(shares) / MIB if shares else None)


def ask(rival: Rival, path: str = "") -> bytes:
    """Its answer to its body. BenchRefused: no success."""
    headers = {"Content-Type": "application/json"}
    answer = httpx.post(rival.address + path, content=rival.body.read_bytes(), headers=headers, timeout=60)
    if answer.status_code != httpx.codes.OK:
        raise BenchRefused(f"{rival.name} answers {answer.status_code} to its own example: {answer.text[:500]}")
    return answer.content


def ours(ground: Ground) -> Rival:
    """Our API, started as the embedded stack starts it."""
    return Rival(replace(ground.api, name=OURS), f"{ground.address}/predict", EXAMPLE)


def others(ground: Ground, answer: bytes, arena: Arena) -> list[Rival]:
    """All others. `answer`: one of ours, whose size the bare server's has."""
    file, models = ground.folder / "answer.json", ground.folder / "original"
    file.write_bytes(answer)
    if not (models / "unsigned/body.json").exists():
        command = (*PYTHON, "tests.bench.original_model", str(ground.rows), str(models))
        arena.carry_out(ServiceProcess("original-model", command, ground.environment))
    fastapis = [_fastapi(FASTAPI, models / "signed"), _fastapi(UNSIGNED, models / "unsigned")]
    return [*fastapis, _mlflow(ground), _bare(BARE, file), _bare(SILENT, file, NO_LOG)]


def _fastapi(name: str, model: Path) -> Rival:
    (port,) = free_ports(1)
    command = _uvicorn("tests.bench.fastapi_server:app", port, NO_LOG)
    service = ServiceProcess(
        name, command, environment_with({"BENCH_MODEL": str(model)}), f"http://{HOST}:{port}/health"
    )
    return Rival(service, f"http://{HOST}:{port}/predict", model / "body.json")


def _bare(name: str, answer: Path, *options: str) -> Rival:
    (port,) = free_ports(1)
    command = _uvicorn("tests.bench.bare_server:app", port, *options)
    service = ServiceProcess(name, command, environment_with({"BENCH_ANSWER": str(answer)}), f"http://{HOST}:{port}/")
    return Rival(service, f"http://{HOST}:{port}/", EXAMPLE)


def _mlflow(ground: Ground) -> Rival:
    """MLflow's own server of the model in production. It starts `uvicorn` by that name."""
    (port,) = free_ports(1)
    serve = ("--model-uri", f"models:/{MODEL}@{PRODUCTION}", "--env-manager", "local", "--workers", "1")
    command = (*PYTHON, "mlflow", "models", "serve", *serve, "--host", HOST, "--port", str(port))
    path = f"{Path(sys.executable).parent}:{ground.environment['PATH']}"
    service = ServiceProcess(MLFLOW, command, {**ground.environment, "PATH": path}, f"http://{HOST}:{port}/ping")
    body = ground.folder / "dataframe_split.json"
    body.write_text(json.dumps({"dataframe_split": _split(EXAMPLE)}))
    return Rival(service, f"http://{HOST}:{port}/invocations", body)


def _split(example: Path) -> dict[str, object]:
    """The encounter as the model's input, whose whole numbers are floats."""
    values = parse(json.loads(example.read_text())).values
    row = [float(each) if isinstance(each, int) else each for each in (values[name] for name in FEATURES)]
    return {"columns": list(FEATURES), "data": [row]}


def _uvicorn(app: str, port: int, *options: str) -> tuple[str, ...]:
    return (*PYTHON, "uvicorn", app, "--host", HOST, "--port", str(port), *options)

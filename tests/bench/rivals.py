"""The compared servers: start, requests and memory."""

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
from tests.bench.machine import BenchRefused, Cores, pinned_command
from tests.bench.own_stack import PYTHON, BenchStores, run_to_completion

EXAMPLE = Path("api/example.json")
READMIT, MLFLOW = "readmit", "mlflow"
FASTAPI, UNSIGNED = "fastapi", "fastapi-unsigned"
"""FastAPI with a model that has a signature, as MLflow recommends, and without."""
BARE, SILENT = "uvicorn", "uvicorn-silent"
"""uvicorn with its defaults, and without the access log, which costs more than half of the throughput."""
NO_LOG = "--no-access-log"
MIB = 2**20


@dataclass(frozen=True, slots=True)
class Server:
    """A server. `address`: prediction URL; `body`: JSON file of one encounter."""

    service: ServiceProcess
    address: str
    body: Path

    @property
    def name(self) -> str:
        return self.service.name


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of a server and its subprocesses in MiB. `pss`: shared pages counted once; None where unavailable."""

    rss: float
    pss: float | None


class ServerRunner:
    """Runs one server at a time on the server core and loads it from the other core."""

    def __init__(self, folder: Path, cores: Cores) -> None:
        self._folder, self._cores = folder / "rivals", cores
        self._processes = Processes(self._folder)
        self._processes.end_leftovers()

    @contextmanager
    def running(self, server: Server) -> Iterator[None]:
        """Run a server; it has responded once."""
        service = replace(server.service, command=pinned_command(self._cores.server, server.service.command))
        try:
            self._processes.start(service)
            self._processes.wait_until_healthy(service)
            request_prediction(server)
            yield
        finally:
            self._processes.stop()

    def load(self, server: Server, connections: int, seconds: int, path: str = "") -> Load:
        """Load the running server; afterwards check that it still responds."""
        result = load(server.address + path, server.body, connections, seconds, self._cores.load)
        request_prediction(server)
        return result

    def run_to_completion(self, service: ServiceProcess) -> None:
        """Run a process to its end on the server core. Raises ServiceError when it fails."""
        try:
            run_to_completion(
                self._processes, replace(service, command=pinned_command(self._cores.server, service.command))
            )
        finally:
            self._processes.stop()

    def memory(self, server: Server) -> Memory:
        """Return the memory of the running server."""
        processes = process_tags.tagged_processes((self._folder / f"{server.name}.mark").read_text())
        usages = [process.memory_full_info() for process in processes]
        pss = [usage.pss for usage in usages if hasattr(usage, "pss")]
        return Memory(sum(usage.rss for usage in usages) / MIB, sum(pss) / MIB if pss else None)


def request_prediction(server: Server, path: str = "") -> bytes:
    """Return the response to the server's body. Raises BenchRefused unless the status is 200."""
    headers = {"Content-Type": "application/json"}
    response = httpx.post(server.address + path, content=server.body.read_bytes(), headers=headers, timeout=60)
    if response.status_code != httpx.codes.OK:
        raise BenchRefused(f"{server.name} returned {response.status_code} for its example: {response.text[:500]}")
    return response.content


def readmit_server(stores: BenchStores) -> Server:
    """Return the API, started as in the embedded stack."""
    return Server(replace(stores.api, name=READMIT), f"{stores.address}/predict", EXAMPLE)


def competitor_servers(stores: BenchStores, response: bytes, runner: ServerRunner) -> list[Server]:
    """Return the competitors. `response`: a response of the API, returned by the bare servers."""
    file, models = stores.folder / "answer.json", stores.folder / "original"
    file.write_bytes(response)
    if not (models / "unsigned/body.json").exists():
        command = (*PYTHON, "tests.bench.original_model", str(stores.rows), str(models))
        runner.run_to_completion(ServiceProcess("original-model", command, stores.environment))
    fastapi_servers = [_fastapi(FASTAPI, models / "signed"), _fastapi(UNSIGNED, models / "unsigned")]
    return [*fastapi_servers, _mlflow(stores), _bare(BARE, file), _bare(SILENT, file, NO_LOG)]


def _fastapi(name: str, model: Path) -> Server:
    (port,) = free_ports(1)
    command = _uvicorn("tests.bench.fastapi_server:app", port, NO_LOG)
    service = ServiceProcess(
        name, command, environment_with({"BENCH_MODEL": str(model)}), f"http://{HOST}:{port}/health"
    )
    return Server(service, f"http://{HOST}:{port}/predict", model / "body.json")


def _bare(name: str, response_file: Path, *options: str) -> Server:
    (port,) = free_ports(1)
    command = _uvicorn("tests.bench.bare_server:app", port, *options)
    service = ServiceProcess(
        name, command, environment_with({"BENCH_ANSWER": str(response_file)}), f"http://{HOST}:{port}/"
    )
    return Server(service, f"http://{HOST}:{port}/", EXAMPLE)


def _mlflow(stores: BenchStores) -> Server:
    """Return MLflow's scoring server of the production model. It runs `uvicorn` from PATH."""
    (port,) = free_ports(1)
    options = ("--model-uri", f"models:/{MODEL}@{PRODUCTION}", "--env-manager", "local", "--workers", "1")
    command = (*PYTHON, "mlflow", "models", "serve", *options, "--host", HOST, "--port", str(port))
    path = f"{Path(sys.executable).parent}:{stores.environment['PATH']}"
    service = ServiceProcess(MLFLOW, command, {**stores.environment, "PATH": path}, f"http://{HOST}:{port}/ping")
    body = stores.folder / "dataframe_split.json"
    body.write_text(json.dumps({"dataframe_split": _split_record(EXAMPLE)}))
    return Server(service, f"http://{HOST}:{port}/invocations", body)


def _split_record(example: Path) -> dict[str, object]:
    """Return the encounter as `dataframe_split`."""
    values = parse(json.loads(example.read_text())).values
    return {"columns": list(FEATURES), "data": [[values[name] for name in FEATURES]]}


def _uvicorn(app: str, port: int, *options: str) -> tuple[str, ...]:
    return (*PYTHON, "uvicorn", app, "--host", HOST, "--port", str(port), *options)

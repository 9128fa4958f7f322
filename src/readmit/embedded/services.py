"""The services of the stack: the command of each, and where it says how it is."""

import sys
from collections.abc import Mapping
from pathlib import Path

from readmit.embedded import seaweedfs
from readmit.embedded.processes import ServiceProcess

HEALTH = {"s3": "/status", "mlflow": "/health", "ec2-api": "/health", "api": "/health/live", "ui": "/_stcore/health"}
"""The path that answers 200 when a service works."""
FOR_PEOPLE = {"ec2-api": "", "mlflow": "", "api": "/docs"}
"""The path that a person looks at."""
PURPOSE = {
    "ec2-api": "the hospitals' data, a batch at a time",
    "s3": "snapshots and artifacts",
    "mlflow": "runs and versions",
    "api": "predictions; /docs to try them",
    "ui": "the page for people",
}
PYTHON = (sys.executable, "-m")
FLOW_GRACE_SECONDS = 3.0
"""A flow that is killed loses nothing: the next start lets go of its batch, and the step is done again."""


def services(
    folder: Path,
    host: str,
    ports: Mapping[str, int],
    inner: Mapping[str, int],
    environment: Mapping[str, str],
    s3_environment: Mapping[str, str],
) -> list[ServiceProcess]:
    """In the order of their start, S3 first: those that have a port, and the page only then.

    `inner`: ports of SeaweedFS's own, by name; `s3_environment`: what it alone finds in its environment.
    """
    commands = {
        "s3": seaweedfs.command(folder / "s3", host, ports["s3"], inner),
        "mlflow": _mlflow(folder / "mlflow.sqlite3", host, ports["mlflow"]),
        "ec2-api": [*PYTHON, "ec2_api"],
        "api": [*PYTHON, "api", "--host", host, "--port", str(ports["api"])],
    }
    if "ui" in ports:
        options = ["--server.address", host, "--server.port", str(ports["ui"])]
        commands["ui"] = [*PYTHON, "streamlit", "run", "ui/server.py", *options]
    own = {"s3": s3_environment}
    return [
        ServiceProcess(
            name, command, {**environment, **own.get(name, {})}, health_of(name, f"http://{host}:{ports[name]}")
        )
        for name, command in commands.items()
    ]


def health_of(name: str, address: str) -> str:
    """Where the service with this name and address says how it is."""
    return f"{address}{HEALTH[name]}"


def flow(environment: Mapping[str, str]) -> ServiceProcess:
    """Every batch that is released and not done, one day after the other; ends by itself."""
    return ServiceProcess("flow", (*PYTHON, "flows.every_day"), environment, grace_seconds=FLOW_GRACE_SECONDS)


def _mlflow(store: Path, host: str, port: int) -> list[str]:
    options = ["--backend-store-uri", f"sqlite:///{store}", "--artifacts-destination", "s3://mlflow", "--workers", "1"]
    hosts = f"{host}:{port},localhost:{port}"
    return [*PYTHON, "mlflow", "server", "--host", host, "--port", str(port), *options, "--allowed-hosts", hosts]

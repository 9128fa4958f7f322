"""The services of the stack: their commands and health checks."""

import sys
from collections.abc import Mapping
from pathlib import Path

from readmit.embedded import seaweedfs
from readmit.embedded.processes import ServiceProcess

HEALTH_PATHS = {
    "s3": "/status",
    "mlflow": "/health",
    "ec2-api": "/health",
    "api": "/health/live",
    "ui": "/_stcore/health",
}
"""The path that responds with 200 when a service works."""
PROBED_PATHS = HEALTH_PATHS | {"s3": ""}
"""The path that the inference API probes: S3 servers of other makes than the stack's own have no such path."""
PAGE_PATHS = {"ec2-api": "", "mlflow": "", "api": "/docs"}
"""The path to open in a browser."""
PURPOSES = {
    "ec2-api": "hospital data, in batches",
    "s3": "snapshots and artifacts",
    "mlflow": "runs and versions",
    "api": "predictions; try them at /docs",
    "ui": "web interface",
}
FLOW = "flow"
"""The process of the days, which ends after the last one."""
PYTHON_MODULE = (sys.executable, "-m")
FLOW_GRACE_SECONDS = 3.0
"""A killed flow loses nothing: the next start drops its lease, and the step is repeated."""


def services(
    folder: Path,
    host: str,
    ports: Mapping[str, int],
    inner: Mapping[str, int],
    environment: Mapping[str, str],
    own: Mapping[str, Mapping[str, str]],
) -> list[ServiceProcess]:
    """Return the services in the order of their start, S3 first; the UI only when it has a port.

    `inner`: SeaweedFS's own ports by name; `own`: additional variables of one service alone, by its name.
    """
    commands = {
        "s3": seaweedfs.command(host, ports["s3"], inner),
        "mlflow": _mlflow_command(host, ports["mlflow"]),
        "ec2-api": [*PYTHON_MODULE, "ec2_api"],
        "api": [*PYTHON_MODULE, "api", "--host", host, "--port", str(ports["api"])],
    }
    if "ui" in ports:
        options = ["--server.address", host, "--server.port", str(ports["ui"])]
        commands["ui"] = [*PYTHON_MODULE, "streamlit", "run", "ui/server.py", *options]
    # A path of the user may have characters that mean something in an address or a list: these two get relative ones.
    working_folders = {"s3": folder / "s3", "mlflow": folder}
    working_folders["s3"].mkdir(exist_ok=True)
    return [
        ServiceProcess(
            name,
            command,
            {**environment, **own.get(name, {})},
            health_url(name, f"http://{host}:{ports[name]}"),
            working_folder=working_folders.get(name),
        )
        for name, command in commands.items()
    ]


def health_url(name: str, address: str) -> str:
    """Return the health check URL of a service at an address."""
    return f"{address}{HEALTH_PATHS[name]}"


def flow(environment: Mapping[str, str]) -> ServiceProcess:
    """Return the flow that runs a day for every batch released and not done, one after the other, and then exits."""
    return ServiceProcess(FLOW, (*PYTHON_MODULE, "flows.catch_up"), environment, grace_seconds=FLOW_GRACE_SECONDS)


def _mlflow_command(host: str, port: int) -> list[str]:
    options = [
        "--backend-store-uri",
        "sqlite:///mlflow.sqlite3",
        "--artifacts-destination",
        "s3://mlflow",
        "--workers",
        "1",
    ]
    hosts = f"{host}:{port},localhost:{port}"
    return [*PYTHON_MODULE, "mlflow", "server", "--host", host, "--port", str(port), *options, "--allowed-hosts", hosts]

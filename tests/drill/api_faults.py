"""Faults of the inference API and of the model that it serves. None of them disturbs a day without training."""

from typing import ClassVar

import httpx

from readmit.core.version import MODEL, PRODUCTION, SCORER_FILE, Version
from readmit.io.registry.rest_registry import RestRegistry
from tests.drill.alerts import DrillError, ExpectedAlert
from tests.drill.drill_stack import DrillStack
from tests.drill.fault import Fault
from tests.drill.request_load import RequestLoad

FLIP_STORED = """
from readmit.io.object_store import Bucket
from readmit.settings import load

bucket = Bucket("mlflow", *load().s3_login)
(name,) = (name for name in bucket.names() if "/{run}/" in name and name.endswith("/{file}"))
content = bytearray(bucket.get(name))
content[len(content) // 2] ^= 1
bucket.put(name, bytes(content))
"""
FLIP_COPY = """
from pathlib import Path

(file,) = Path("/var/lib/readmit/models").glob("scorer-{digest}.json")
content = bytearray(file.read_bytes())
content[len(content) // 2] ^= 1
file.write_bytes(bytes(content))
"""


class BadRequests(Fault):
    """A client sends wrong data, as after a change of the system that it belongs to."""

    title = "a fifth of the prediction requests is invalid"
    expect: ClassVar = ExpectedAlert("RequestsRefused")

    def __init__(self, drill: DrillStack) -> None:
        self._load = RequestLoad(drill.stack.addresses["api"])

    def inject(self) -> None:
        """Send valid and invalid requests."""
        self._load.with_bad.set()
        self._load.start()

    def recover(self) -> None:
        """Send valid requests only."""
        self._load.with_bad.clear()

    def finish(self) -> None:
        """Send no more requests: the next fault stops the API."""
        self._load.stop()


class ApiStopped(Fault):
    """The API does not run."""

    title = "the API is stopped"
    expect: ClassVar = ExpectedAlert("ServiceDown", {"job": "api"})

    def __init__(self, drill: DrillStack) -> None:
        self._drill = drill

    def inject(self) -> None:
        """Stop it."""
        self._drill.stack.project.output("stop", "api")

    def recover(self) -> None:
        """Start it."""
        self._drill.up("api")


class AliasRemoved(Fault):
    """The alias `production` disappears while its version is served."""

    title = "the alias `production` is removed"
    expect: ClassVar = ExpectedAlert("ModelNotLoading")

    def __init__(self, drill: DrillStack) -> None:
        self._mlflow, self._version = drill.stack.addresses["mlflow"], ""

    def inject(self) -> None:
        """Delete the alias."""
        self._version = production(self._mlflow).number
        self._request("DELETE")

    def recover(self) -> None:
        """Set it again."""
        self._request("POST", version=self._version)

    def _request(self, method: str, **fields: str) -> None:
        address, body = f"{self._mlflow}/api/2.0/mlflow/registered-models/alias", {"name": MODEL, "alias": PRODUCTION}
        httpx.request(method, address, json=body | fields, timeout=30.0, trust_env=False).raise_for_status()


class ArtifactDamaged(Fault):
    """A byte of the model in production is flipped, in S3 and in the API's copy, and the API has to load it again."""

    title = "a byte of the served artifact is flipped, and the API restarts"
    expect: ClassVar = ExpectedAlert("ModelNotLoading")

    def __init__(self, drill: DrillStack) -> None:
        self._stack = drill.stack

    def inject(self) -> None:
        """Flip the byte and restart the API, which then has no model to serve."""
        version = production(self._stack.addresses["mlflow"])
        self._flip_stored(version)
        self._stack.project.output("exec", "-T", "api", "python", "-c", FLIP_COPY.format(digest=version.scorer))
        self._stack.project.output("restart", "api")

    def recover(self) -> None:
        """Flip the byte in S3 again, which restores the artifact; the API retries by itself."""
        self._flip_stored(production(self._stack.addresses["mlflow"]))

    def _flip_stored(self, version: Version) -> None:
        """Flip the byte in a container of its own: another fault may have stopped that of the flows."""
        self._stack.run_one_off(FLIP_STORED.format(run=version.run_id, file=SCORER_FILE))


def production(mlflow: str) -> Version:
    """Return the version in production. Raises DrillError when there is none."""
    version = RestRegistry(mlflow).production()
    if version is None:
        raise DrillError("no version is in production")
    return version

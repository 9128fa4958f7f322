"""The versions of the model by MLflow's plain REST, for a process that serves and does without MLflow's 200 MiB."""

import hashlib
import json
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

from readmit.core.refusal import RegistryAway, VersionUnusable
from readmit.core.version import MODEL, PRODUCTION, SCORER_FILE, Version

API, ARTIFACTS = "api/2.0/mlflow", "api/2.0/mlflow-artifacts/artifacts"
PROXIED = "mlflow-artifacts:/"
PATIENCE_SECONDS, ARTIFACT_PATIENCE_SECONDS = 10.0, 60.0
MOST_BYTES, MOST_ARTIFACT_BYTES = 8_000_000, 256_000_000
ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


class RestRegistry:
    """The versions on one MLflow server. Every method raises RegistryAway when it does not answer as it should."""

    def __init__(self, tracking_uri: str) -> None:
        self._uri = tracking_uri.rstrip("/")

    def production(self) -> Version | None:
        """The version in production; None: none yet."""
        try:
            return self._version(self._get("registered-models/alias", "model_version", name=MODEL, alias=PRODUCTION))
        except _Absent:
            return None

    def scorer(self, version: Version) -> bytes:
        """The compiled model of a version. VersionUnusable: it has none, or not the one that it was made with."""
        if not version.scorer:
            raise VersionUnusable(f"version {version.number} was made before versions carried what is served: train")
        place = str(self._get("runs/get", "run", "info", "artifact_uri", run_id=version.run_id))
        if not place.startswith(PROXIED):
            raise RegistryAway(f"MLflow at {self._uri} keeps {place}, which it does not hand out itself")
        path = quote(f"{place.removeprefix(PROXIED).strip('/')}/{SCORER_FILE}")
        found = self._ask(Request(f"{self._uri}/{ARTIFACTS}/{path}"), ARTIFACT_PATIENCE_SECONDS, MOST_ARTIFACT_BYTES)
        if hashlib.sha256(found).hexdigest() != version.scorer:
            raise VersionUnusable(f"version {version.number}: {SCORER_FILE} is not the one that it was made with")
        return found

    def _version(self, found: Any) -> Version:
        try:
            tags = {tag["key"]: tag["value"] for tag in found.get("tags", [])}
            return Version.of(str(found["version"]), str(found["run_id"]), tags)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RegistryAway(f"MLflow at {self._uri} tells of a version that is none of ours: {error!r}") from error

    def _get(self, what: str, *path: str, **asked: str) -> Any:
        """What stands at a path of names in the answer to a question."""
        found: Any = self._ask(Request(f"{self._uri}/{API}/{what}?{urlencode(asked)}"), PATIENCE_SECONDS, MOST_BYTES)
        try:
            found = json.loads(found)
            for name in path:
                found = found[name]
        except (ValueError, KeyError, TypeError) as error:
            raise RegistryAway(f"MLflow at {self._uri} answers {what} with something else: {error!r}") from error
        return found

    def _ask(self, request: Request, patience: float, most: int) -> bytes:
        try:
            with urlopen(request, timeout=patience) as answer:
                found: bytes = answer.read(most + 1)
        except HTTPError as error:
            raise self._refused(error) from error
        except (OSError, HTTPException, ValueError) as error:
            raise RegistryAway(f"MLflow at {self._uri}: {error}") from error
        if len(found) > most:
            raise RegistryAway(f"MLflow at {self._uri} answers with more than {most:,} bytes")
        return found

    def _refused(self, error: HTTPError) -> RegistryAway:
        text = error.read(2_000)
        try:
            code = json.loads(text).get("error_code")
        except (ValueError, AttributeError):
            code = None
        kind = _Absent if code in ABSENT else RegistryAway
        return kind(f"MLflow at {self._uri}: status {error.code}: {text[:300].decode(errors='replace')}")


class _Absent(RegistryAway):
    """There is no such alias, version or run."""

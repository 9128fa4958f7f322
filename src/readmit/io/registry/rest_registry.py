"""The versions of the registered model by MLflow's REST API, without its library: read, download and roll back."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from readmit.core.errors import EvaluationMissing, UnknownVersion, VersionUnusable
from readmit.core.evaluation import VersionEvaluation
from readmit.core.production_history import rollback_target, validate_note
from readmit.core.version import (
    EVALUATION_FILE,
    MODEL,
    PRODUCTION,
    PROMOTED_TAG,
    ROLLED_BACK_TAG,
    SCORER_FILE,
    Note,
    Version,
)
from readmit.io.registry.audit_note import create_note
from readmit.io.registry.rest_client import RegistryRequestRejected, RestClient

PAGE_SIZE = 1000
NO_MODEL, NO_ALIAS = "RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"


class RestRegistry:
    """The versions on one MLflow server. Every method raises RegistryUnavailable when the server fails.

    Safe for use by several threads.
    """

    def __init__(self, tracking_uri: str) -> None:
        self._client = RestClient(tracking_uri)

    def production(self) -> Version | None:
        """Return the version in production; None when there is none yet."""
        try:
            response = self._client.get("registered-models/alias", name=MODEL, alias=PRODUCTION)
        except RegistryRequestRejected as error:
            if error.code in (NO_MODEL, NO_ALIAS):
                return None
            raise
        with self._validated_response():
            return _version(response["model_version"])

    def version(self, number: str) -> Version:
        """Return a version by its number. Raises UnknownVersion when it does not exist."""
        if not (number.isascii() and number.isdecimal()):
            raise UnknownVersion(f"{number!r} is not a version number")
        try:
            response = self._client.get("model-versions/get", name=MODEL, version=number)
        except RegistryRequestRejected as error:
            if error.code == NO_MODEL:
                raise UnknownVersion(f"there is no version {number}") from error
            raise
        with self._validated_response():
            return _version(response["model_version"])

    def versions(self) -> list[Version]:
        """Return all versions, oldest first."""
        with self._validated_response():
            versions = [_version(item) for page in self._pages() for item in page.get("model_versions", [])]
            return sorted(versions, key=lambda version: int(version.number))

    def scorer(self, version: Version) -> bytes:
        """Return the compiled model of a version.

        Raises VersionUnusable when it has none, or its bytes do not match the registered SHA-256.
        """
        if not version.scorer:
            raise VersionUnusable(
                f"version {version.number} can't be served: an older release created it, without a compiled scorer"
            )
        return self._artifact(version, SCORER_FILE, version.scorer)

    def evaluation(self, version: Version) -> VersionEvaluation:
        """Return the evaluation of a version on the test split.

        Raises EvaluationMissing when it has none, VersionUnusable when its bytes do not match the registered SHA-256.
        """
        if not version.evaluation:
            raise EvaluationMissing(
                f"version {version.number} has no evaluation: it is not judged yet, or an older release judged it"
            )
        body = self._artifact(version, EVALUATION_FILE, version.evaluation)
        with self._validated_response():
            return VersionEvaluation.from_json(body)

    def _artifact(self, version: Version, file: str, registered: str) -> bytes:
        """Return a file of a version's run. `registered`: its SHA-256."""
        response = self._client.get("runs/get", run_id=version.run_id)
        with self._validated_response():
            artifacts = urlsplit(str(response["run"]["info"]["artifact_uri"]))
        if artifacts.scheme != "mlflow-artifacts":
            raise self._client.unavailable(
                f"the server does not serve the files of version {version.number}: {artifacts.geturl()}"
            )
        body = self._client.download(f"{artifacts.path.strip('/')}/{file}")
        if (digest := hashlib.sha256(body).hexdigest()) != registered:
            raise VersionUnusable(
                f"version {version.number}: {file} has SHA-256 {digest}, not {registered} as registered"
            )
        return body

    def roll_back(self, to: str | None, by: str, why: str, at: datetime) -> tuple[Version, Version]:
        """Move the alias `production` back; return the version before and the one now, each with its new note.

        `to`: the number of a version; None for the one that served before. `at`: now, timezone-aware.
        Raises RollbackRejected, and changes nothing, when the version does not exist or can't be served, or `by` or
        `why` is empty.
        """
        by, why = validate_note("by", by), validate_note("why", why)
        versions = self.versions()
        current, target = rollback_target(versions, self.production(), to)
        with self._validated_response():
            note = create_note(at, by, why, versions)
        # The alias comes last: after a crash the same call completes the rest, and the notes are never lost.
        self._set_note(current, ROLLED_BACK_TAG, note)
        self._set_note(target, PROMOTED_TAG, note)
        self._client.post("registered-models/alias", name=MODEL, alias=PRODUCTION, version=target.number)
        return replace(current, rolled_back_note=note), replace(target, promoted_note=note)

    def _set_note(self, version: Version, tag: str, note: Note) -> None:
        self._client.post("model-versions/set-tag", name=MODEL, version=version.number, key=tag, value=note.to_json())

    def _pages(self) -> Iterator[dict[str, Any]]:
        query = {"filter": f"name = '{MODEL}'", "max_results": str(PAGE_SIZE)}
        page = self._client.get("model-versions/search", **query)
        yield page
        while token := page.get("next_page_token"):
            page = self._client.get("model-versions/search", **query, page_token=str(token))
            yield page

    @contextmanager
    def _validated_response(self) -> Iterator[None]:
        """Raise RegistryUnavailable when a response lacks fields or holds a version that Readmit did not register."""
        try:
            yield
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise self._client.unavailable(f"the response does not describe a version of Readmit: {error!r}") from error


def _version(item: Mapping[str, Any]) -> Version:
    tags = {str(tag["key"]): str(tag.get("value", "")) for tag in item.get("tags", [])}
    return Version.of(str(int(item["version"])), str(item.get("run_id", "")), tags)

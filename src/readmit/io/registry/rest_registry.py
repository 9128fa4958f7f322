"""The versions of the one registered model by MLflow's REST API, without its library: read, handed out, rolled back."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from readmit.core.errors import UnknownVersion, VersionUnusable
from readmit.core.production_history import rollback_target, words
from readmit.core.version import MODEL, PLACED_TAG, PRODUCTION, ROLLED_BACK_TAG, SCORER_FILE, Note, Version
from readmit.io.registry.audit_note import note
from readmit.io.registry.rest_client import RestClient, ServerRefused

PAGE = 1000
NO_MODEL, NO_ALIAS = "RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"


class RestRegistry:
    """The versions on one MLflow server. Every method raises RegistryAway when it does not answer as it should.

    It can be used by several threads at once.
    """

    def __init__(self, tracking_uri: str) -> None:
        self._wire = RestClient(tracking_uri)

    def production(self) -> Version | None:
        """The version in production; None: none yet."""
        try:
            read = self._wire.get("registered-models/alias", name=MODEL, alias=PRODUCTION)
        except ServerRefused as error:
            if error.code in (NO_MODEL, NO_ALIAS):
                return None
            raise
        with self._as_expected():
            return _version(read["model_version"])

    def version(self, number: str) -> Version:
        """A version by its number. VersionUnknown: there is none."""
        if not (number.isascii() and number.isdecimal()):
            raise UnknownVersion(f"{number!r} is no number of a version")
        try:
            read = self._wire.get("model-versions/get", name=MODEL, version=number)
        except ServerRefused as error:
            if error.code == NO_MODEL:
                raise UnknownVersion(f"there is no version {number}") from error
            raise
        with self._as_expected():
            return _version(read["model_version"])

    def versions(self) -> list[Version]:
        """All versions, oldest first."""
        with self._as_expected():
            found = [_version(each) for page in self._pages() for each in page.get("model_versions", [])]
            return sorted(found, key=lambda version: int(version.number))

    def scorer(self, version: Version) -> bytes:
        """The compiled model of a version. VersionUnusable: it has none, or another than it was registered with."""
        if not version.scorer:
            raise VersionUnusable(
                f"version {version.number} can't be served: it was made before versions carried a compiled scorer"
            )
        read = self._wire.get("runs/get", run_id=version.run_id)
        with self._as_expected():
            kept = urlsplit(str(read["run"]["info"]["artifact_uri"]))
        if kept.scheme != "mlflow-artifacts":
            raise self._wire.away(f"it does not hand out the files of version {version.number}: {kept.geturl()}")
        body = self._wire.file(f"{kept.path.strip('/')}/{SCORER_FILE}")
        if (found := hashlib.sha256(body).hexdigest()) != version.scorer:
            raise VersionUnusable(
                f"version {version.number}: {SCORER_FILE} has SHA-256 {found}, and not {version.scorer} as registered"
            )
        return body

    def roll_back(self, to: str | None, by: str, why: str, at: datetime) -> tuple[Version, Version]:
        """Moves the alias `production` back: from which version, and to which one, each with its new note.

        `to`: the number of any version; None: of that which served before. `at`: now, with its zone.
        RollbackRefused: there is no such version, it can't be served, or `by` or `why` says nothing; all is as it was.
        """
        by, why = words("by", by), words("why", why)
        versions = self.versions()
        current, goal = rollback_target(versions, self.production(), to)
        with self._as_expected():
            noted = note(at, by, why, versions)
        # The alias last: whatever a crash leaves out, the same call does again, and who and why is never lost.
        self._tag(current, ROLLED_BACK_TAG, noted)
        self._tag(goal, PLACED_TAG, noted)
        self._wire.post("registered-models/alias", name=MODEL, alias=PRODUCTION, version=goal.number)
        return replace(current, rolled_back_note=noted), replace(goal, promoted_note=noted)

    def _tag(self, version: Version, name: str, noted: Note) -> None:
        self._wire.post("model-versions/set-tag", name=MODEL, version=version.number, key=name, value=noted.to_json())

    def _pages(self) -> Iterator[dict[str, Any]]:
        wanted = {"filter": f"name = '{MODEL}'", "max_results": str(PAGE)}
        page = self._wire.get("model-versions/search", **wanted)
        yield page
        while token := page.get("next_page_token"):
            page = self._wire.get("model-versions/search", **wanted, page_token=str(token))
            yield page

    @contextmanager
    def _as_expected(self) -> Iterator[None]:
        """What the server says can be of any shape, and a version in it can be one that is none of ours."""
        try:
            yield
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise self._wire.away(f"something else than a version of ours: {error!r}") from error


def _version(read: Mapping[str, Any]) -> Version:
    tags = {str(tag["key"]): str(tag.get("value", "")) for tag in read.get("tags", [])}
    return Version.of(str(int(read["version"])), str(read.get("run_id", "")), tags)

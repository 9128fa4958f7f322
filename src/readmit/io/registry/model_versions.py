"""The versions of the one registered model: made, named, judged on their page, loaded.

A fitted model is kept as skops and loaded by it, with the types that `core.model` trusts: no pickle. The registry's
database says which SHA-256 the file has; only bytes that have it reach skops.
"""

import hashlib
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import mlflow
import skops.io
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from sklearn.pipeline import Pipeline

from readmit.core.errors import VersionUnusable
from readmit.core.fit_key import FIT_TAG, FitKey
from readmit.core.model import TRUSTED_TYPES
from readmit.core.parity_check import ParityCheck
from readmit.core.probe_set import verify
from readmit.core.version import (
    CHALLENGER,
    FIGURE,
    MODEL,
    MODEL_FILE,
    MODEL_FILE_TAG,
    PLACED_TAG,
    PRODUCTION,
    SCORER_TAG,
    Version,
)
from readmit.io.registry.audit_note import note
from readmit.io.registry.experiment_runs import FitRun
from readmit.io.registry.mlflow_server import PROOF_FILE, answering, client_of
from readmit.io.registry.rest_registry import RestRegistry

UNREADABLE = (
    *(ArithmeticError, AttributeError, ImportError, LookupError, OSError, TypeError, ValueError),
    zipfile.BadZipFile,
)
ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


class Registry:
    """The versions on one MLflow server. Every method raises RegistryAway when it does not answer as it should."""

    def __init__(self, tracking_uri: str) -> None:
        self._uri = tracking_uri
        self._client = client_of(tracking_uri)

    def version_of(self, key: FitKey) -> Version | None:
        """The version that was made by this very fit, if there is one."""
        with answering(self._uri):
            wanted = f"name = '{MODEL}' and tags.{FIT_TAG} = '{key.digest}'"
            found = self._client.search_model_versions(wanted, max_results=1)
        return _version(found[0]) if found else None

    def register(self, run: FitRun, key: FitKey) -> Version:
        """Makes a new version of the model of a run, which carries the SHA-256 of its two files."""
        digests = {SCORER_TAG: run.scorer, MODEL_FILE_TAG: run.model_file}
        with answering(self._uri):
            tags = {**key.tags, **{name: digest for name, digest in digests.items() if digest}}
            made = mlflow.register_model(f"runs:/{run.run_id}/model", MODEL, tags=tags)
            return _version(self._client.get_model_version(MODEL, made.version))

    def version(self, number: str) -> Version:
        """A version by its number."""
        with answering(self._uri):
            return _version(self._client.get_model_version(MODEL, number))

    def name_challenger(self, version: str) -> None:
        """Puts the alias `challenger` on a version."""
        self._alias(CHALLENGER, version)

    def name_production(self, version: str, by: str, why: str, at: datetime) -> None:
        """Notes on a version who puts it into production, why and when; then puts the alias `production` on it."""
        placed = note(at, by, why, self.versions())
        with answering(self._uri):
            self._client.set_model_version_tag(MODEL, version, PLACED_TAG, placed.to_json())
        self._alias(PRODUCTION, version)

    def production(self) -> Version | None:
        """The version in production; None: none yet."""
        with answering(self._uri):
            try:
                return _version(self._client.get_model_version_by_alias(MODEL, PRODUCTION))
            except MlflowException as error:
                if error.error_code in ABSENT:
                    return None
                raise

    def tag_figures(self, version: str, figures: Mapping[str, float], verdict: str) -> None:
        """Writes a version's figures on the test split and the verdict in words on its page."""
        with answering(self._uri):
            for name, value in figures.items():
                self._client.set_model_version_tag(MODEL, version, f"{FIGURE}{name}", f"{value:.6f}")
            self._client.update_model_version(MODEL, version, verdict)

    def versions(self) -> list[Version]:
        """All versions, oldest first."""
        with answering(self._uri):
            found = self._client.search_model_versions(f"name = '{MODEL}'")
        return sorted((_version(item) for item in found), key=lambda version: int(version.number))

    def scorer(self, version: Version) -> bytes:
        """The compiled model of a version. VersionUnusable: it has none, or another than it was registered with."""
        return RestRegistry(self._uri).scorer(version)

    def load(self, version: Version) -> Pipeline:
        """The fitted model of a version, to be judged by.

        VersionUnusable: its file is not the one that was registered, or this code can't stand for it.
        """
        if not version.model_file:
            raise VersionUnusable(f"version {version.number} was made before versions carried a hash of {MODEL_FILE}")
        with tempfile.TemporaryDirectory() as folder:
            with answering(self._uri):
                uri = f"models:/{MODEL}/{version.number}"
                path = mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=folder, tracking_uri=self._uri)
                proof = mlflow.artifacts.load_text(f"runs:/{version.run_id}/{PROOF_FILE}")
            with _readable(version):
                model: Pipeline = skops.io.loads(_verified(path, version), trusted=list(TRUSTED_TYPES))
                verify(model, ParityCheck.from_json(proof))
                return model

    def _alias(self, alias: str, number: str) -> None:
        with answering(self._uri):
            self._client.set_registered_model_alias(MODEL, alias, number)


def _verified(folder: str, version: Version) -> bytes:
    body = Path(folder, MODEL_FILE).read_bytes()
    if (found := hashlib.sha256(body).hexdigest()) != version.model_file:
        raise VersionUnusable(f"{MODEL_FILE} has SHA-256 {found}, and not {version.model_file} as registered")
    return body


@contextmanager
def _readable(version: Version) -> Iterator[None]:
    """Whatever a model's file, or one of an older or newer code, can make its readers raise becomes one error."""
    try:
        yield
    except VersionUnusable as error:
        raise VersionUnusable(f"version {version.number}: {error}") from error
    except UNREADABLE as error:
        raise VersionUnusable(f"version {version.number} can't be read: {error!r}") from error


def _version(found: ModelVersion) -> Version:
    return Version.of(str(found.version), str(found.run_id), found.tags)

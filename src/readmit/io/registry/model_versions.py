"""The versions of the registered model: register them, set aliases and figures, load them.

A fitted model is stored with skops and loaded with the types that `core.model` trusts: no pickle. The registry's
database holds the SHA-256 of the file; only bytes that match it reach skops.
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
from readmit.core.evaluation import VersionEvaluation
from readmit.core.fit_key import FIT_TAG, FitKey
from readmit.core.model import TRUSTED_TYPES
from readmit.core.parity_check import ParityCheck
from readmit.core.probe_set import verify
from readmit.core.reference_model import ReferenceModel
from readmit.core.version import (
    CHALLENGER,
    COMPARABLE_TAG,
    EVALUATION_FILE,
    EVALUATION_TAG,
    METRIC_TAG_PREFIX,
    MODEL,
    MODEL_FILE,
    MODEL_FILE_TAG,
    PRODUCTION,
    PROMOTED_TAG,
    SCORER_TAG,
    Version,
)
from readmit.io.registry.audit_note import create_note
from readmit.io.registry.evaluation_plots import draw_evaluation
from readmit.io.registry.experiment_runs import REFERENCE_FILE, FitRun
from readmit.io.registry.mlflow_server import PARITY_CHECK_FILE, create_client, translated_errors
from readmit.io.registry.rest_registry import RestRegistry

EXISTS_CODE = "RESOURCE_ALREADY_EXISTS"
LOAD_ERRORS = (
    *(ArithmeticError, AttributeError, ImportError, LookupError, OSError, TypeError, ValueError),
    zipfile.BadZipFile,
)
NOT_FOUND_CODES = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


class Registry:
    """The versions on one MLflow server. Every method raises RegistryUnavailable when the server fails."""

    def __init__(self, tracking_uri: str) -> None:
        self._uri = tracking_uri
        self._client = create_client(tracking_uri)

    def find_version(self, key: FitKey) -> Version | None:
        """Return the version made by exactly this fit, if there is one."""
        with translated_errors(self._uri):
            query = f"name = '{MODEL}' and tags.{FIT_TAG} = '{key.digest}'"
            matches = self._client.search_model_versions(query, max_results=1)
        return _version(matches[0]) if matches else None

    def register(self, run: FitRun, key: FitKey) -> Version:
        """Register the model of a run as a new version, tagged with the SHA-256 of its two files."""
        digests = {SCORER_TAG: run.scorer, MODEL_FILE_TAG: run.model_file}
        with translated_errors(self._uri):
            tags = {**key.tags, **{name: digest for name, digest in digests.items() if digest}}
            self._create_model()
            model = self._logged_model(run.run_id)
            created = self._client.create_model_version(
                MODEL, f"models:/{model}", run.run_id, tags, await_creation_for=0, model_id=model
            )
        return _version(created)

    def _logged_model(self, run_id: str) -> str:
        """Return the id of the model that a run logged. Raises VersionUnusable when it logged none."""
        outputs = self._client.get_run(run_id).outputs
        if outputs is None or not outputs.model_outputs:
            raise VersionUnusable(f"MLflow run {run_id} has no model")
        return str(outputs.model_outputs[-1].model_id)

    def _create_model(self) -> None:
        """Create the registered model if it does not exist."""
        try:
            self._client.create_registered_model(MODEL)
        except MlflowException as error:
            if error.error_code != EXISTS_CODE:
                raise

    def version(self, number: str) -> Version:
        """Return a version by its number."""
        with translated_errors(self._uri):
            return _version(self._client.get_model_version(MODEL, number))

    def set_challenger(self, version: str) -> None:
        """Set the alias `challenger` to a version."""
        self._alias(CHALLENGER, version)

    def set_production(self, version: str, by: str, why: str, at: datetime) -> None:
        """Note on a version who promotes it, why and when; then set the alias `production` to it."""
        note = create_note(at, by, why, self.versions())
        with translated_errors(self._uri):
            self._client.set_model_version_tag(MODEL, version, PROMOTED_TAG, note.to_json())
        self._alias(PRODUCTION, version)

    def production(self) -> Version | None:
        """Return the version in production; None when there is none yet."""
        with translated_errors(self._uri):
            try:
                return _version(self._client.get_model_version_by_alias(MODEL, PRODUCTION))
            except MlflowException as error:
                if error.error_code in NOT_FOUND_CODES:
                    return None
                raise

    def tag_figures(self, version: str, figures: Mapping[str, float], verdict: str) -> None:
        """Write a version's figures on the test split into its tags, and the verdict into its description."""
        with translated_errors(self._uri):
            for name, value in figures.items():
                self._client.set_model_version_tag(MODEL, version, f"{METRIC_TAG_PREFIX}{name}", f"{value:.6f}")
            self._client.update_model_version(MODEL, version, verdict)

    def store_evaluation(self, version: Version, evaluation: VersionEvaluation) -> None:
        """Store an evaluation and its plots with the version's run, then tag the version with its SHA-256.

        The tag of the evaluation comes last: after a crash the version still counts as not evaluated.
        """
        body, comparable = evaluation.to_json().encode(), evaluation.comparable_roc_auc
        with translated_errors(self._uri):
            with tempfile.TemporaryDirectory() as folder:
                for name, content in {EVALUATION_FILE: body, **draw_evaluation(evaluation)}.items():
                    Path(folder, name).write_bytes(content)
                self._client.log_artifacts(version.run_id, folder)
            if comparable is not None and comparable.value is not None:
                self._client.set_model_version_tag(MODEL, version.number, COMPARABLE_TAG, f"{comparable.value:.6f}")
            digest = hashlib.sha256(body).hexdigest()
            self._client.set_model_version_tag(MODEL, version.number, EVALUATION_TAG, digest)

    def evaluation(self, version: Version) -> VersionEvaluation:
        """Return the evaluation of a version on the test split.

        Raises EvaluationMissing when it has none, VersionUnusable when its bytes do not match the registered SHA-256.
        """
        return RestRegistry(self._uri).evaluation(version)

    def versions(self) -> list[Version]:
        """Return all versions, oldest first."""
        with translated_errors(self._uri):
            items = self._client.search_model_versions(f"name = '{MODEL}'")
        return sorted((_version(item) for item in items), key=lambda version: int(version.number))

    def scorer(self, version: Version) -> bytes:
        """Return the compiled model of a version.

        Raises VersionUnusable when it has none, or its bytes do not match the registered SHA-256.
        """
        return RestRegistry(self._uri).scorer(version)

    def reference(self, version: Version) -> ReferenceModel | None:
        """Return the reference model fitted to the encounters of a version; None if it was registered without one."""
        with translated_errors(self._uri):
            if all(file.path != REFERENCE_FILE for file in self._client.list_artifacts(version.run_id)):
                return None
            text = mlflow.artifacts.load_text(f"runs:/{version.run_id}/{REFERENCE_FILE}")
        return ReferenceModel.from_json(text)

    def load(self, version: Version) -> Pipeline:
        """Load the fitted model of a version, for evaluation.

        Raises VersionUnusable when its file does not match the registered SHA-256, or it fails the parity check.
        """
        if not version.model_file:
            raise VersionUnusable(
                f"version {version.number} has no hash of {MODEL_FILE}: it was registered by an older release"
            )
        with tempfile.TemporaryDirectory() as folder:
            with translated_errors(self._uri):
                uri = f"models:/{MODEL}/{version.number}"
                path = mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=folder, tracking_uri=self._uri)
                parity_check = mlflow.artifacts.load_text(f"runs:/{version.run_id}/{PARITY_CHECK_FILE}")
            with _translated_load_errors(version):
                model: Pipeline = skops.io.loads(_read_verified(path, version), trusted=list(TRUSTED_TYPES))
                verify(model, ParityCheck.from_json(parity_check))
                return model

    def _alias(self, alias: str, number: str) -> None:
        with translated_errors(self._uri):
            self._client.set_registered_model_alias(MODEL, alias, number)


def _read_verified(folder: str, version: Version) -> bytes:
    body = Path(folder, MODEL_FILE).read_bytes()
    if (digest := hashlib.sha256(body).hexdigest()) != version.model_file:
        raise VersionUnusable(f"{MODEL_FILE} has SHA-256 {digest}, not {version.model_file} as registered")
    return body


@contextmanager
def _translated_load_errors(version: Version) -> Iterator[None]:
    """Raise VersionUnusable in place of whatever a damaged or incompatible model file makes the loader raise."""
    try:
        yield
    except VersionUnusable as error:
        raise VersionUnusable(f"version {version.number}: {error}") from error
    except LOAD_ERRORS as error:
        raise VersionUnusable(f"version {version.number} can't be loaded: {error!r}") from error


def _version(entity: ModelVersion) -> Version:
    return Version.of(str(entity.version), str(entity.run_id), entity.tags)

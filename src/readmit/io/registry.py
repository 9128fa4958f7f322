"""MLflow: the runs of the candidates, and the versions of the one registered model.

A fitted model is kept as skops and loaded by it, with the types that `core.model` trusts: no pickle.
"""

import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path

import mlflow
import pandas as pd
import skops.io
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion
from mlflow.environment_variables import MLFLOW_HTTP_REQUEST_MAX_RETRIES, MLFLOW_HTTP_REQUEST_TIMEOUT
from mlflow.exceptions import MlflowException
from mlflow.models import infer_signature
from mlflow.sklearn import SERIALIZATION_FORMAT_SKOPS
from requests.exceptions import RequestException
from sklearn.pipeline import Pipeline

from readmit.core.coverage import Coverage
from readmit.core.model import TRUSTED_TYPES, probabilities
from readmit.core.proof import Proof
from readmit.core.refusal import RegistryAway, VersionUnusable
from readmit.core.served import ServedModel
from readmit.core.training import FIT_TAG, FitKey
from readmit.core.version import CHALLENGER, MODEL, PRODUCTION, Version

EXPERIMENT = "readmit"
FIGURE = "test."
COVERAGE_FILE, PROOF_FILE = "coverage.json", "proof.json"
REQUIREMENTS = ("scikit-learn", "lightgbm", "skops", "pandas", "numpy")
UNREADABLE = (
    *(ArithmeticError, AttributeError, ImportError, LookupError, OSError, TypeError, ValueError),
    zipfile.BadZipFile,
)
ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


@dataclass(frozen=True, slots=True)
class FitRun:
    """A finished run: `figures` as logged."""

    run_id: str
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Fit:
    """What is logged of one fit. `example`: a few rows of a model input."""

    key: FitKey
    figures: Mapping[str, float]
    model: Pipeline
    example: pd.DataFrame
    coverage: Coverage


class Registry:
    """One MLflow server. Every method raises RegistryAway when it does not answer as it should."""

    def __init__(self, tracking_uri: str) -> None:
        # As it comes, the client tries for minutes; our callers try again by themselves.
        MLFLOW_HTTP_REQUEST_MAX_RETRIES.set(2)
        MLFLOW_HTTP_REQUEST_TIMEOUT.set(60)
        mlflow.set_tracking_uri(tracking_uri)
        self._uri = tracking_uri
        self._client = MlflowClient(tracking_uri)

    def finished_fit(self, key: FitKey) -> FitRun | None:
        """The run that made this very fit before, if it ended well."""
        with self._answering():
            experiment = self._client.get_experiment_by_name(EXPERIMENT)
            if experiment is None:
                return None
            wanted = f"tags.{FIT_TAG} = '{key.digest}' and attributes.status = 'FINISHED'"
            found = self._client.search_runs([experiment.experiment_id], wanted, max_results=1)
        return _fit_run(found[0]) if found else None

    def record(self, fit: Fit) -> FitRun:
        """Logs a fit as a run: parameters, figures, coverage, and the model with signature and requirements."""
        with self._answering():
            mlflow.set_experiment(EXPERIMENT)
            with mlflow.start_run(run_name=_run_name(fit.key), tags=fit.key.tags) as run:
                mlflow.log_params(dict(fit.key.settings))
                mlflow.log_metrics(dict(fit.figures))
                mlflow.log_text(fit.coverage.to_json(), COVERAGE_FILE)
                mlflow.log_text(Proof.of(fit.model, fit.coverage).to_json(), PROOF_FILE)
                mlflow.sklearn.log_model(
                    fit.model,
                    name="model",
                    signature=infer_signature(fit.example, probabilities(fit.model, fit.example)),
                    pip_requirements=_requirements(),
                    serialization_format=SERIALIZATION_FORMAT_SKOPS,
                    skops_trusted_types=list(TRUSTED_TYPES),
                    pyfunc_predict_fn="predict_proba",
                )
            return _fit_run(self._client.get_run(run.info.run_id))

    def version_of(self, key: FitKey) -> Version | None:
        """The version that was made by this very fit, if there is one."""
        with self._answering():
            wanted = f"name = '{MODEL}' and tags.{FIT_TAG} = '{key.digest}'"
            found = self._client.search_model_versions(wanted, max_results=1)
        return _version(found[0]) if found else None

    def register(self, run: FitRun, key: FitKey) -> Version:
        """Makes a new version of the model of a run."""
        with self._answering():
            made = mlflow.register_model(f"runs:/{run.run_id}/model", MODEL, tags=key.tags)
            return _version(self._client.get_model_version(MODEL, made.version))

    def version(self, number: str) -> Version:
        """A version by its number."""
        with self._answering():
            return _version(self._client.get_model_version(MODEL, number))

    def name_challenger(self, version: str) -> None:
        """Puts the alias `challenger` on a version."""
        self._alias(CHALLENGER, version)

    def name_production(self, version: str) -> None:
        """Puts the alias `production` on a version."""
        self._alias(PRODUCTION, version)

    def production(self) -> Version | None:
        """The version in production; None: none yet."""
        with self._answering():
            try:
                return _version(self._client.get_model_version_by_alias(MODEL, PRODUCTION))
            except MlflowException as error:
                if error.error_code in ABSENT:
                    return None
                raise

    def tag_figures(self, version: str, figures: Mapping[str, float], verdict: str) -> None:
        """Writes a version's figures on the test split and the verdict in words on its page."""
        with self._answering():
            for name, value in figures.items():
                self._client.set_model_version_tag(MODEL, version, f"{FIGURE}{name}", f"{value:.6f}")
            self._client.update_model_version(MODEL, version, verdict)

    def versions(self) -> list[Version]:
        """All versions, oldest first."""
        with self._answering():
            found = self._client.search_model_versions(f"name = '{MODEL}'")
        return sorted((_version(item) for item in found), key=lambda version: int(version.number))

    def load(self, version: Version) -> ServedModel:
        """The fitted model of a version and what it saw. VersionUnusable: this code can't stand for it."""
        with tempfile.TemporaryDirectory() as folder:
            with self._answering():
                uri = f"models:/{MODEL}/{version.number}"
                path = mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=folder, tracking_uri=self._uri)
                coverage, proof = (
                    mlflow.artifacts.load_text(f"runs:/{version.run_id}/{file}") for file in (COVERAGE_FILE, PROOF_FILE)
                )
            with _readable(version):
                model = skops.io.load(Path(path) / "model.skops", trusted=list(TRUSTED_TYPES))
                Proof.from_json(proof).hold(model)
                return ServedModel(version, model, Coverage.from_json(coverage))

    def _alias(self, alias: str, number: str) -> None:
        with self._answering():
            self._client.set_registered_model_alias(MODEL, alias, number)

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except (MlflowException, RequestException) as error:
            raise RegistryAway(f"MLflow at {self._uri}: {error}") from error


@contextmanager
def _readable(version: Version) -> Iterator[None]:
    """Whatever a model's file, or one of an older or newer code, can make its readers raise becomes one error."""
    try:
        yield
    except VersionUnusable as error:
        raise VersionUnusable(f"version {version.number}: {error}") from error
    except UNREADABLE as error:
        raise VersionUnusable(f"version {version.number} can't be read: {error!r}") from error


def _run_name(key: FitKey) -> str:
    return f"batch {key.batch} {key.candidate} on {'+'.join(key.rows)}"


def _fit_run(run: Run) -> FitRun:
    return FitRun(run.info.run_id, dict(run.data.metrics))


def _version(found: ModelVersion) -> Version:
    tags = found.tags
    return Version(
        number=str(found.version),
        candidate=tags["candidate"],
        target=tags["target"],
        threshold=float(tags["threshold"]),
        batch=int(tags["batch"]),
        snapshot=tags["snapshot"],
        code=tags["code"],
        run_id=str(found.run_id),
        figures={name.removeprefix(FIGURE): float(text) for name, text in tags.items() if name.startswith(FIGURE)},
    )


def _requirements() -> list[str]:
    return [f"{name}=={installed(name)}" for name in REQUIREMENTS]

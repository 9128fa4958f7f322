"""The models of runs that only compared candidates: releases until 0.1 stored them, and nothing loads them."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from mlflow.entities import LoggedModel, Run

from readmit.core.splitting import SELECTION_SPLITS
from readmit.core.version import MODEL
from readmit.io.registry.experiment_runs import EXPERIMENT
from readmit.io.registry.mlflow_server import create_client, translated_errors


class ComparedModels:
    """The models of finished comparisons on one MLflow server, except those of versions.

    Every method raises RegistryUnavailable when the server fails.
    """

    def __init__(self, tracking_uri: str) -> None:
        self._uri = tracking_uri
        self._client = create_client(tracking_uri)

    def prefixes(self) -> list[str]:
        """Return the prefix of the names of each model's objects in the bucket of the MLflow server."""
        with translated_errors(self._uri):
            return [f"{urlsplit(model.artifact_location).path.strip('/')}/" for model in self._models()]

    def remove(self) -> None:
        """Remove the models from the server, which leaves their files to the caller."""
        with translated_errors(self._uri):
            for model in self._models():
                self._client.delete_logged_model(model.model_id)

    def _models(self) -> list[LoggedModel]:
        experiment = self._client.get_experiment_by_name(EXPERIMENT)
        if experiment is None:
            return []
        of_versions = {item.run_id for item in self._client.search_model_versions(f"name = '{MODEL}'")}
        compared = {run.info.run_id for run in self._compared_runs(experiment.experiment_id)} - of_versions
        return [model for model in self._logged(experiment.experiment_id) if model.source_run_id in compared]

    def _compared_runs(self, experiment_id: str) -> Iterator[Run]:
        query, token = f"tags.rows = '{'+'.join(SELECTION_SPLITS)}' and attributes.status != 'RUNNING'", None
        while True:
            page = self._client.search_runs([experiment_id], query, page_token=token)
            yield from page
            if not (token := page.token):
                return

    def _logged(self, experiment_id: str) -> Iterator[LoggedModel]:
        token = None
        while True:
            page = self._client.search_logged_models([experiment_id], page_token=token)
            yield from page
            if not (token := page.token):
                return

"""One MLflow server: reached within a minute or not at all, its failures one error of ours."""

from collections.abc import Iterator
from contextlib import contextmanager

import mlflow
from mlflow import MlflowClient
from mlflow.environment_variables import (
    MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD,
    MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD,
    MLFLOW_HTTP_REQUEST_MAX_RETRIES,
    MLFLOW_HTTP_REQUEST_TIMEOUT,
)
from mlflow.exceptions import MlflowException
from requests.exceptions import RequestException

from readmit.core.errors import RegistryUnavailable

PROOF_FILE = "proof.json"
"""What a run keeps beside its model, without which no version of it is loaded."""


def client_of(tracking_uri: str) -> MlflowClient:
    """A client of the server, which is from now on the one that `mlflow`'s own functions talk to."""
    # As it comes, the client tries for minutes; our callers try again by themselves.
    MLFLOW_HTTP_REQUEST_MAX_RETRIES.set(2)
    MLFLOW_HTTP_REQUEST_TIMEOUT.set(60)
    # Files come and go through the server: the S3 server behind it may be out of our reach, as it is of the API's.
    MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD.set(False)
    MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD.set(False)
    mlflow.set_tracking_uri(tracking_uri)
    return MlflowClient(tracking_uri)


@contextmanager
def answering(tracking_uri: str) -> Iterator[None]:
    """RegistryAway: the server does not answer, or not as it should."""
    try:
        yield
    except (MlflowException, RequestException) as error:
        raise RegistryUnavailable(f"MLflow at {tracking_uri}: {error}") from error

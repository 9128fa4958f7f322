"""Access to one MLflow server by its own library: short timeouts, and one error for all failures."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import mlflow
from mlflow import MlflowClient
from mlflow.environment_variables import (
    MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD,
    MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD,
    MLFLOW_HTTP_REQUEST_MAX_RETRIES,
    MLFLOW_HTTP_REQUEST_TIMEOUT,
    MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT,
)
from mlflow.exceptions import MlflowException
from requests.exceptions import RequestException

from readmit.core.errors import RegistryUnavailable
from readmit.core.private_host import is_private
from readmit.proxy_bypass import bypass_proxy

PARITY_CHECK_FILE = "proof.json"
"""The run's file with the parity check of its model; without it no version of the model is loaded."""


def create_client(tracking_uri: str) -> MlflowClient:
    """Create a client of the server, and make it the server that `mlflow`'s module functions use."""
    # By default the client retries for minutes; the callers retry by themselves.
    MLFLOW_HTTP_REQUEST_MAX_RETRIES.set(2)
    MLFLOW_HTTP_REQUEST_TIMEOUT.set(60)
    # Files go through the server: the S3 server behind it may be unreachable from here, as it is from the API.
    MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD.set(False)
    MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD.set(False)
    # It would request each run again to print its URL, which is often an internal one; a day shows its runs' links.
    MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT.set(True)
    if is_private(host := urlsplit(tracking_uri).hostname or ""):
        # MLflow's client has no option for this.
        bypass_proxy((host,))
    mlflow.set_tracking_uri(tracking_uri)
    return MlflowClient(tracking_uri)


@contextmanager
def translated_errors(tracking_uri: str) -> Iterator[None]:
    """Raise RegistryUnavailable in place of the errors of MLflow's client."""
    try:
        yield
    except (MlflowException, RequestException) as error:
        raise RegistryUnavailable(f"MLflow at {tracking_uri}: {error}") from error

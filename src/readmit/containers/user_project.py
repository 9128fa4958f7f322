"""The user's own container stack: its project, according to the settings."""

from collections.abc import Mapping

from readmit.containers.external_source import SOURCE_TOKEN, instance_credentials, select_servers, select_source
from readmit.containers.project import ROOT, Project, container_ids
from readmit.settings import PREFIX, Settings, environment_with, texts_of

NAME = "readmit"
SECRETS = ROOT / "var/compose/secrets"
SHOWN_SECRETS = str(SECRETS.relative_to(ROOT))
PASSED_ON = tuple(
    f"{PREFIX}{name}"
    for name in (
        *("AIRFLOW_PORT", "AIRFLOW_SCHEDULE", "ALLOWED_HOSTS", "API_PORT", "API_URLS", "COST_RATIO"),
        *("DAY_MAX_BATCHES", "EC2_API_PORT", "GRAFANA_PORT", "LOCUST_PORT", "MLFLOW_ALLOWED_HOSTS", "MLFLOW_PORT"),
        *("MODEL_POLL_SECONDS", "MYSQL_PORT", "PREFECT_PORT", "PROMETHEUS_PORT", "RETRY_DELAY_SECONDS", "S3_PORT"),
        *("SCHEDULE", "SOURCE_BATCH_SIZE", "SOURCE_DOWNLOAD_URL", "SOURCE_INTERVAL_SECONDS", "SOURCE_MENDED"),
        *("TARGET", "UI_PORT"),
    )
)
"""Settings that the Compose files take from variables: Compose reads no NAME_FILE."""
WEBHOOK_FILE = "compose/own-webhook.yaml"
"""The Compose file with which Alertmanager sends alerts."""


def project_of(settings: Settings, publish_stores: bool = False) -> Project:
    """Return the project. Raises StackError when a setting of an external server is missing."""
    servers = select_servers(settings)
    data = {} if settings.data is None else {"READMIT_DATA": str(settings.data.absolute())}
    webhook = () if settings.alert_webhook is None else (WEBHOOK_FILE,)
    published = ("compose/publish-stores.yaml",) if publish_stores else ()
    own = {"READMIT_SECRETS": str(SECRETS), "READMIT_SOURCE_TOKEN_FILE": str(SECRETS / SOURCE_TOKEN)}
    return Project(
        NAME, {**texts_of(PASSED_ON), **data, **servers.variables, **own}, (*servers.files, *webhook, *published)
    )


def external_secrets(settings: Settings) -> Mapping[str, str]:
    """Return the secrets of servers outside the stack, by file name: stores, data API and the alert webhook.

    Raises StackError when a setting of an external server is missing.
    """
    webhook = {} if settings.alert_webhook is None else {"alert_webhook": settings.secret("alert_webhook")}
    return {**select_servers(settings).secrets, **instance_credentials(settings), **webhook}


def load_test_environment(settings: Settings) -> dict[str, str]:
    """Return this process's environment with the token of the stack's data API, for a load test on this machine."""
    if select_source(settings).files:
        # That of an external data API is in the environment, if it has any.
        return environment_with({})
    return environment_with(
        {"READMIT_SOURCE_TOKEN_FILE": str(SECRETS / SOURCE_TOKEN)}, without=["READMIT_SOURCE_TOKEN"]
    )


def is_up() -> bool:
    """Return whether one of its containers runs."""
    return bool(container_ids(NAME, include_stopped=False))


def exists() -> bool:
    """Return whether it has a container, running or not."""
    return bool(container_ids(NAME, include_stopped=True))

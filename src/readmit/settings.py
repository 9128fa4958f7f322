"""Every setting; the environment is read here and nowhere else.

A setting NAME is read from `READMIT_NAME`, or from the file that `READMIT_NAME_FILE` names, so that a secret need not
be in the environment. Settings that a tool also reads by itself keep the tool's name.
"""

import os
import ssl
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from readmit import setting_files, setting_values
from readmit.core.opening_hours import OpeningHours
from readmit.core.threshold import threshold_from_cost_ratio
from readmit.cron import check_cron
from readmit.setting_files import FileSource
from readmit.setting_files import SettingError as SettingError
from readmit.setting_values import ComposeProject, NamedAddresses, Texts, UserPath, WebAddress, WebAddresses

PREFIX = "READMIT_"
COMMAND_LOG = "READMIT_COMMAND_LOG"
"""Not a setting of the user: `just` sets it for commands that it runs in a stack."""
DAY_SECONDS = 86_400
MIN_COST_RATIO = 1e-6
Port = Annotated[int, Field(ge=1, le=65535)]
Cron = Annotated[str, AfterValidator(check_cron)]


class Settings(BaseSettings):
    """A frozen set of settings. Secrets have no default; `secret` raises an error that names a missing one."""

    # Empty counts as unset: Compose passes an unset variable on as an empty one, and no secret may be empty.
    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="ignore", populate_by_name=True
    )

    data: UserPath | None = Field(
        None, description="CSV or zip file in UCI's layout; unset: download UCI's file, or else generate a sample"
    )
    source_url: Annotated[str, AfterValidator(setting_values.source_address)] = Field(
        "http://127.0.0.1:5001",
        description="address of the data API; unset, with an EC2 instance: https://ADDRESS:5001, with the address that "
        "the instance got at its last start",
    )
    source_token: SecretStr | None = Field(
        None, description="token that the data API requires for batches; unset: none is required"
    )
    source_ca: Annotated[UserPath, AfterValidator(setting_values.ca_file)] | None = Field(
        None,
        description="file of the CA certificate that verifies the data API over https; required with an address that "
        "changes, otherwise unset: the CAs of the system",
    )
    ec2_instance_id: Annotated[str, AfterValidator(setting_values.instance_id)] | None = Field(
        None, description="EC2 instance of the data API, which a day starts if necessary; unset: there is none"
    )
    ec2_tag: Annotated[tuple[str, str] | None, NoDecode, BeforeValidator(setting_values.tag)] = Field(
        None, description="a tag of that instance, as KEY=VALUE, in place of its id"
    )
    ec2_hours: Annotated[OpeningHours, NoDecode, BeforeValidator(setting_values.opening_hours)] = Field(
        OpeningHours.parse("08:55-23:55 America/Lima"),
        description="hours in which the instance may be started, also of some days (MON-FRI 08:55-23:55 America/Lima); "
        "outside them, a day ends when the instance is stopped",
    )
    ec2_credentials: UserPath | None = Field(
        None,
        description="file with AWS credentials in the format of ~/.aws/credentials, profile default; unset: those that "
        "boto3 finds, but containers require the file",
    )
    aws_default_region: Annotated[str, AfterValidator(setting_values.region)] = Field(
        "us-east-1", validation_alias="AWS_DEFAULT_REGION", description="AWS region of the instance"
    )
    aws_endpoint_url_ec2: WebAddress | None = Field(
        None, validation_alias="AWS_ENDPOINT_URL_EC2", description="address of an EC2 API in place of AWS's, for tests"
    )
    day_max_batches: int | None = Field(
        None,
        ge=1,
        description="maximum number of batches of a scheduled day, which takes all that are released and not done; "
        "unset: no maximum",
    )
    database_url: Annotated[str, AfterValidator(setting_values.database_address)] = Field(
        "sqlite:///var/local/db", description="sqlite:///FOLDER (a file per database) or mysql://USER@HOST:PORT"
    )
    database_password: SecretStr | None = Field(None, description="password of the MySQL user")
    database_tls: Literal["off", "verify"] = Field(
        "off",
        description="verify: connect to MySQL over TLS only, and verify its certificate and host name; off: neither",
    )
    database_tls_ca: UserPath | None = Field(
        None,
        validate_default=True,
        description="file of the CA certificate that verifies the MySQL server; required by verify",
    )
    s3_url: Annotated[str, AfterValidator(setting_values.server_address)] = Field(
        "http://127.0.0.1:8333", description="address of the S3 server"
    )
    s3_access_key: str | None = Field(None, description="user of the S3 server")
    s3_secret_key: SecretStr | None = Field(None, description="secret of that user")
    mlflow_tracking_uri: WebAddress = Field(
        "http://127.0.0.1:5000", validation_alias="MLFLOW_TRACKING_URI", description="address of the MLflow server"
    )
    api_urls: WebAddresses = Field(
        ("http://127.0.0.1:8000",),
        min_length=1,
        description="addresses of the inference API, separated by commas; a host name may resolve to several replicas",
    )
    allowed_hosts: Annotated[Texts, AfterValidator(setting_values.host_names)] = Field(
        ("localhost", "127.0.0.1", "[::1]", "api", "api-replicas", "ec2-api", "ui"),
        min_length=1,
        description="hosts, without port, that requests to the APIs and the page may name in their Host and Origin "
        "headers, separated by commas",
    )
    reload_token: SecretStr | None = Field(None, description="token that authorizes the API to reload its model")
    api_key: SecretStr | None = Field(
        None, description="key that the inference API requires for predictions, as X-API-Key; unset: none is required"
    )
    key_secret: SecretStr | None = Field(None, description="secret that pseudonymizes encounter and patient numbers")
    target: Literal["within_30_days", "any"] = Field(
        "within_30_days", description="what counts as a readmission: within_30_days or any"
    )
    cost_ratio: float | None = Field(
        None,
        ge=MIN_COST_RATIO,
        le=1 / MIN_COST_RATIO,
        allow_inf_nan=False,
        description="cost of a missed readmission, in needless follow-ups; the threshold is 1 / (1 + cost ratio). "
        "Unset: 6 for within_30_days, 1 for any",
    )
    train_memory_mb: int = Field(
        2000,
        ge=1,
        description="memory in MB that a training may take; a candidate that would take more is left out, and the run "
        "says so",
    )
    retry_delay_seconds: float | None = Field(
        None, ge=0, le=DAY_SECONDS, description="seconds before a failed step is retried; unset: as in the step table"
    )
    model_folder: UserPath = Field(
        Path("var/local/models"), description="folder in which the API keeps a copy of the model that it serves"
    )
    model_poll_seconds: float = Field(
        5, gt=0, le=DAY_SECONDS, description="seconds between checks for a newer production model"
    )
    pushgateway_url: WebAddress | None = Field(
        None, description="address of the Pushgateway, for the metrics of steps and failed runs; unset: none are pushed"
    )
    services: NamedAddresses = Field(
        (),
        description="health addresses of the services that the inference API probes: NAME=ADDRESS, separated by commas",
    )
    pages: NamedAddresses = Field(
        (), description="addresses of the web pages of these services: NAME=ADDRESS, separated by commas"
    )
    schedule: Cron | None = Field(
        None, description="when Prefect starts a day, as a cron expression in America/Lima; unset: 30 9 * * *"
    )
    airflow_schedule: Cron | None = Field(None, description="the same for Airflow; unset: days are started by hand")
    pipeline_python: UserPath = Field(Path("/venv/bin/python"), description="Python in which Airflow runs the steps")
    alert_webhook: SecretStr | None = Field(
        None, description="address of the webhook that containers send alerts to, as a secret; unset: none are sent"
    )
    mlflow_allowed_hosts: Annotated[Texts, AfterValidator(setting_values.host_names)] = Field(
        (), description="further hosts, without port, that requests to the MLflow server may name, separated by commas"
    )
    mlflow_page_url: WebAddress | None = Field(
        None, description="address of the MLflow server for a browser; unset: MLFLOW_TRACKING_URI"
    )
    project: ComposeProject = Field("readmit", description="Compose project of this clone; another clone needs another")
    ec2_api_port: Port = Field(5001, description="port on 127.0.0.1 of the data API of a stack that stays up")
    s3_port: Port = Field(8333, description="the same for the S3 server; containers publish it on request only")
    mlflow_port: Port = Field(5000, description="the same for the MLflow server")
    api_port: Port = Field(8000, description="the same for the inference API")
    ui_port: Port = Field(8501, description="the same for the web page")

    _http_safe = field_validator(
        "reload_token", "api_key", "source_token", "alert_webhook", "s3_access_key", "s3_secret_key"
    )(setting_values.http_safe)

    _webhook = field_validator("alert_webhook")(setting_values.webhook)

    @field_validator("s3_port", "mlflow_port", "api_port", "ui_port")
    @classmethod
    def _own_port(cls, value: int, info: ValidationInfo) -> int:
        for name, port in info.data.items():
            if name.endswith("_port") and port == value:
                raise ValueError(f"{value} is the port of {PREFIX}{name.upper()}, too: choose another")
        return value

    @field_validator("database_tls_ca")
    @classmethod
    def _readable_ca(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if info.data.get("database_tls") != "verify":
            return value
        if value is None:
            raise ValueError(f"not set, but {PREFIX}DATABASE_TLS=verify requires a CA certificate")
        return setting_values.ca_file(value)

    @field_validator("ec2_tag")
    @classmethod
    def _one_selection(cls, value: tuple[str, str] | None, info: ValidationInfo) -> tuple[str, str] | None:
        if value is not None and info.data.get("ec2_instance_id"):
            raise ValueError(f"{PREFIX}EC2_INSTANCE_ID is set, too: unset one of them")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        *_: PydanticBaseSettingsSource,
        **sources: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments first, then the environment, then files."""
        return (sources["init_settings"], sources["env_settings"], FileSource(settings_cls, PREFIX, os.environ))

    @classmethod
    def from_environment(cls) -> Self:
        """Return the settings of this process. Raises SettingError, which hides the value, when one is invalid."""
        try:
            return cls()
        except ValidationError as error:
            errors = [(str(item["loc"][0]), item["msg"]) for item in error.errors(include_input=False)]
            # Pydantic locates a field by its alias, if any, or by its name.
            names = [f"{PREFIX}{place.upper()}" if place in cls.model_fields else place for place, _ in errors]
            messages = [f"{name}: {message}" for name, (_, message) in zip(names, errors, strict=True)]
        raise SettingError("; ".join(messages))

    @property
    def has_ec2_instance(self) -> bool:
        """Whether the data API runs on an EC2 instance that is started and stopped."""
        return self.ec2_instance_id is not None or self.ec2_tag is not None

    @property
    def fixed_source_url(self) -> str | None:
        """Address of the data API; None when it is that of the EC2 instance, which changes at each start."""
        changes = self.has_ec2_instance and "source_url" not in self.model_fields_set
        return None if changes else self.source_url

    @property
    def source_tls(self) -> ssl.SSLContext | None:
        """TLS context that verifies the data API by its CA certificate; None: by the CAs of the system."""
        return None if self.source_ca is None else setting_values.ca_context(self.source_ca)

    @property
    def threshold(self) -> float:
        """Probability from which a follow-up is worth its cost: 1 / (1 + cost ratio)."""
        return threshold_from_cost_ratio(self.cost_ratio, self.target)

    def retry_delay(self, default: float) -> float:
        """Return the seconds before a step is retried: the step table's, unless the setting overrides it."""
        return default if self.retry_delay_seconds is None else self.retry_delay_seconds

    def secret(self, name: str) -> str:
        """Return the secret as text. Raises SettingError when it is not set."""
        value = getattr(self, name)
        if value is None:
            raise SettingError(f"{PREFIX}{name.upper()} is not set")
        return value.get_secret_value() if isinstance(value, SecretStr) else str(value)

    @property
    def s3_login(self) -> tuple[str, str, str]:
        """Address, user name and secret key of the S3 server."""
        return self.s3_url, self.secret("s3_access_key"), self.secret("s3_secret_key")

    @property
    def database_address(self) -> str:
        """The database's URL with the password and, for verified TLS, the CA file."""
        password = None if self.database_password is None else self.database_password.get_secret_value()
        ca_file = self.database_tls_ca if self.database_tls == "verify" else None
        return setting_values.with_login(self.database_url, password, ca_file)


def load() -> Settings:
    """Return the settings of this process. Raises SettingError, which hides the value, when one is invalid."""
    return Settings.from_environment()


def texts_of(names: Iterable[str]) -> dict[str, str]:
    """Return the texts of the settings that are set, by their names, for a program that reads no files.

    Raises SettingError when the file of a setting can't be read.
    """
    return setting_files.texts_of(names, os.environ)


def command_log() -> str:
    """Return the path of the log for the command that this process is, empty for standard error."""
    return os.environ.get(COMMAND_LOG, "")


def environment_with(overrides: Mapping[str, str], without: Collection[str] = ()) -> dict[str, str]:
    """Return this process's environment for a child process, with some variables overridden and others removed.

    The `NAME_FILE` of an overridden variable is removed, too: a setting and its file together are an error.
    """
    removed = {*without, *(f"{name}_FILE" for name in overrides)}
    return {**{name: value for name, value in os.environ.items() if name not in removed}, **overrides}

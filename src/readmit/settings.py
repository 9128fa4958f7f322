"""Every setting, read from the environment here and nowhere else.

A setting NAME is `READMIT_NAME`; any can be read from a file by `READMIT_NAME_FILE`, so that a secret need
not stand in the environment. What a tool reads by itself keeps the tool's name.
"""

import os
import re
import ssl
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from readmit.cron import check_cron

PREFIX = "READMIT_"
Port = Annotated[int, Field(ge=1, le=65535)]
HOST_NAME = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\]")
DEFAULT_COST_RATIO = {"within_30_days": 6.0, "any": 1.0}


class SettingError(ValueError):
    """A setting is absent or can't be used; the text names it. Another try gives the same result."""

    final = True


class FileSource(PydanticBaseSettingsSource):
    """Reads a setting NAME from the file that `NAME_FILE` names; an empty file sets nothing."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        name = field.validation_alias or f"{PREFIX}{field_name.upper()}"
        variable = f"{name}_FILE"
        path = os.environ.get(variable)
        if not path:
            return None, field_name, False
        if os.environ.get(name):
            raise SettingError(f"{name} and {variable} are both set: keep one")
        try:
            return Path(path).read_text().strip() or None, field_name, False
        except OSError as error:
            raise SettingError(f"{variable}: {error}") from error

    def __call__(self) -> dict[str, Any]:
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


class Settings(BaseSettings):
    """One frozen set of settings. Secrets have no default; `secret` says which one is absent."""

    # Empty is not set: Compose hands an unset variable on as an empty one, and no secret may be empty.
    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="ignore", populate_by_name=True
    )

    data: Path | None = Field(
        None,
        description="a CSV or zip in UCI's layout; unset: UCI's own is downloaded, else a sample made",
    )
    source_url: str = Field("http://127.0.0.1:5001", description="address of the data API")
    ec2_instance_id: str | None = Field(
        None, description="the instance that runs the data API; unset: its state is not asked"
    )
    database_url: str = Field(
        "sqlite:///var/local/db",
        description="sqlite:///FOLDER (a file per database) or mysql://USER@HOST:PORT",
    )
    database_password: SecretStr | None = Field(None, description="password of the MySQL user")
    database_tls: Literal["off", "verify"] = Field(
        "off",
        description="verify: MySQL is spoken to by TLS alone, and its certificate and host name are checked; "
        "off: neither",
    )
    database_tls_ca: Path | None = Field(
        None,
        validate_default=True,
        description="file of the authority that signed the certificate of the MySQL server; needed by verify",
    )
    s3_url: str = Field("http://127.0.0.1:8333", description="address of the S3 server")
    s3_access_key: str | None = Field(None, description="user of the S3 server")
    s3_secret_key: SecretStr | None = Field(None, description="secret of that user")
    mlflow_tracking_uri: str = Field(
        "http://127.0.0.1:5000",
        validation_alias="MLFLOW_TRACKING_URI",
        description="address of the MLflow server",
    )
    api_urls: Annotated[tuple[str, ...], NoDecode] = Field(
        ("http://127.0.0.1:8000",),
        description="addresses of the inference API, by commas; a name may stand for several replicas",
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        ("localhost", "127.0.0.1", "[::1]", "api", "ec2-api", "ui"),
        description="hosts, without port, that requests to the APIs and the page may name in their Host and Origin "
        "headers, by commas",
    )
    reload_token: SecretStr | None = Field(None, description="token that lets the API reload its model")
    api_key: SecretStr | None = Field(
        None, description="key that the inference API asks for predictions, as X-API-Key; unset: it asks for none"
    )
    key_secret: SecretStr | None = Field(
        None, description="secret under which encounter and patient numbers become keys"
    )
    target: Literal["within_30_days", "any"] = Field("within_30_days", description="what counts as readmitted")
    cost_ratio: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="what a missed readmission costs, in needless follow-ups; the threshold is 1 / (1 + this). "
        "Unset: 6 for within_30_days, 1 for any",
    )
    retry_delay_seconds: float | None = Field(
        None, ge=0, description="shortens the pause before a step's next try; unset: as the table says"
    )
    model_folder: Path = Field(
        Path("var/local/models"), description="where the API keeps a copy of the model that it serves"
    )
    model_poll_seconds: float = Field(5, gt=0, description="how often the API asks for a newer production model")
    pushgateway_url: str | None = Field(
        None, description="address of Prometheus's pushgateway, which a day's figures go to; unset: they go nowhere"
    )
    services: Annotated[tuple[tuple[str, str], ...], NoDecode] = Field(
        (), description="what the inference API asks whether it is up: NAME=ADDRESS that answers 200, by commas"
    )
    pages: Annotated[tuple[tuple[str, str], ...], NoDecode] = Field(
        (), description="where a person's browser finds them: NAME=ADDRESS, by commas"
    )
    schedule: str | None = Field(
        None, description="when Prefect begins a day, as cron says it, in America/Lima; unset: 30 9 * * *"
    )
    airflow_schedule: str | None = Field(
        None, description="the same for Airflow, its mirror; unset: only when it is asked to"
    )
    pipeline_python: Path = Field(
        Path("/venv/bin/python"), description="the Python in which Airflow carries out the steps"
    )
    alertmanager_url: str | None = Field(
        None, description="address of Prometheus's alertmanager, which is told of a failed day; unset: nobody is"
    )
    mlflow_page_url: str | None = Field(
        None, description="address of the MLflow server for a person's browser; unset: MLFLOW_TRACKING_URI"
    )
    ec2_api_port: Port = Field(5001, description="port on 127.0.0.1 of the data API of a stack that stays up")
    s3_port: Port = Field(8333, description="the same of the S3 server; containers publish it if asked to")
    mlflow_port: Port = Field(5000, description="the same of the MLflow server")
    api_port: Port = Field(8000, description="the same of the inference API")
    ui_port: Port = Field(8501, description="the same of the page for people")

    @field_validator("api_urls", "allowed_hosts", mode="before")
    @classmethod
    def _split_commas(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("services", "pages", mode="before")
    @classmethod
    def _named_addresses(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = tuple(tuple(part.strip().split("=", 1)) for part in value.split(",") if part.strip())
        for pair in pairs:
            parts = urlsplit(pair[-1])
            if len(pair) < 2 or not pair[0] or parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError(f"{pair[0]!r} is not followed by an address, as in mlflow=http://HOST:PORT/health")
        return pairs

    @field_validator("schedule", "airflow_schedule")
    @classmethod
    def _cron(cls, value: str | None) -> str | None:
        return None if value is None else check_cron(value)

    @field_validator("source_url", "s3_url", "api_urls", "pushgateway_url", "alertmanager_url", "mlflow_page_url")
    @classmethod
    def _web_address(cls, value: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        for address in (value,) if isinstance(value, str) else value or ():
            parts = urlsplit(address)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError("not an address such as http://HOST:PORT")
        return value

    @field_validator("allowed_hosts")
    @classmethod
    def _host_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if not HOST_NAME.fullmatch(name):
                raise ValueError(f"{name!r} is not a host without port, such as localhost, 127.0.0.1 or [::1]")
        return tuple(name.lower() for name in value)

    @field_validator("reload_token", "api_key")
    @classmethod
    def _fits_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not (value.get_secret_value().isascii() and value.get_secret_value().isprintable()):
            raise ValueError("it holds what can't stand in an HTTP header")
        return value

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("sqlite", "mysql"):
            raise ValueError("it starts neither with sqlite:// nor with mysql://")
        if parts.scheme == "mysql" and not (parts.username and parts.hostname):
            raise ValueError("it lacks user or host: mysql://USER@HOST:PORT")
        return value

    @field_validator("database_tls_ca")
    @classmethod
    def _readable_authority(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if info.data.get("database_tls") != "verify":
            return value
        if value is None:
            raise ValueError(f"not set, and {PREFIX}DATABASE_TLS=verify needs the file of an authority")
        try:
            ssl.create_default_context(cafile=value)
        except OSError as error:
            raise ValueError(f"{value} can't be read as the certificate of an authority: {error}") from error
        return value.absolute()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        *_: PydanticBaseSettingsSource,
        **sources: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (sources["init_settings"], sources["env_settings"], FileSource(settings_cls))

    @property
    def threshold(self) -> float:
        """The probability from which a follow-up is worth its cost: 1 / (1 + cost ratio)."""
        return 1 / (1 + (self.cost_ratio or DEFAULT_COST_RATIO[self.target]))

    def retry_delay(self, usual: float) -> float:
        """Seconds before a step's next try: the table's, unless the setting shortens it."""
        return usual if self.retry_delay_seconds is None else self.retry_delay_seconds

    def secret(self, name: str) -> str:
        """The secret's text. SettingError: it is not set."""
        value = getattr(self, name)
        if value is None:
            raise SettingError(f"{PREFIX}{name.upper()} is not set")
        return value.get_secret_value() if isinstance(value, SecretStr) else str(value)

    @property
    def s3_login(self) -> tuple[str, str, str]:
        """Address, user and secret of the S3 server."""
        return self.s3_url, self.secret("s3_access_key"), self.secret("s3_secret_key")

    @property
    def database_address(self) -> str:
        """The database's URL with the password in its place, and with the authority that it must be verified by."""
        parts = urlsplit(self.database_url)
        if parts.scheme == "sqlite":
            return self.database_url
        if self.database_tls == "verify":
            parts = parts._replace(query=urlencode({"ssl_ca": str(self.database_tls_ca)}))
        if self.database_password is None:
            return urlunsplit(parts)
        password, host = quote(self.database_password.get_secret_value(), safe=""), parts.netloc.rpartition("@")[2]
        return urlunsplit(parts._replace(netloc=f"{parts.username}:{password}@{host}"))


def load() -> Settings:
    """The settings of this process. SettingError: one can't be used; the text names it and hides its value."""
    try:
        return Settings()
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False)
        raise SettingError(
            "; ".join(f"{_variable(str(fault['loc'][0]))}: {fault['msg']}" for fault in faults)
        ) from None


def _variable(location: str) -> str:
    """pydantic names a field by its alias or, where it has none, by its own name."""
    return f"{PREFIX}{location.upper()}" if location in Settings.model_fields else location


def environment_with(own: Mapping[str, str], without: Collection[str] = ()) -> dict[str, str]:
    """This process's environment for a child process, with some variables on top and others left out.

    The `NAME_FILE` of a variable on top is left out, too: a setting and its file together are an error.
    """
    dropped = {*without, *(f"{name}_FILE" for name in own)}
    return {**{name: value for name, value in os.environ.items() if name not in dropped}, **own}


def reach_directly(hosts: Collection[str]) -> None:
    """From now on this process and its children reach these hosts past the proxy of the environment, if it has one."""
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        # Python on macOS asks the system for its proxies as long as the environment says nothing of any.
        return
    said = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    known = [host.strip() for host in said.split(",") if host.strip()]
    if "*" not in known:
        direct = ",".join(dict.fromkeys([*known, *hosts]))
        os.environ.update(no_proxy=direct, NO_PROXY=direct)

"""Whose servers keep the data: those of the stack, or a MySQL and an S3 server of one's own, by settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from readmit.settings import Settings
from readmit.stacks.errors import StackError

DATABASE_URLS = ("READMIT_DATABASE_URL", "READMIT_MLFLOW_DATABASE_URL", "READMIT_READER_DATABASE_URL")
"""A user each on our own server, one and the same on another."""

DATABASE_CA = "database_ca.pem"


@dataclass(frozen=True, slots=True)
class Stores:
    """`files`: those of compose/ that leave a server out; `secrets` and `variables` for who reaches one's own."""

    files: tuple[str, ...]
    secrets: Mapping[str, str]
    variables: Mapping[str, str]


def chosen(settings: Settings) -> Stores:
    """As the settings say; what they leave at its default is the stack's own. StackRefused: a part of one is absent."""
    files, secrets, variables = list[str](), dict[str, str](), dict[str, str]()
    if "database_url" in settings.model_fields_set:
        files.append("compose/own-mysql.yaml")
        password = _of(settings, "database_password")
        secrets |= dict.fromkeys(("flows_password", "mlflow_password", "reader_password"), password)
        variables |= dict.fromkeys(DATABASE_URLS, _mysql(settings.database_url))
    if settings.database_tls == "verify":
        files.append("compose/own-mysql-tls.yaml")
        secrets[DATABASE_CA] = _authority(settings)
    if "s3_url" in settings.model_fields_set:
        files.append("compose/own-s3.yaml")
        secrets |= {name: _of(settings, name) for name in ("s3_access_key", "s3_secret_key")}
        variables["READMIT_S3_URL"] = settings.s3_url
    return Stores(tuple(files), secrets, variables)


def _authority(settings: Settings) -> str:
    """Return the text of the file by which a MySQL server of one's own is verified."""
    if "database_url" not in settings.model_fields_set:
        raise StackError(
            "READMIT_DATABASE_TLS is verify, but READMIT_DATABASE_URL is not set: the stack's own MySQL server is "
            "reached by an inner network and has no certificate. Name a server of your own, or unset both"
        )
    assert settings.database_tls_ca is not None, "the settings have checked it"
    return settings.database_tls_ca.read_text()


def _mysql(address: str) -> str:
    if urlsplit(address).scheme != "mysql":
        raise StackError(f"READMIT_DATABASE_URL: {address} is no MySQL server, and containers need one; unset it")
    return address


def _of(settings: Settings, name: str) -> str:
    if getattr(settings, name) is None:
        raise StackError(f"READMIT_{name.upper()} is not set, and the server of your own needs it")
    return settings.secret(name)

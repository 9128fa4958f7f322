"""The servers that store the data: those of the stack, or an external MySQL or S3 server named by the settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from readmit.settings import Settings
from readmit.stacks.errors import StackError

DATABASE_URLS = ("READMIT_DATABASE_URL", "READMIT_MLFLOW_DATABASE_URL", "READMIT_READER_DATABASE_URL")
"""Separate accounts on the stack's own server; a single account on an external one."""

DATABASE_CA = "database_ca.pem"
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class ExternalServers:
    """`files`: the Compose files that replace a server; `secrets` and `variables`: how to reach the external one.

    `replaced`: services of the stack that a user may name, and that do not exist then.
    """

    files: tuple[str, ...]
    secrets: Mapping[str, str]
    variables: Mapping[str, str]
    replaced: tuple[str, ...] = ()


def select_stores(settings: Settings) -> ExternalServers:
    """Return the external stores that the settings select. Raises StackError when a setting of one is missing."""
    files, secrets, variables = list[str](), dict[str, str](), dict[str, str]()
    if "database_url" in settings.model_fields_set:
        files.append("compose/own-mysql.yaml")
        password = _required_secret(settings, "database_password")
        secrets |= dict.fromkeys(("flows_password", "mlflow_password", "reader_password"), password)
        variables |= dict.fromkeys(DATABASE_URLS, _mysql_url(settings.database_url))
    if settings.database_tls == "verify":
        files.append("compose/own-mysql-tls.yaml")
        secrets[DATABASE_CA] = _authority_certificate(settings)
    if "s3_url" in settings.model_fields_set:
        files.append("compose/own-s3.yaml")
        secrets |= {name: _required_secret(settings, name) for name in ("s3_access_key", "s3_secret_key")}
        variables["READMIT_S3_URL"] = reachable_address("READMIT_S3_URL", settings.s3_url)
    return ExternalServers(tuple(files), secrets, variables)


def _authority_certificate(settings: Settings) -> str:
    """Return the certificate of the authority that verifies an external MySQL server, as PEM."""
    if "database_url" not in settings.model_fields_set:
        raise StackError(
            "READMIT_DATABASE_TLS is verify, but READMIT_DATABASE_URL is not set: the stack's own MySQL server is on "
            "an internal network and has no certificate. Set READMIT_DATABASE_URL, or unset READMIT_DATABASE_TLS"
        )
    assert settings.database_tls_ca is not None, "the settings have checked it"
    return settings.database_tls_ca.read_text()


def _mysql_url(address: str) -> str:
    if urlsplit(address).scheme != "mysql":
        raise StackError(
            f"READMIT_DATABASE_URL: {address} is not the URL of a MySQL server, which containers require: unset it"
        )
    return reachable_address("READMIT_DATABASE_URL", address)


def reachable_address(setting: str, address: str) -> str:
    """Return the address of an external server. Raises StackError when it is that of this machine alone."""
    if urlsplit(address).hostname in LOOPBACK:
        raise StackError(
            f"{setting}: {address} is not reachable from containers, in which that address is their own: use an "
            "address of this machine on a network, or unset it"
        )
    return address


def _required_secret(settings: Settings, name: str) -> str:
    if getattr(settings, name) is None:
        raise StackError(f"READMIT_{name.upper()} is not set, but your external server requires it")
    return settings.secret(name)

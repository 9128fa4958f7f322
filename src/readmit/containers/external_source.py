"""The data API: the stack's own, or an external one, at a fixed address or on an EC2 instance."""

from configparser import Error as ConfigParserError
from configparser import RawConfigParser

from readmit.containers.external_stores import ExternalServers, reachable_address, select_stores
from readmit.settings import Settings
from readmit.stacks.errors import StackError

OWN_SERVICE = "ec2-api"
SOURCE_HEALTH, SOURCE_PAGE = "READMIT_SOURCE_HEALTH", "READMIT_SOURCE_PAGE"
"""Variables of Compose with the entry of an external data API in READMIT_SERVICES and READMIT_PAGES, or with none."""
SOURCE_TOKEN, SOURCE_CA, EC2_CREDENTIALS = "source_token", "source_ca.pem", "ec2_credentials.ini"
KEY, SESSION = ("aws_access_key_id", "aws_secret_access_key"), "aws_session_token"
"""Entries of an AWS credentials file: those of a key, and that of a temporary one."""


def select_servers(settings: Settings) -> ExternalServers:
    """Return all external servers that the settings select. Raises StackError when a setting of one is missing."""
    stores, source = select_stores(settings), select_source(settings)
    return ExternalServers(
        (*stores.files, *source.files),
        {**stores.secrets, **source.secrets},
        {**stores.variables, **source.variables},
        source.replaced,
    )


def select_source(settings: Settings) -> ExternalServers:
    """Return the external data API, if the settings select one. Raises StackError when a setting of it is missing."""
    if not settings.has_ec2_instance and "source_url" not in settings.model_fields_set:
        return ExternalServers((), {}, {})
    url = _reachable_url(settings)
    files = ["compose/own-source.yaml"]
    secrets = {SOURCE_TOKEN: "" if settings.source_token is None else settings.secret("source_token")}
    variables = {
        "READMIT_SOURCE_URL": url,
        SOURCE_HEALTH: f"{OWN_SERVICE}={url}/health," if url else "",
        SOURCE_PAGE: f"{OWN_SERVICE}={url}," if url else "",
    }
    if settings.source_ca is not None:
        files.append("compose/own-source-tls.yaml")
        secrets[SOURCE_CA] = settings.source_ca.read_text()
    if settings.has_ec2_instance:
        files.append("compose/own-source-instance.yaml")
        variables |= _instance_variables(settings)
    return ExternalServers(tuple(files), secrets, variables, (OWN_SERVICE,))


def instance_credentials(settings: Settings) -> dict[str, str]:
    """Return the secret of an EC2 instance by file name, if the settings select one: the key that may start it.

    Only `just up` needs it: a stack can be stopped without. Raises StackError when a setting of it is missing.
    """
    return {EC2_CREDENTIALS: _credentials(settings)} if settings.has_ec2_instance else {}


def _reachable_url(settings: Settings) -> str:
    """Return the address of the data API without a trailing slash, empty when it is that of an instance."""
    if settings.fixed_source_url is None:
        if settings.source_ca is None:
            raise StackError("READMIT_SOURCE_CA is not set, but it verifies the data API on your EC2 instance")
        return ""
    return reachable_address("READMIT_SOURCE_URL", settings.fixed_source_url).rstrip("/")


def _credentials(settings: Settings) -> str:
    """Return the key of the profile `default` of the user's file, and nothing else of it: containers need no more."""
    if settings.ec2_credentials is None:
        raise StackError("READMIT_EC2_CREDENTIALS is not set, but containers need it to start your EC2 instance")
    file, profiles = settings.ec2_credentials, RawConfigParser()
    try:
        profiles.read_string(file.read_text())
    except (OSError, UnicodeDecodeError, ConfigParserError) as error:
        raise StackError(f"READMIT_EC2_CREDENTIALS: {file}: {error}") from error
    profile = profiles["default"] if profiles.has_section("default") else {}
    if missing := [name for name in KEY if name not in profile]:
        raise StackError(f"READMIT_EC2_CREDENTIALS: {file} has no {' and no '.join(missing)} in a profile [default]")
    return "\n".join(["[default]", *(f"{name} = {profile[name]}" for name in (*KEY, SESSION) if name in profile), ""])


def _instance_variables(settings: Settings) -> dict[str, str]:
    return {
        "READMIT_EC2_INSTANCE_ID": settings.ec2_instance_id or "",
        "READMIT_EC2_TAG": "" if settings.ec2_tag is None else "=".join(settings.ec2_tag),
        "READMIT_EC2_HOURS": str(settings.ec2_hours),
        "AWS_DEFAULT_REGION": settings.aws_default_region,
        "AWS_ENDPOINT_URL_EC2": settings.aws_endpoint_url_ec2 or "",
    }

"""The environment variables of a stack's processes, including its secrets."""

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit

from readmit.embedded.seaweedfs import SIGNING_KEYS, tls_variables
from readmit.embedded.services import PAGE_PATHS, PROBED_PATHS
from readmit.network_variables import WITHOUT_PROXY, network_variables
from readmit.settings import environment_with
from readmit.stacks import atomic_file
from readmit.stacks.errors import StackError

SECRETS = ("READMIT_S3_ACCESS_KEY", "READMIT_S3_SECRET_KEY", "READMIT_RELOAD_TOKEN", "READMIT_KEY_SECRET")
TELEMETRY_OFF = {
    # MLflow does not accept "1" here.
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
}
"""No tool reports to its vendor."""
TOKEN = "READMIT_SOURCE_TOKEN"
ADDED_SECRETS = (*SIGNING_KEYS, TOKEN)
"""Secrets that a stack of an earlier version lacks; no stored data depend on them."""
OTHER_SOURCE = (
    *("READMIT_EC2_INSTANCE_ID", "READMIT_EC2_TAG", "READMIT_SOURCE_CA"),
    *("READMIT_SOURCE_TLS_CERTIFICATE", "READMIT_SOURCE_TLS_KEY"),
)
"""Settings of a source on another machine: this stack has its own, reached over HTTP on this machine."""


def variables(folder: Path, addresses: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of the stack in a folder. `addresses`: by service.

    Raises StackError when its secrets can't be read.
    """
    # Prefect's server runs only as long as a flow: a new login at each start of the stack is enough.
    prefect_login = f"admin:{secrets.token_hex(16)}"
    stack_secrets, source = _secrets(folder / "secrets.json"), urlsplit(addresses["ec2-api"])
    return {
        **{name: stack_secrets[name] for name in (*SECRETS, TOKEN)},
        **dict.fromkeys(OTHER_SOURCE, ""),
        "READMIT_SOURCE_URL": addresses["ec2-api"],
        "READMIT_SOURCE_HOST": str(source.hostname),
        "READMIT_SOURCE_PORT": str(source.port),
        "READMIT_SOURCE_STATE": str(folder / "ec2-api"),
        "READMIT_DATABASE_URL": f"sqlite:///{folder / 'db'}",
        "READMIT_S3_URL": addresses["s3"],
        "READMIT_API_URLS": addresses["api"],
        "READMIT_MODEL_FOLDER": str(folder / "models"),
        "READMIT_SERVICES": _name_address_pairs(addresses, PROBED_PATHS),
        "READMIT_PAGES": _name_address_pairs(addresses, PAGE_PATHS),
        "MLFLOW_TRACKING_URI": addresses["mlflow"],
        # With its default number of workers and its job runner the MLflow server takes 2 GB and 16 s.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_S3_ENDPOINT_URL": addresses["s3"],
        "AWS_ACCESS_KEY_ID": stack_secrets["READMIT_S3_ACCESS_KEY"],
        "AWS_SECRET_ACCESS_KEY": stack_secrets["READMIT_S3_SECRET_KEY"],
        "AWS_DEFAULT_REGION": "us-east-1",
        # Nor do the user's files of AWS apply to this stack's own S3 server.
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        **WITHOUT_PROXY,
        # Without a limit SeaweedFS takes 500 MB.
        "GOMEMLIMIT": "400MiB",
        "GOGC": "50",
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{quote(str(folder / 'prefect/prefect.db'))}",
        "PREFECT_SERVER_API_AUTH_STRING": prefect_login,
        "PREFECT_API_AUTH_STRING": prefect_login,
        # It serves no page, so no origin may read its responses.
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": "http://prefect.invalid",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        **TELEMETRY_OFF,
    }


def stack_environment(stack_variables: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment for a process of a stack, whose variables replace those of the network."""
    return environment_with(stack_variables, without=network_variables())


def s3_variables(folder: Path, host: str) -> dict[str, str]:
    """Return the variables of the S3 server alone. Raises StackError when the secrets can't be read."""
    stack_secrets = _secrets(folder / "secrets.json")
    return {name: stack_secrets[name] for name in SIGNING_KEYS} | tls_variables(folder, host)


def _name_address_pairs(addresses: Mapping[str, str], paths: Mapping[str, str]) -> str:
    return ",".join(f"{name}={address}{paths[name]}" for name, address in addresses.items() if name in paths)


def _secrets(file: Path) -> dict[str, str]:
    """Return the stack's secrets, generated once: keys of encounters must stay the same as data grow."""
    if not file.exists():
        atomic_file.write(file, json.dumps({name: secrets.token_hex(16) for name in SECRETS}))
    try:
        stored = json.loads(file.read_text())
        required = {name: _non_empty_text(stored[name]) for name in SECRETS}
        missing = [name for name in ADDED_SECRETS if name not in stored]
        generated = {name: secrets.token_hex(32) for name in missing}
        if generated:
            atomic_file.write(file, json.dumps(stored | generated))
        return required | {name: _non_empty_text((stored | generated)[name]) for name in ADDED_SECRETS}
    except (ValueError, KeyError, TypeError) as error:
        raise StackError(
            f"{file} does not contain this stack's secrets ({error!r}). They are not regenerated, because new ones "
            f"would change the keys of stored encounters: restore a backup, or start over: rm -r {file.parent}"
        ) from error


def _non_empty_text(secret: object) -> str:
    if not isinstance(secret, str) or not secret:
        raise TypeError("a secret must be a non-empty string")
    return secret

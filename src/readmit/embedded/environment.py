"""What each process of a stack finds in its environment, the stack's secrets among it."""

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from readmit.embedded.seaweedfs import SIGNING_KEYS, tls_variables
from readmit.embedded.services import FOR_PEOPLE, HEALTH
from readmit.stacks import atomic_file
from readmit.stacks.errors import StackError

SECRETS = ("READMIT_S3_ACCESS_KEY", "READMIT_S3_SECRET_KEY", "READMIT_RELOAD_TOKEN", "READMIT_KEY_SECRET")
TELEMETRY_OFF = {
    # MLflow takes no "1" here.
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
}
"""Nothing reports to whoever made it."""
MADE_WHEN_ABSENT = SIGNING_KEYS
"""Secrets that a stack of an earlier version lacks: nothing that was kept depends on them."""
NOT_OURS = ("PREFECT_API_URL", "PREFECT_API_KEY")
"""Were they kept, the flow would report to a Prefect server that is not this stack's."""


def variables(folder: Path, addresses: Mapping[str, str]) -> dict[str, str]:
    """The variables of the stack in a folder; `addresses` by service. StackRefused: its secrets can't be read."""
    # Prefect's server lives as long as a flow runs: a new login at each start of the stack is enough.
    prefect_login = f"admin:{secrets.token_hex(16)}"
    known, source = _secrets(folder / "secrets.json"), urlsplit(addresses["ec2-api"])
    return {
        **{name: known[name] for name in SECRETS},
        "READMIT_SOURCE_URL": addresses["ec2-api"],
        "READMIT_SOURCE_HOST": str(source.hostname),
        "READMIT_SOURCE_PORT": str(source.port),
        "READMIT_SOURCE_STATE": str(folder / "ec2-api"),
        "READMIT_DATABASE_URL": f"sqlite:///{folder / 'db'}",
        "READMIT_S3_URL": addresses["s3"],
        "READMIT_API_URLS": addresses["api"],
        "READMIT_MODEL_FOLDER": str(folder / "models"),
        "READMIT_SERVICES": _named(addresses, HEALTH),
        "READMIT_PAGES": _named(addresses, FOR_PEOPLE),
        "MLFLOW_TRACKING_URI": addresses["mlflow"],
        # The MLflow server takes 2 GB and 16 s with its own number of workers and its job runner.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_S3_ENDPOINT_URL": addresses["s3"],
        "AWS_ACCESS_KEY_ID": known["READMIT_S3_ACCESS_KEY"],
        "AWS_SECRET_ACCESS_KEY": known["READMIT_S3_SECRET_KEY"],
        "AWS_DEFAULT_REGION": "us-east-1",
        # SeaweedFS takes 500 MB where it may.
        "GOMEMLIMIT": "400MiB",
        "GOGC": "50",
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_SERVER_API_AUTH_STRING": prefect_login,
        "PREFECT_API_AUTH_STRING": prefect_login,
        # It has no page, so that no origin may read its answers.
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": "http://prefect.invalid",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        **TELEMETRY_OFF,
    }


def s3_variables(folder: Path, host: str) -> dict[str, str]:
    """Return what the S3 server alone finds in its environment. Raises StackRefused when secrets can't be read."""
    known = _secrets(folder / "secrets.json")
    return {name: known[name] for name in SIGNING_KEYS} | tls_variables(folder, host)


def _named(addresses: Mapping[str, str], paths: Mapping[str, str]) -> str:
    return ",".join(f"{name}={address}{paths[name]}" for name, address in addresses.items() if name in paths)


def _secrets(file: Path) -> dict[str, str]:
    """The stack's secrets, made once: keys of encounters must stay the same as data grow."""
    if not file.exists():
        atomic_file.write(file, json.dumps({name: secrets.token_hex(16) for name in SECRETS}))
    try:
        known = json.loads(file.read_text())
        needed = {name: _text(known[name]) for name in SECRETS}
        absent = [name for name in MADE_WHEN_ABSENT if name not in known]
        made = {name: secrets.token_hex(32) for name in absent}
        if made:
            atomic_file.write(file, json.dumps(known | made))
        return needed | {name: _text((known | made)[name]) for name in MADE_WHEN_ABSENT}
    except (ValueError, KeyError, TypeError) as error:
        raise StackError(
            f"{file} does not hold this stack's secrets ({error!r}). They are not made anew, because under others "
            f"the encounters that are there would get other keys: put a copy back, or start over: rm -r {file.parent}"
        ) from error


def _text(secret: object) -> str:
    if not isinstance(secret, str) or not secret:
        raise TypeError("a secret is a text, and not an empty one")
    return secret

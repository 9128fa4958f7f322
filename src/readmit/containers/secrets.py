"""The secrets of the container stack: files, created once, that Compose mounts into the services that need them.

Only its owner can enter the folder; the files are readable by all, because containers run as other users.
"""

import secrets
from collections.abc import Mapping
from pathlib import Path

from readmit.stacks import atomic_file
from readmit.stacks.certificates import make_certificate
from readmit.stacks.errors import StackError

GENERATED = (
    *("mysql_root_password", "flows_password", "mlflow_password", "reader_password", "exporter_password"),
    *("s3_access_key", "s3_secret_key", "reload_token", "key_secret", "grafana_password", "airflow_password"),
    *("s3_volume_write_key", "s3_volume_read_key", "s3_filer_write_key", "s3_filer_read_key"),
    *("prefect_password", "locust_password", "source_token"),
)

INNER_CERTIFICATE, INNER_KEY = "s3_inner.crt", "s3_inner.key"
"""The certificate by which the parts of the S3 server authenticate each other, and its key."""
INNER_CERTIFICATE_NAME = "s3_inner"
"""The name under which both are rotated together."""
ROTATABLE_SECRETS = (*GENERATED, INNER_CERTIFICATE_NAME)

UI_SECRETS = "ui_secrets.toml"
"""Streamlit's secrets file; an `[auth]` section in it makes users sign in. Created once."""

PREFECT_LOGIN = "prefect_login"
"""User and password of Prefect in the form user:password, as its page asks for them."""

EXTERNAL_FOLDER = "given"
"""The subfolder with the secrets of external servers, which compose/own-*.yaml mount."""


def create_missing(folder: Path, external: Mapping[str, str], from_user: Mapping[str, str] | None = None) -> None:
    """Create the missing secrets. Existing ones stay: another key secret would give encounters other keys.

    `external`: secrets of external servers, stored apart so that the stack's own servers keep theirs.
    `from_user`: those that the user has set; without `api_key` among them, the API requires none.
    """
    atomic_file.make_folder(folder)
    for name in GENERATED:
        if not (folder / name).exists():
            _write(folder / name, secrets.token_hex(16))
    _create_missing_certificate(folder)
    for name, secret in {"api_key": "", **(from_user or {})}.items():
        _write(folder / name, secret)
    if not (folder / UI_SECRETS).exists():
        _write(folder / UI_SECRETS, "# Add an [auth] section, as Streamlit documents it, to make users sign in.\n")
    _write_derived(folder)
    if external:
        atomic_file.make_folder(folder / EXTERNAL_FOLDER)
        for name, secret in external.items():
            _write(folder / EXTERNAL_FOLDER / name, secret)
        _write_s3_login(folder / EXTERNAL_FOLDER, external)


def require_complete(folder: Path) -> None:
    """Raise StackError when a secret is missing: this version of Readmit has more of them than the one before."""
    if missing := [name for name in GENERATED if not (folder / name).exists()]:
        raise StackError(f"{', '.join(missing)} missing in {folder}: run `just up`, which creates it, and try again")


def replace(folder: Path, values: Mapping[str, str]) -> list[Path]:
    """Write new values of some ROTATABLE_SECRETS and of the files derived from them. Return the changed files.

    The certificate is generated anew, whatever its value in `values`.
    """
    before = {file: file.read_text() for file in folder.iterdir() if file.is_file()}
    for name in values.keys() - {INNER_CERTIFICATE_NAME}:
        _write(folder / name, values[name])
    if INNER_CERTIFICATE_NAME in values:
        (folder / INNER_CERTIFICATE).unlink()
        _create_missing_certificate(folder)
    _write_derived(folder)
    return [file for file, text in before.items() if file.read_text() != text]


def _write_derived(folder: Path) -> None:
    """Write the files that hold a secret in the format of a client."""
    values = {name: _read(folder / name) for name in GENERATED}
    _write(folder / "mysql_health.cnf", _mysql_client_config(values["exporter_password"], "127.0.0.1"))
    _write(folder / "exporter.cnf", _mysql_client_config(values["exporter_password"], "mysql"))
    _write_s3_login(folder, values)
    login = f"admin:{values['prefect_password']}"
    _write(folder / PREFECT_LOGIN, login)
    _write(folder / "prefect_profiles.toml", _prefect_profiles(login))


def _create_missing_certificate(folder: Path) -> None:
    files = (folder / INNER_CERTIFICATE, folder / INNER_KEY)
    if not all(file.exists() for file in files):
        for file, text in zip(files, make_certificate(("s3",)), strict=True):
            _write(file, text)


def _write_s3_login(folder: Path, values: Mapping[str, str]) -> None:
    """Write the S3 login in the format of boto3, if it is among the values."""
    if "s3_secret_key" in values:
        _write(folder / "s3_login.ini", _aws_credentials(values["s3_access_key"], values["s3_secret_key"]))


def _mysql_client_config(password: str, host: str) -> str:
    return f'[client]\nuser=exporter\npassword="{password}"\nhost={host}\n'


def _prefect_profiles(login: str) -> str:
    """Return the login as a Prefect profile, which its server and its clients read."""
    return (
        'active = "readmit"\n\n[profiles.readmit]\n'
        f'PREFECT_SERVER_API_AUTH_STRING = "{login}"\nPREFECT_API_AUTH_STRING = "{login}"\n'
    )


def _aws_credentials(user: str, secret: str) -> str:
    return f"[default]\naws_access_key_id={user}\naws_secret_access_key={secret}\n"


def _write(file: Path, text: str) -> None:
    atomic_file.write(file, text)
    file.chmod(0o444)


def _read(file: Path) -> str:
    text = file.read_text().strip()
    if not text:
        raise StackError(
            f"{file} is empty: restore it from a backup, or run `just down --volumes`, which deletes all data"
        )
    return text

"""The stack's secrets: made once, as files that Compose hands to those services that need them.

The folder is for its owner alone; the files in it can be read by all, for the users inside the containers are others.
"""

import secrets
from collections.abc import Mapping
from pathlib import Path

from readmit.stacks import atomic_file
from readmit.stacks.certificates import make_certificate
from readmit.stacks.errors import StackError

MADE = (
    *("mysql_root_password", "flows_password", "mlflow_password", "reader_password", "exporter_password"),
    *("s3_access_key", "s3_secret_key", "reload_token", "key_secret", "grafana_password", "airflow_password"),
    *("s3_volume_write_key", "s3_volume_read_key", "s3_filer_write_key", "s3_filer_read_key"),
    *("prefect_password", "locust_password"),
)

INNER_CERTIFICATE, INNER_KEY = "s3_inner.crt", "s3_inner.key"
"""What the parts of the S3 server show each other."""
CERTIFICATE = "s3_inner"
"""The name by which both are rotated together."""
ROTATED = (*MADE, CERTIFICATE)

FOR_THE_PAGE = "ui_secrets.toml"
"""Streamlit's own: who wants people to sign in writes `[auth]` into it. Made once."""

PREFECT_LOGIN = "prefect_login"
"""User and password of Prefect in one, as its page asks for them."""

GIVEN = "given"
"""The folder, inside that of the secrets, for logins of servers of one's own: compose/own-*.yaml look there."""


def make(folder: Path, given: Mapping[str, str], api_key: str = "") -> None:
    """Makes those that are not there. They are never made anew: under another key secret encounters get other keys.

    `given`: of servers of one's own; they lie apart, so that who comes back to the stack's own servers can log in.
    `api_key`: the user's own; an empty file asks nobody for a key.
    """
    atomic_file.make_folder(folder)
    for name in MADE:
        if not (folder / name).exists():
            _write(folder / name, secrets.token_hex(16))
    _make_certificate(folder)
    _write(folder / "api_key", api_key)
    if not (folder / FOR_THE_PAGE).exists():
        _write(folder / FOR_THE_PAGE, "# [auth], as Streamlit reads it, has people sign in.\n")
    _write_derived(folder)
    if given:
        atomic_file.make_folder(folder / GIVEN)
        for name, secret in given.items():
            _write(folder / GIVEN / name, secret)
        _write_login(folder / GIVEN, given)


def replace(folder: Path, values: Mapping[str, str]) -> list[Path]:
    """Write other values for some of ROTATED, and what is derived from them. Return the files that changed.

    The certificate is made anew, whatever value is given for it.
    """
    before = {file: file.read_text() for file in folder.iterdir() if file.is_file()}
    for name in values.keys() - {CERTIFICATE}:
        _write(folder / name, values[name])
    if CERTIFICATE in values:
        (folder / INNER_CERTIFICATE).unlink()
        _make_certificate(folder)
    _write_derived(folder)
    return [file for file, text in before.items() if file.read_text() != text]


def _write_derived(folder: Path) -> None:
    """Write the files that hold a secret in the form that some client reads."""
    known = {name: _read(folder / name) for name in MADE}
    _write(folder / "mysql_health.cnf", _client(known["exporter_password"], "127.0.0.1"))
    _write(folder / "exporter.cnf", _client(known["exporter_password"], "mysql"))
    _write_login(folder, known)
    login = f"admin:{known['prefect_password']}"
    _write(folder / PREFECT_LOGIN, login)
    _write(folder / "prefect_profiles.toml", _prefect_profiles(login))


def _make_certificate(folder: Path) -> None:
    files = (folder / INNER_CERTIFICATE, folder / INNER_KEY)
    if not all(file.exists() for file in files):
        for file, text in zip(files, make_certificate(("s3",)), strict=True):
            _write(file, text)


def _write_login(folder: Path, known: Mapping[str, str]) -> None:
    """The login of S3 as boto3 reads it, where it is among them."""
    if "s3_secret_key" in known:
        _write(folder / "s3_login.ini", _login(known["s3_access_key"], known["s3_secret_key"]))


def _client(password: str, host: str) -> str:
    return f'[client]\nuser=exporter\npassword="{password}"\nhost={host}\n'


def _prefect_profiles(login: str) -> str:
    """Return the login as a profile of Prefect, which both its server and its clients read."""
    return (
        'active = "readmit"\n\n[profiles.readmit]\n'
        f'PREFECT_SERVER_API_AUTH_STRING = "{login}"\nPREFECT_API_AUTH_STRING = "{login}"\n'
    )


def _login(user: str, secret: str) -> str:
    return f"[default]\naws_access_key_id={user}\naws_secret_access_key={secret}\n"


def _write(file: Path, text: str) -> None:
    atomic_file.write(file, text)
    file.chmod(0o444)


def _read(file: Path) -> str:
    text = file.read_text().strip()
    if not text:
        raise StackError(f"{file} is empty, and a secret may not be: put a copy back, or start over without volumes")
    return text

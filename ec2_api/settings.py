"""Settings of the data API, read from the environment only here."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from ec2_api.errors import StartupError
from ec2_api.host_check import normalize_host

ALLOWED_HOSTS = "localhost,127.0.0.1,[::1],ec2-api"
UCI_URL = "https://archive.ics.uci.edu/static/public/296/diabetes+130-us+hospitals+for+years+1999-2008.zip"


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """Settings of the data API.

    `data`: a local CSV or zip, or None. `download_url`: empty disables the download.
    `mended`: batches whose rows may differ from those at the start of the release.
    `allowed_hosts`: accepted host names, in lower case and without port. `token`: required for batches, unless None.
    `tls_certificate`, `tls_key`: PEM files; with them the data API serves HTTPS, without them HTTP.
    """

    data: Path | None
    host: str
    port: int
    state: Path
    interval_seconds: int
    batch_size: int
    download_url: str
    mended: frozenset[int]
    allowed_hosts: frozenset[str]
    token: str | None = field(repr=False)
    tls_certificate: Path | None
    tls_key: Path | None


def load(environ: Mapping[str, str]) -> SourceSettings:
    """Return the settings of this process, each from its variable NAME or from the file that NAME_FILE names.

    Raises StartupError with the variable's name when a value is invalid, or a file can't be read.
    """
    certificate, key = _tls_files(environ)
    return SourceSettings(
        data=_path(environ, "READMIT_DATA"),
        host=_host(environ, "READMIT_SOURCE_HOST", "127.0.0.1"),
        port=_integer(environ, "READMIT_SOURCE_PORT", 5001, 0, 65_535),
        state=_path(environ, "READMIT_SOURCE_STATE") or Path("var/ec2-api"),
        interval_seconds=_integer(environ, "READMIT_SOURCE_INTERVAL_SECONDS", 300, 0, 31_536_000),
        batch_size=_integer(environ, "READMIT_SOURCE_BATCH_SIZE", 15_000, 1, 1_000_000),
        download_url=_url(environ, "READMIT_SOURCE_DOWNLOAD_URL", UCI_URL),
        mended=_batch_numbers(environ, "READMIT_SOURCE_MENDED"),
        allowed_hosts=_host_names(environ, "READMIT_ALLOWED_HOSTS", ALLOWED_HOSTS),
        token=_secret(environ, "READMIT_SOURCE_TOKEN"),
        tls_certificate=certificate,
        tls_key=key,
    )


def _path(environ: Mapping[str, str], name: str) -> Path | None:
    text = _text(environ, name)
    try:
        return Path(text).expanduser() if text else None
    except RuntimeError as error:
        raise StartupError(
            f"{name}: {text}: there is no home folder of the user after ~: write the whole path"
        ) from error


def _host(environ: Mapping[str, str], name: str, default: str) -> str:
    text = _text(environ, name) or default
    if not re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", text) and not _is_ip_address(text):
        raise StartupError(f"{name}: {text!r} is neither an IP address nor a host name")
    return text


def _is_ip_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _tls_files(environ: Mapping[str, str]) -> tuple[Path | None, Path | None]:
    files = _path(environ, "READMIT_SOURCE_TLS_CERTIFICATE"), _path(environ, "READMIT_SOURCE_TLS_KEY")
    if any(files) and not all(files):
        raise StartupError(
            "READMIT_SOURCE_TLS_CERTIFICATE and READMIT_SOURCE_TLS_KEY: one of them is not set, but TLS needs both"
        )
    return files


def _text(environ: Mapping[str, str], name: str) -> str | None:
    """Return the text of a setting, empty if it is set to nothing; None when it is not set."""
    value, file = environ.get(name), environ.get(f"{name}_FILE")
    if not file:
        return value
    if value:
        raise StartupError(f"{name} and {name}_FILE are both set: unset one of them")
    try:
        return Path(file).expanduser().read_text("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise StartupError(f"{name}_FILE: {file} is not text in UTF-8: save it in that encoding") from None
    # RuntimeError: ~NAME, and there is no such user.
    except (OSError, RuntimeError) as error:
        raise StartupError(f"{name}_FILE: {file}: {getattr(error, 'strerror', None) or error}") from error


def _secret(environ: Mapping[str, str], name: str) -> str | None:
    """Return a secret; an empty one counts as unset."""
    secret = _text(environ, name) or ""
    if not (secret.isascii() and secret.isprintable()):
        raise StartupError(f"{name}: not printable ASCII, as an HTTP header requires")
    return secret or None


def _integer(environ: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = _text(environ, name) or str(default)
    if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
        raise StartupError(f"{name}: {text!r} is not a whole number from {low} to {high}")
    return int(text)


def _batch_numbers(environ: Mapping[str, str], name: str) -> frozenset[int]:
    text = _text(environ, name) or ""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(re.fullmatch(r"[1-9][0-9]{0,8}", part) for part in parts):
        raise StartupError(f"{name}: {text!r} is not a list of batch numbers, such as 3 or 3,7")
    return frozenset(map(int, parts))


def _host_names(environ: Mapping[str, str], name: str, default: str) -> frozenset[str]:
    text = _text(environ, name) or default
    hosts = [normalize_host(part.strip()) for part in text.split(",") if part.strip()]
    if not hosts or None in hosts:
        raise StartupError(f"{name}: {text!r} is not a list of host names without ports, such as localhost,ec2-api")
    return frozenset(host for host in hosts if host)


def _url(environ: Mapping[str, str], name: str, default: str) -> str:
    value = _text(environ, name)
    text = default if value is None else value.strip()
    if text and not _is_web_address(text):
        raise StartupError(f"{name}: {text!r} is neither an http(s) URL, with a port from 1 to 65535 if any, nor empty")
    return text


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return bool(re.fullmatch(r"https?://\S+", text) and parts.hostname and parts.port != 0)
    except ValueError:
        return False

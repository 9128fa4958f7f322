"""How the text of a setting is checked and parsed, by kind of setting. Each function raises ValueError."""

import re
import ssl
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, quote, urlencode, urlsplit, urlunsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

from readmit.core.opening_hours import OpeningHours
from readmit.core.private_host import is_private

HOST_NAME = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\]")
DNS_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
COMPOSE_PROJECT = re.compile(r"[a-z0-9][a-z0-9_-]*")
REGISTRY = re.compile(r"[a-z0-9.-]+(?::(?P<port>\d{1,5}))?(?:/[a-z0-9._-]+)*", re.ASCII)
INSTANCE = re.compile(r"i-[0-9a-f]{8,17}")
MAX_PORT = 65_535
SQLITE = "sqlite:///"
TAG = re.compile(r"([^=]{1,128})=(.{1,256})")


def split_commas(value: object) -> object:
    """Return the parts of a text, without blanks and empty parts."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def named_addresses(value: object) -> object:
    """Return the pairs of a text NAME=ADDRESS,NAME=ADDRESS."""
    if not isinstance(value, str):
        return value
    pairs = tuple(tuple(part.strip().split("=", 1)) for part in value.split(",") if part.strip())
    for pair in pairs:
        if len(pair) < 2 or not pair[0]:
            raise ValueError(f"{pair[0]!r} has no address: write NAME=ADDRESS, as in mlflow=http://HOST:PORT/health")
        try:
            page_address(pair[1])
        except ValueError as error:
            raise ValueError(f"{pair[0]}: {error}") from None
    return pairs


def registry(value: str) -> str:
    """Return the name of a registry, which may have a port and a path: registry.example:5000/readmit."""
    match = REGISTRY.fullmatch(value)
    if not match or not 1 <= int(match["port"] or 1) <= MAX_PORT:
        raise ValueError("not a registry such as registry.example:5000/readmit, in lower case and without https://")
    return value


def compose_project(value: str) -> str:
    """Return the name of a Compose project."""
    if not COMPOSE_PROJECT.fullmatch(value):
        raise ValueError("not a name of lower-case letters, digits, hyphens and underscores, the first no hyphen")
    return value


def host_name(value: str) -> str:
    """Return a host name in lower case."""
    if not DNS_NAME.fullmatch(value.lower()):
        raise ValueError("not a host name such as readmit.example.org, without https:// and port")
    return value.lower()


def namespace(value: str) -> str:
    """Return the name of a Kubernetes namespace."""
    if not DNS_LABEL.fullmatch(value):
        raise ValueError("not a name of at most 63 lower-case letters, digits and hyphens")
    if value == "default" or value.startswith("kube-"):
        raise ValueError("a namespace of the cluster's own, whose pods the policies would cut off")
    return value


def page_address(value: str) -> str:
    """Return an address with the scheme http or https, a host, and a port from 1 to 65535, if any."""
    parts = _split(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("not an address such as http://HOST:PORT")
    return value


def webhook(value: SecretStr | None) -> SecretStr | None:
    """Return an address that is a secret."""
    if value is not None:
        page_address(value.get_secret_value())
    return value


def http_safe(value: SecretStr | str | None) -> SecretStr | str | None:
    """Return a text that can be the value of a header."""
    text = value.get_secret_value() if isinstance(value, SecretStr) else value or ""
    if not (text.isascii() and text.isprintable()):
        raise ValueError("not one line of printable ASCII, as HTTP requires")
    return value


def web_address(value: str) -> str:
    """Return an address to which paths can be added."""
    if "?" in page_address(value) or "#" in value:
        raise ValueError("no path can be added to an address with a query or a fragment: write http://HOST:PORT")
    return value


def server_address(value: str) -> str:
    """Return an address without a path or a user."""
    parts = urlsplit(web_address(value))
    if parts.path not in ("", "/") or "@" in parts.netloc:
        raise ValueError("an address with a path or a user: write http://HOST:PORT or https://HOST:PORT")
    return value


def _split(value: str) -> SplitResult:
    """Split an address that has no blanks, and a port from 1 to 65535, if any."""
    if " " in value or not value.isprintable():
        raise ValueError("an address with a blank or a control character")
    parts = urlsplit(value)
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError(f"the port is not a number from 1 to {MAX_PORT}")
    return parts


def source_address(value: str) -> str:
    """Return the address of the data API, whose rows must not travel over a public network unencrypted."""
    parts = urlsplit(web_address(value))
    if parts.scheme == "http" and not is_private(str(parts.hostname)):
        raise ValueError(
            "patient rows would travel over a public network unencrypted: use https:// (READMIT_SOURCE_TLS_CERTIFICATE "
            "on the data API, READMIT_SOURCE_CA here), or a tunnel to 127.0.0.1"
        )
    return value


def host_names(value: tuple[str, ...]) -> tuple[str, ...]:
    """Return host names without ports, in lower case."""
    for name in value:
        if not HOST_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a host without port, such as localhost, 127.0.0.1 or [::1]")
    return tuple(name.lower() for name in value)


def database_address(value: str) -> str:
    """Return the address of an SQLite folder or of a MySQL server."""
    if value.startswith("sqlite:"):
        return _sqlite_address(value)
    parts = _split(value)
    if parts.scheme != "mysql":
        raise ValueError("not a sqlite:/// or mysql:// URL")
    if not (parts.username and parts.hostname):
        raise ValueError("user or host is missing: write mysql://USER@HOST:PORT")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("a database or an option is named, which Readmit does itself: write mysql://USER@HOST:PORT")
    return value


def _sqlite_address(value: str) -> str:
    folder = value.removeprefix(SQLITE)
    if folder in (value, ""):
        raise ValueError("not sqlite:///FOLDER, with three slashes, or four before an absolute path")
    return f"{SQLITE}{user_path(Path(folder))}"


def user_path(value: Path) -> Path:
    """Return a path with the home folder in place of ~."""
    try:
        return value.expanduser()
    except RuntimeError:
        raise ValueError("there is no home folder of the user after ~: write the whole path") from None


def region(value: str) -> str:
    """Return the name of an AWS region."""
    # It becomes a part of host names.
    if not DNS_LABEL.fullmatch(value):
        raise ValueError("not an AWS region such as us-east-1")
    return value


def instance_id(value: str) -> str:
    """Return the id of an EC2 instance."""
    if not INSTANCE.fullmatch(value):
        raise ValueError("not the id of an EC2 instance, such as i-0123456789abcdef0")
    return value


def opening_hours(value: object) -> object:
    """Return the hours of a text such as `08:55-23:55 America/Lima`."""
    if not isinstance(value, str):
        return value
    hours = OpeningHours.parse(value)
    try:
        ZoneInfo(hours.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{hours.zone!r} is not a time zone, such as America/Lima") from None
    return hours


def tag(value: object) -> object:
    """Return the key and the value of a text KEY=VALUE."""
    if not isinstance(value, str):
        return value
    match = TAG.fullmatch(value)
    if match is None:
        raise ValueError("not a tag such as Name=readmit-source")
    return match.groups()


def ca_file(value: Path) -> Path:
    """Return the absolute path of a file with a CA certificate."""
    ca_context(value)
    return value.absolute()


def ca_context(file: Path) -> ssl.SSLContext:
    """Return a TLS context for clients that trusts the CA certificate, or self-signed certificate, in a file."""
    try:
        context = ssl.create_default_context(cafile=file)
    except OSError as error:
        raise ValueError(f"{file} can't be read as a CA certificate: {error}") from error
    # Python 3.13 rejects self-signed certificates without the extension key usage, as `openssl req -x509` makes them.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def with_login(url: str, password: str | None, ca_file: Path | None) -> str:
    """Return the URL of a database with a password and, for verified TLS, a CA file. SQLite has neither."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return url
    if ca_file is not None:
        parts = parts._replace(query=urlencode({"ssl_ca": str(ca_file)}))
    if password is not None:
        host = parts.netloc.rpartition("@")[2]
        parts = parts._replace(netloc=f"{parts.username}:{quote(password, safe='')}@{host}")
    return urlunsplit(parts)


Texts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_commas)]
ComposeProject = Annotated[str, AfterValidator(compose_project)]
UserPath = Annotated[Path, AfterValidator(user_path)]
WebAddress = Annotated[str, AfterValidator(web_address)]
WebAddresses = Annotated[tuple[WebAddress, ...], NoDecode, BeforeValidator(split_commas)]
NamedAddresses = Annotated[tuple[tuple[str, str], ...], NoDecode, BeforeValidator(named_addresses)]

"""What `just aws::up` is to create, checked before AWS sees it."""

import ipaddress
import re
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from aws.errors import AwsCommandError

SERVER_NAME = "ec2-api"
"""The name in the certificate of the data API, whose address changes at each start."""
MAX_ADDRESSES = 256
MAX_PARAMETER_BYTES = 4096
"""The longest value that Parameter Store takes at no charge."""
NAME = re.compile(r"[a-z][a-z0-9-]{0,29}")


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """Options of `up`. `given`: new parameters of the data API by name; `allowed_cidr`: empty closes port 5001."""

    name: str
    instance_id: str | None
    allowed_cidr: str
    given: Mapping[str, str]


def check_options(
    name: str, image: str | None, instance_id: str | None, allow: str | None, tls: tuple[Path | None, Path | None]
) -> SourceOptions:
    """Return the options. `tls`: files of the certificate and its key. Raises AwsCommandError naming an invalid one."""
    certificate, key = tls
    if instance_id and (image or allow or certificate or key):
        raise AwsCommandError("--instance: an existing instance keeps its own image, network and certificate")
    if (certificate is None) != (key is None):
        raise AwsCommandError("--certificate, --key: one needs the other")
    given = {"image": image} if image else {}
    if certificate is not None and key is not None:
        given |= {"tls_certificate": _text("--certificate", certificate), "tls_key": _text("--key", key)}
        _check_pair(certificate, key)
    return SourceOptions(check_name(name), instance_id, check_network(allow) if allow else "", given)


def check_name(name: str) -> str:
    """Return the name of a stack. Raises AwsCommandError when AWS would refuse it."""
    if not NAME.fullmatch(name):
        raise AwsCommandError(f"--name: {name!r} is not a name of lower-case letters, digits and hyphens")
    return name


def check_network(text: str) -> str:
    """Return a network that may reach port 5001. Raises AwsCommandError for more than 256 addresses, or all of them."""
    try:
        network = ipaddress.IPv4Network(text)
    except ValueError as error:
        raise AwsCommandError(f"--allow: {text!r} is not an IPv4 network, such as 203.0.113.7/32: {error}") from error
    if network.num_addresses > MAX_ADDRESSES:
        raise AwsCommandError(
            f"--allow: {network} has {network.num_addresses:,} addresses, and port 5001 serves patient data: allow at "
            f"most {MAX_ADDRESSES} (such as 203.0.113.7/32), or leave the port closed and use a tunnel (docs/aws.md)"
        )
    return str(network)


def _text(option: str, file: Path) -> str:
    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise AwsCommandError(f"{option}: {file}: {error}") from error
    if len(text) > MAX_PARAMETER_BYTES:
        raise AwsCommandError(f"{option}: {file} is longer than {MAX_PARAMETER_BYTES:,} bytes")
    return text


def _check_pair(certificate: Path, key: Path) -> None:
    """Raise AwsCommandError when no server could use the files, or no client of the pipeline would trust them."""
    if "PRIVATE KEY-----" in certificate.read_text():
        raise AwsCommandError(f"--certificate: {certificate} contains a private key, which no client may get")
    try:
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(certificate, key, password=_no_password)
    except (ssl.SSLError, ValueError) as error:
        raise AwsCommandError(
            f"--certificate, --key: {certificate} and {key} are not a certificate and its private key, in PEM and "
            f"without a password: {error}"
        ) from error
    try:
        verify_certificate(server, certificate, SERVER_NAME)
    except ssl.SSLError as error:
        raise AwsCommandError(
            f"--certificate: no client of the pipeline would trust {certificate}, for the name {SERVER_NAME}: {error}. "
            "docs/aws.md shows how to create one"
        ) from error


def verify_certificate(server: ssl.SSLContext, trusted: Path, name: str) -> None:
    """Shake hands in memory, as the pipeline does with the data API. Raises SSLError when the client refuses."""
    client = ssl.create_default_context(cafile=trusted)
    # As the pipeline: self-signed certificates may lack an extension that Python 3.13 requires by default.
    client.verify_flags &= ~ssl.VERIFY_X509_STRICT
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    )
    # Hello, certificate, end: each end has its turn twice.
    for end in (*ends, *ends):
        with suppress(ssl.SSLWantReadError):
            end.do_handshake()


def _no_password() -> str:
    raise ValueError("the key is encrypted")

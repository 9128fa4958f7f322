"""The S3 server of the stack: its command, and the settings that protect all its ports except that of S3.

SeaweedFS is a master, volumes and a filer behind S3, each with its own ports, which need no login by default: anybody
who reached one of them could read and delete every bucket.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from readmit.stacks import atomic_file
from readmit.stacks.certificates import make_certificate

INNER_PORTS = (
    *("master.port", "master.port.grpc", "volume.port", "volume.port.grpc"),
    *("filer.port", "filer.port.grpc", "s3.port.grpc"),
)
"""Every port is set: by default each server would take its own and one 10,000 above it."""
OPTIONS = (
    *("-webdav=false", "-admin.ui=false", "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false"),
    # The filer and the master serve no HTTP; S3 uses gRPC to reach them. No web page may read a response of S3, and it
    # offers no user management.
    *("-disableHttp", "-s3.allowedOrigins=none", "-s3.iam=false"),
)
SIGNING_KEYS = (
    *("WEED_JWT_SIGNING_KEY", "WEED_JWT_SIGNING_READ_KEY"),
    *("WEED_JWT_FILER_SIGNING_KEY", "WEED_JWT_FILER_SIGNING_READ_KEY"),
)
"""The keys that sign the requests between the components."""
GRPC_ROLES = ("MASTER", "VOLUME", "FILER", "S3", "ADMIN", "WORKER", "CLIENT")
HTTPS_ROLES = ("MASTER", "VOLUME", "FILER", "ADMIN", "CLIENT")


def command(host: str, port: int, inner: Mapping[str, int]) -> list[str]:
    """Return the command that serves S3 from the working folder. `inner`: the ports by the names in INNER_PORTS."""
    ports = [f"-{name}={number}" for name, number in inner.items()]
    binary = str(Path(sys.executable).parent / "weed")
    return [binary, "mini", "-dir=.", f"-ip={host}", f"-ip.bind={host}", f"-s3.port={port}", *ports, *OPTIONS]


def tls_variables(folder: Path, host: str) -> dict[str, str]:
    """Return the variables that make every inner port require the certificate in a folder, which is created once."""
    certificate, key = folder / "s3-inner.crt", folder / "s3-inner.key"
    if not (certificate.exists() and key.exists()):
        for file, text in zip((certificate, key), make_certificate((host,)), strict=True):
            atomic_file.write(file, text)
    pair = {"CERT": str(certificate), "KEY": str(key)}
    return {
        "WEED_GRPC_CA": str(certificate),
        **{f"WEED_GRPC_{role}_{name}": path for role in GRPC_ROLES for name, path in pair.items()},
        **{
            f"WEED_HTTPS_{role}_{name}": path
            for role in HTTPS_ROLES
            for name, path in (pair | {"CA": str(certificate)}).items()
        },
        "WEED_HTTPS_CLIENT_ENABLED": "true",
    }

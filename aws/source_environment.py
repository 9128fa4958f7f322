"""On the instance, before each start of the data API: write its environment from Parameter Store.

Runs with Ubuntu's Python and boto3, as root, and imports nothing of this project. What it writes is not kept on disk:
/run is in memory. READMIT_PARAMETERS is the path of the parameters.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import boto3

SERVICE_USER = 10001
"""The user of the data API in its container."""
TLS = {"tls_certificate": "READMIT_SOURCE_TLS_CERTIFICATE", "tls_key": "READMIT_SOURCE_TLS_KEY"}
"""Parameters that are files in the container, and the settings that name the files."""


def main(folder: Path = Path("/run/readmit"), owner: int = SERVICE_USER) -> int:
    """Write the files of the unit's environment. Return 1 and print the reason when a parameter is missing."""
    path = os.environ["READMIT_PARAMETERS"]
    parameters = read_parameters(path)
    missing = [f"{path}/{name}" for name in ("image", "source_token") if name not in parameters]
    if missing:
        print(f"missing in Parameter Store: {', '.join(missing)}: run just aws::up", file=sys.stderr)
        return 1
    write_files(folder, parameters, owner)
    return 0


def read_parameters(path: str) -> dict[str, str]:
    """Return the decrypted parameters below a path, by the last part of their names."""
    pages = boto3.client("ssm").get_paginator("get_parameters_by_path").paginate(Path=path, WithDecryption=True)
    return {item["Name"].rpartition("/")[2]: item["Value"] for page in pages for item in page["Parameters"]}


def write_files(folder: Path, parameters: Mapping[str, str], owner: int) -> None:
    """Write image.env for the unit, ec2-api.env for the container, and the TLS files for `owner`, who is its user."""
    lines = [
        "READMIT_SOURCE_HOST=0.0.0.0",
        "READMIT_SOURCE_STATE=/var/lib/readmit",
        f"READMIT_SOURCE_TOKEN={parameters['source_token']}",
    ]
    (folder / "tls").mkdir(parents=True, exist_ok=True)
    for name, setting in TLS.items():
        if name in parameters:
            _write(folder / "tls" / name, parameters[name])
            os.chown(folder / "tls" / name, owner, owner)
            lines.append(f"{setting}=/run/secrets/{name}")
    _write(folder / "ec2-api.env", "\n".join(lines) + "\n")
    _write(folder / "image.env", f"IMAGE={parameters['image']}\n")


def _write(file: Path, text: str) -> None:
    """Write a file that only its owner can read."""
    file.unlink(missing_ok=True)
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "w") as stream:
        stream.write(text)


if __name__ == "__main__":
    sys.exit(main())

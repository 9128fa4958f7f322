"""The deployment package of the Lambda function: the same source gives the same bytes."""

import base64
import hashlib
import io
import zipfile
from pathlib import Path

SOURCE = Path(__file__).with_name("handler.py")
EARLIEST_DATE = (1980, 1, 1, 0, 0, 0)
"""The first moment that a zip file can express: the date of a file must not change the package."""
UNIX = 3
READABLE = 0o644


def build_package(source: bytes) -> bytes:
    """Return a zip file with the source as handler.py, uncompressed: zlib's versions compress differently."""
    entry = zipfile.ZipInfo("handler.py", EARLIEST_DATE)
    entry.create_system = UNIX
    entry.external_attr = READABLE << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(entry, source)
    return buffer.getvalue()


def code_sha256(package: bytes) -> str:
    """Return the hash of a package in the form of Lambda's CodeSha256."""
    return base64.b64encode(hashlib.sha256(package).digest()).decode()

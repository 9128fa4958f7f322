"""The revision of the code behind a model: a hash of the source files that a fitted model depends on."""

import hashlib
from pathlib import Path


def code_revision() -> str:
    """Return the first 16 hex digits of the SHA-256 of all of `core`: same revision, same model and same metrics."""
    digest = hashlib.sha256()
    for source in sorted((Path(__file__).parents[1] / "core").glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]

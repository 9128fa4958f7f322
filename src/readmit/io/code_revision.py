"""Which code makes a model: a hash of the sources that a fitted model depends on."""

import hashlib
from pathlib import Path


def code_revision() -> str:
    """SHA-256, 16 hex digits, over all of `core`: the same code, the same model and the same figures."""
    digest = hashlib.sha256()
    for source in sorted((Path(__file__).parents[1] / "core").glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]

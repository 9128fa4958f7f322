"""Which code makes a model: a hash of the sources that a fitted model depends on."""

import hashlib
from pathlib import Path

SOURCES = ("core/encounter.py", "core/features.py", "core/model.py", "core/splitting.py")


def code_revision() -> str:
    """SHA-256, 16 hex digits, over the sources that decide what a model learns: the same code, the same model."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for source in SOURCES:
        digest.update((root / source).read_bytes())
    return digest.hexdigest()[:16]

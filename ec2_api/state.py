"""Persisted state of a release: its start, its source and the boundaries of its batches."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from ec2_api.errors import StartupError


@dataclass(frozen=True, slots=True)
class FrozenBatch:
    """The rows of one batch; `sha256` is over their CSV, header included."""

    first_row: int
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ReleaseState:
    """The state file. `started_at`: epoch seconds. `source_kind`: uci, file or sample; `source_sha256`: of the CSV."""

    started_at: float
    interval_seconds: int
    batch_size: int
    source_kind: str
    source_sha256: str
    batches: tuple[FrozenBatch, ...]


def read(path: Path) -> ReleaseState | None:
    """Return the state of an earlier start, or None at the first. Raises StartupError when the file is damaged."""
    try:
        fields = json.loads(path.read_text())
        return ReleaseState(**fields | {"batches": tuple(FrozenBatch(**batch) for batch in fields["batches"])})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise StartupError(f"READMIT_SOURCE_STATE: {path} is damaged ({error}); {restart_hint(path)}") from error


def write(path: Path, state: ReleaseState) -> None:
    """Replace the state file atomically."""
    replace(path, json.dumps(asdict(state), indent=1).encode())


def replace(path: Path, content: bytes) -> None:
    """Replace a file atomically, by a rename: a reader sees the old content or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.new")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def restart_hint(path: Path) -> str:
    """Return how to start a new release, for error messages."""
    return f"to start a new release, remove {path} and empty the stores that were filled from it"

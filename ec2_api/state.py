"""What a release remembers between two starts: its beginning, its source, and the boundaries of its batches."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from ec2_api.errors import StartupError


@dataclass(frozen=True, slots=True)
class FrozenBatch:
    """Rows of the file that make one batch; `sha256` is over their CSV, header included."""

    first_row: int
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ReleaseState:
    """`started_at`: epoch seconds. `source_kind`: uci, file or sample; `source_sha256` is the CSV's."""

    started_at: float
    interval_seconds: int
    batch_size: int
    source_kind: str
    source_sha256: str
    batches: tuple[FrozenBatch, ...]


def read(path: Path) -> ReleaseState | None:
    """The state of an earlier start; None: there was none. Refusal: the file can't be understood."""
    try:
        found = json.loads(path.read_text())
        return ReleaseState(**found | {"batches": tuple(FrozenBatch(**batch) for batch in found["batches"])})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise StartupError(f"READMIT_SOURCE_STATE: {path} is damaged ({error}); {start_anew(path)}") from error


def write(path: Path, state: ReleaseState) -> None:
    """Replaces the file in one step: a cut leaves the old one."""
    replace(path, json.dumps(asdict(state), indent=1).encode())


def replace(path: Path, content: bytes) -> None:
    """Writes beside the file and renames: a reader sees the old content or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.new")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def start_anew(path: Path) -> str:
    """How a person begins another release."""
    return f"to start anew, remove {path} and empty the stores that were filled from it"

"""Start-up: find the source, freeze its batches or compare them with the frozen ones, and store their files."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ec2_api import layout, state
from ec2_api.errors import StartupError
from ec2_api.formats import BatchStore, csv_bytes
from ec2_api.release import Release, batch_spans
from ec2_api.settings import SourceSettings
from ec2_api.source import SAMPLE_NOTE, Source, find_source
from ec2_api.state import FrozenBatch, ReleaseState, restart_hint

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OpenSource:
    """A release ready to be served. `columns`: number of columns in the file; `batches[0]` is batch 1."""

    release: Release
    store: BatchStore
    kind: str
    columns: int
    batch_size: int
    batches: tuple[FrozenBatch, ...]

    @property
    def rows(self) -> int:
        """Number of rows in all batches."""
        return sum(batch.rows for batch in self.batches)

    @property
    def note(self) -> str | None:
        """Notice for users when the data is synthetic."""
        return SAMPLE_NOTE if self.kind == "sample" else None


def open_source(settings: SourceSettings, clock: Callable[[], float]) -> OpenSource:
    """Start a release or continue the one in the state file. Raises StartupError when the two do not match."""
    try:
        settings.state.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StartupError(f"READMIT_SOURCE_STATE: {settings.state}: {error.strerror or error}") from error
    path = settings.state / "state.json"
    saved = state.read(path)
    if saved is not None and saved.batch_size != settings.batch_size:
        raise StartupError(
            f"READMIT_SOURCE_BATCH_SIZE: {settings.batch_size}, but the release began with {saved.batch_size}: "
            f"set it to {saved.batch_size}, for example in .env; {restart_hint(path)}"
        )
    source = find_source(settings, saved, path)
    store = BatchStore(settings.state / "prepared")
    batches = tuple(_freeze_batches(source, saved, settings, store, path))
    # Read the clock last, so that a slow download does not shorten the first interval.
    release = _continue_release(saved, settings, len(batches), clock())
    current = ReleaseState(
        release.started_at, release.interval_seconds, settings.batch_size, source.kind, source.sha256, batches
    )
    if current != saved:
        state.write(path, current)
    log.info("source %s: %d rows in %d batches", source.kind, source.frame.height, len(batches))
    return OpenSource(release, store, source.kind, source.frame.width, settings.batch_size, batches)


def _continue_release(saved: ReleaseState | None, settings: SourceSettings, total: int, now: float) -> Release:
    if saved is None:
        return Release(now, settings.interval_seconds, total)
    earlier = Release(saved.started_at, saved.interval_seconds, len(saved.batches))
    return replace(earlier.with_interval(settings.interval_seconds, now), total=total)


def _freeze_batches(
    source: Source, saved: ReleaseState | None, settings: SourceSettings, store: BatchStore, path: Path
) -> Iterator[FrozenBatch]:
    """Yield every batch, stored. Raises StartupError when a frozen batch changed and is not listed as mended."""
    frozen = saved.batches if saved else ()
    spans = batch_spans([(batch.first_row, batch.rows) for batch in frozen], source.frame.height, settings.batch_size)
    for number, (first, rows) in enumerate(spans, start=1):
        frame = source.frame.slice(first, rows)
        csv = csv_bytes(frame)
        batch = FrozenBatch(first, rows, layout.sha256(csv))
        if saved is not None and number <= len(frozen) and batch != frozen[number - 1]:
            if number not in settings.mended or frame.height != rows:
                raise StartupError(_changed_batch_message(number, batch, saved.source_kind, source.kind, path))
            log.warning("batch %d has changed: accepted, because READMIT_SOURCE_MENDED lists it", number)
        store.put(number, frame, csv)
        yield batch


def _changed_batch_message(number: int, batch: FrozenBatch, earlier_kind: str, current_kind: str, path: Path) -> str:
    return (
        f"READMIT_DATA: batch {number} (rows {batch.first_row + 1} to {batch.first_row + batch.rows}) has changed "
        f"since the release began (source {earlier_kind} then, {current_kind} now): restore the earlier file or, "
        f"if these rows were corrected in place, set READMIT_SOURCE_MENDED={number}; {restart_hint(path)}"
    )

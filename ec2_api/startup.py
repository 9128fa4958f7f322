"""The start: the source is found, its batches are frozen or held to what was frozen, and laid on the shelf."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ec2_api import layout, state
from ec2_api.errors import StartupError
from ec2_api.formats import BatchStore, csv_bytes
from ec2_api.release import Release, slices
from ec2_api.settings import SourceSettings
from ec2_api.source import SAMPLE_NOTE, Source, find
from ec2_api.state import FrozenBatch, ReleaseState, start_anew

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OpenSource:
    """A release that can be served. `columns`: how many the file has; `batches[0]` is batch 1."""

    release: Release
    shelf: BatchStore
    kind: str
    columns: int
    batch_size: int
    batches: tuple[FrozenBatch, ...]

    @property
    def rows(self) -> int:
        return sum(batch.rows for batch in self.batches)

    @property
    def note(self) -> str | None:
        return SAMPLE_NOTE if self.kind == "sample" else None


def open_source(settings: SourceSettings, clock: Callable[[], float]) -> OpenSource:
    """Begins a release or goes on with the one that the state names. Refusal: the two do not fit."""
    try:
        settings.state.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StartupError(f"READMIT_SOURCE_STATE: {settings.state}: {error.strerror or error}") from error
    path = settings.state / "state.json"
    begun = state.read(path)
    if begun is not None and begun.batch_size != settings.batch_size:
        raise StartupError(
            f"READMIT_SOURCE_BATCH_SIZE: {settings.batch_size}, but the release began with {begun.batch_size} and "
            f"keeps it: set it to {begun.batch_size}, in .env for example; {start_anew(path)}"
        )
    source = find(settings, begun, path)
    shelf = BatchStore(settings.state / "prepared")
    batches = tuple(_frozen(source, begun, settings, shelf, path))
    # The clock is asked last: a slow download takes nothing from the first interval.
    release = _paced(begun, settings, len(batches), clock())
    after = ReleaseState(
        release.started_at, release.interval_seconds, settings.batch_size, source.kind, source.sha256, batches
    )
    if after != begun:
        state.write(path, after)
    log.info("source %s: %d rows in %d batches", source.kind, source.frame.height, len(batches))
    return OpenSource(release, shelf, source.kind, source.frame.width, settings.batch_size, batches)


def _paced(begun: ReleaseState | None, settings: SourceSettings, total: int, now: float) -> Release:
    if begun is None:
        return Release(now, settings.interval_seconds, total)
    before = Release(begun.started_at, begun.interval_seconds, len(begun.batches))
    return replace(before.paced_anew(settings.interval_seconds, now), total=total)


def _frozen(
    source: Source, begun: ReleaseState | None, settings: SourceSettings, shelf: BatchStore, path: Path
) -> Iterator[FrozenBatch]:
    """Every batch, on the shelf. Refusal: rows of a frozen batch have changed, and nobody says it was mended."""
    kept = begun.batches if begun else ()
    spans = slices([(batch.first_row, batch.rows) for batch in kept], source.frame.height, settings.batch_size)
    for number, (first, rows) in enumerate(spans, start=1):
        frame = source.frame.slice(first, rows)
        csv = csv_bytes(frame)
        batch = FrozenBatch(first, rows, layout.sha256(csv))
        if begun is not None and number <= len(kept) and batch != kept[number - 1]:
            if number not in settings.mended or frame.height != rows:
                raise StartupError(_changed(number, batch, begun.source_kind, source.kind, path))
            log.warning("batch %d is another than before: it was mended, as READMIT_SOURCE_MENDED says", number)
        shelf.put(number, frame, csv)
        yield batch


def _changed(number: int, batch: FrozenBatch, then: str, now: str, path: Path) -> str:
    return (
        f"READMIT_DATA: batch {number} (rows {batch.first_row + 1} to {batch.first_row + batch.rows}) is not what its "
        f"release began with (source {then} then, {now} now): put the earlier file back, or, if these rows "
        f"were mended where they stand, say so by READMIT_SOURCE_MENDED={number}; {start_anew(path)}"
    )

"""Response bodies of `/health` and `/batches`."""

from dataclasses import dataclass
from datetime import UTC, datetime

from ec2_api.formats import Format
from ec2_api.startup import OpenSource


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """State of the source. `released` equals the current batch's number; `seconds_to_next` is None after the last."""

    status: str
    source: str
    note: str | None
    rows: int
    columns: int
    batch_size: int
    batches: int
    released: int
    current: int
    exhausted: bool
    started_at: str
    interval_seconds: int
    seconds_to_next: float | None


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """One batch. `sha256` is over the Parquet bytes and is their ETag; None until the release."""

    number: int
    rows: int
    released: bool
    release_at: str
    sha256: str | None
    links: dict[str, str]


def utc_text(epoch: float) -> str:
    """Return epoch seconds as UTC text, such as `2026-11-25T09:57:00Z`."""
    return datetime.fromtimestamp(epoch, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def health(source: OpenSource, now: float) -> SourceHealth:
    """Return the state of the source at `now`, epoch seconds."""
    release = source.release
    released, exhausted = release.released(now), release.exhausted(now)
    return SourceHealth(
        status="ok",
        source=source.kind,
        note=source.note,
        rows=source.rows,
        columns=source.columns,
        batch_size=source.batch_size,
        batches=release.total,
        released=released,
        current=released,
        exhausted=exhausted,
        started_at=utc_text(release.started_at),
        interval_seconds=release.interval_seconds,
        seconds_to_next=None if exhausted else round(release.seconds_to(released + 1, now), 1),
    )


def batches(source: OpenSource, now: float) -> list[BatchStatus]:
    """Return every batch, released or not, at `now`, epoch seconds."""
    released = source.release.released(now)
    return [
        BatchStatus(
            number=number,
            rows=batch.rows,
            released=number <= released,
            release_at=utc_text(source.release.release_time(number)),
            sha256=source.store.get(number, Format.PARQUET).sha256 if number <= released else None,
            links={fmt.value: f"/batches/{number}?format={fmt}" for fmt in Format} if number <= released else {},
        )
        for number, batch in enumerate(source.batches, start=1)
    ]

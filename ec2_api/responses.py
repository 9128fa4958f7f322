"""What the data API says about itself: its health and its list of batches."""

from dataclasses import dataclass
from datetime import UTC, datetime

from ec2_api.formats import Format
from ec2_api.startup import OpenSource


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """`released` counts batches and is the current one's number; `seconds_to_next` is None after the last."""

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
class BatchFacts:
    """`sha256` is that of the Parquet bytes, the ETag of their fetch; None until the release."""

    number: int
    rows: int
    released: bool
    release_at: str
    sha256: str | None
    links: dict[str, str]


def moment(epoch: float) -> str:
    """Epoch seconds as UTC, `2026-11-25T09:57:00Z`."""
    return datetime.fromtimestamp(epoch, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def health(opened: OpenSource, now: float) -> SourceHealth:
    release = opened.release
    out, exhausted = release.released(now), release.exhausted(now)
    return SourceHealth(
        status="ok",
        source=opened.kind,
        note=opened.note,
        rows=opened.rows,
        columns=opened.columns,
        batch_size=opened.batch_size,
        batches=release.total,
        released=out,
        current=out,
        exhausted=exhausted,
        started_at=moment(release.started_at),
        interval_seconds=release.interval_seconds,
        seconds_to_next=None if exhausted else round(release.seconds_to(out + 1, now), 1),
    )


def batches(opened: OpenSource, now: float) -> list[BatchFacts]:
    out = opened.release.released(now)
    return [
        BatchFacts(
            number=number,
            rows=batch.rows,
            released=number <= out,
            release_at=moment(opened.release.moment(number)),
            sha256=opened.shelf.get(number, Format.PARQUET).sha256 if number <= out else None,
            links={form.value: f"/batches/{number}?format={form}" for form in Format} if number <= out else {},
        )
        for number, batch in enumerate(opened.batches, start=1)
    ]

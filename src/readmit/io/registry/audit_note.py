"""Audit notes on versions, with timestamps that always increase."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from readmit.core.version import Note, Version

MIN_INTERVAL = timedelta(microseconds=1)


def create_note(at: datetime, by: str, why: str, versions: Iterable[Version]) -> Note:
    """Create a note with the time `at` (timezone-aware), or later than every note on `versions` (all of them).

    A rollback depends on the order of the notes, and clocks of two machines differ or are set back.
    """
    timestamps = [
        note.at
        for version in versions
        for note in (version.promoted_note, version.rolled_back_note)
        if note is not None
    ]
    timestamp = at.astimezone(UTC)
    if timestamps:
        timestamp = max(timestamp, datetime.fromisoformat(max(timestamps)) + MIN_INTERVAL)
    return Note(timestamp.isoformat(timespec="microseconds"), by, why)

"""Notes on versions: what the clock says, but never before what was noted last."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from readmit.core.version import Note, Version

LEAST = timedelta(microseconds=1)


def note(at: datetime, by: str, why: str, versions: Iterable[Version]) -> Note:
    """A note of now. `at`: with its zone; `versions`: all of them.

    The order is what a rollback goes by, and clocks of two machines differ, or are put back.
    """
    noted = [
        each.at
        for version in versions
        for each in (version.promoted_note, version.rolled_back_note)
        if each is not None
    ]
    moment = at.astimezone(UTC)
    if noted:
        moment = max(moment, datetime.fromisoformat(max(noted)) + LEAST)
    return Note(moment.isoformat(timespec="microseconds"), by, why)

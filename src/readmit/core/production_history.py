"""Production history from the tags of the versions, and the target of a rollback."""

from collections.abc import Iterable, Sequence

from readmit.core.errors import RollbackRejected
from readmit.core.version import Version

MAX_NOTE_LENGTH = 200
"""Characters of an operator's name or reason."""


def last_in_production(versions: Iterable[Version], target: str, excluding: str = "") -> Version | None:
    """Return the version of a target last promoted to production, except rolled back ones and number `excluding`."""
    promoted = [
        (version.promoted_note.at, version)
        for version in versions
        if version.promoted_note
        and version.target == target
        and version.number != excluding
        and not version.rolled_back
    ]
    return max(promoted, key=lambda item: item[0])[1] if promoted else None


def rollback_target(versions: Sequence[Version], current: Version | None, to: str | None) -> tuple[Version, Version]:
    """Return the current version and the one to roll back to. `to`: its number; None: the previous production version.

    Raises RollbackRejected when the rollback is not possible.
    """
    if current is None:
        raise RollbackRejected("nothing is in production: there is no version to roll back from")
    destination = _previous_version(versions, current) if to is None else _find_version(versions, to)
    if destination.number == current.number:
        raise RollbackRejected(f"version {destination.number} is already in production")
    if not destination.scorer:
        raise RollbackRejected(
            f"version {destination.number} can't be served: an older release created it, without a compiled scorer"
        )
    return current, destination


def _previous_version(versions: Sequence[Version], current: Version) -> Version:
    previous = last_in_production(versions, current.target, excluding=current.number)
    if previous is None:
        raise RollbackRejected(
            f"no version of the target {current.target} is known to have served before version {current.number}, "
            "other than versions that were rolled back: specify a version"
        )
    return previous


def _find_version(versions: Sequence[Version], number: str) -> Version:
    match = next((version for version in versions if version.number == number), None)
    if match is None:
        raise RollbackRejected(f"there is no version {number!r}")
    return match


def validate_note(name: str, text: str) -> str:
    """Return the stripped operator or reason (`name`: `by` or `why`) of a rollback.

    Raises RollbackRejected when it is empty, too long, or not printable on one line.
    """
    note = text.strip()
    if not is_note(note):
        raise RollbackRejected(f"a rollback requires `{name}`: 1 to {MAX_NOTE_LENGTH} printable characters on one line")
    return note


def is_note(text: str) -> bool:
    """Return whether a stripped text can be recorded as the name or the reason of an operator."""
    return 0 < len(text) <= MAX_NOTE_LENGTH and text.isprintable()

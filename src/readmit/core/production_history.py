"""Who was in production when, as the versions themselves tell it, and where a rollback goes."""

from collections.abc import Iterable, Sequence

from readmit.core.errors import RollbackRejected
from readmit.core.version import Version

LONGEST_WORDS = 200


def last_in_place(versions: Iterable[Version], target: str, other_than: str = "") -> Version | None:
    """The version of a target that went into production last, without one, and without those rolled back from."""
    stood = [
        (version.promoted_note.at, version)
        for version in versions
        if version.promoted_note
        and version.target == target
        and version.number != other_than
        and not version.rolled_back
    ]
    return max(stood, key=lambda each: each[0])[1] if stood else None


def rollback_target(versions: Sequence[Version], current: Version | None, to: str | None) -> tuple[Version, Version]:
    """From which version to which one. `to`: the number of one; None: of that which served before.

    RollbackRefused: there is no such way.
    """
    if current is None:
        raise RollbackRejected("nothing is in production: there is nothing to go back from")
    goal = _before(versions, current) if to is None else _named(versions, to)
    if goal.number == current.number:
        raise RollbackRejected(f"version {goal.number} is in production already")
    if not goal.scorer:
        raise RollbackRejected(
            f"version {goal.number} can't be served: it was made before versions carried a compiled scorer"
        )
    return current, goal


def _before(versions: Sequence[Version], current: Version) -> Version:
    found = last_in_place(versions, current.target, other_than=current.number)
    if found is None:
        raise RollbackRejected(
            f"no version of the target {current.target} is known to have served before version {current.number}, "
            "other than those that somebody rolled back from: name one"
        )
    return found


def _named(versions: Sequence[Version], number: str) -> Version:
    found = next((version for version in versions if version.number == number), None)
    if found is None:
        raise RollbackRejected(f"there is no version {number!r}")
    return found


def words(name: str, text: str) -> str:
    """What a person says of a rollback (`name`: which of the two), without blanks at its ends.

    RollbackRefused: it is empty, too long, or holds what can't be printed on one line.
    """
    said = text.strip()
    if not said or len(said) > LONGEST_WORDS or not said.isprintable():
        raise RollbackRejected(f"a rollback needs `{name}`: 1 to {LONGEST_WORDS} printable characters, on one line")
    return said

"""Groups of encounters and how many of them were readmitted, told so that nobody can be found in a small one."""

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from operator import add

from readmit.core.encounter import BY_NAME, COUNTED_BY, ICD9, NOT_RECORDED
from readmit.core.icd9 import icd9_chapter

BATCH = "batch"
FIELDS_COUNTED = (*COUNTED_BY, BATCH)
SMALLEST = 11
"""CMS, cell size suppression policy: no cell of 1 to 10 is shown, nor one from which such a cell can be derived."""


@dataclass(frozen=True, slots=True)
class CountedGroup:
    """The encounters with one of these values of a field; NOT_RECORDED is one of them."""

    values: tuple[str, ...]
    encounters: int
    readmitted: int

    @property
    def can_be_shown(self) -> bool:
        """Whether none of its cells is small: all, those who were readmitted, those who were not."""
        cells = (self.encounters, self.readmitted, self.encounters - self.readmitted)
        return all(cell == 0 or cell >= SMALLEST for cell in cells)

    def with_(self, other: "CountedGroup") -> "CountedGroup":
        """Both in one."""
        return CountedGroup(
            (*self.values, *other.values), self.encounters + other.encounters, self.readmitted + other.readmitted
        )


def sums_by_name(field: str, counts: Iterable[tuple[str | int | None, Sequence[int]]]) -> dict[str, tuple[int, ...]]:
    """Return the sums of the counts of all values that share a name: diagnoses of one chapter do.

    `counts`: a value as it is stored with the encounter, and numbers of encounters, always as many.
    """
    sums: dict[str, tuple[int, ...]] = {}
    for value, numbers in counts:
        name = _name(field, value)
        before = sums.get(name, (0,) * len(numbers))
        sums[name] = tuple(map(add, before, numbers))
    return sums


def grouped(field: str, counts: Iterable[tuple[str, int, int]]) -> list[CountedGroup]:
    """Return a group for each name, in the order of the field. `counts`: name, encounters, readmitted."""
    groups = [CountedGroup((name,), encounters, readmitted) for name, encounters, readmitted in counts]
    return sorted(groups, key=lambda group: _place(field, group.values[0]))


def protected(groups: Sequence[CountedGroup]) -> tuple[CountedGroup, ...]:
    """The groups, those with a small cell in one; if that has a small cell, too, the smallest of the others joins it.

    Sums stay what they are. Empty: even all together have a small cell.
    """
    small = [group for group in groups if not group.can_be_shown]
    if not small:
        return tuple(groups)
    # Sets and a queue: there are as many groups as batches, hundreds of them.
    pool = set(small)
    others = deque(sorted((group for group in groups if group not in pool), key=lambda group: group.encounters))
    while not (together := _together(groups, pool)).can_be_shown:
        if not others:
            return ()
        pool.add(others.popleft())
    shown = (together if group is small[0] else group for group in groups if group not in pool or group is small[0])
    return tuple(shown)


def _together(groups: Sequence[CountedGroup], pool: Collection[CountedGroup]) -> CountedGroup:
    """One group of those in the pool, its values in the order of all."""
    first, *rest = [group for group in groups if group in pool]
    for group in rest:
        first = first.with_(group)
    return first


def _name(field: str, value: str | int | None) -> str:
    if value is None:
        return NOT_RECORDED
    return icd9_chapter(str(value)) if field in BY_NAME and BY_NAME[field].pattern == ICD9 else str(value)


def _place(field: str, name: str) -> tuple[int, int, str]:
    """Choices in their own order, numbers by size, and what is not recorded last."""
    if name == NOT_RECORDED:
        return 2, 0, name
    choices = BY_NAME[field].choices if field in BY_NAME else ()
    if name in choices:
        return 0, choices.index(name), name
    return (0, int(name), name) if name.isdecimal() else (1, 0, name)

"""Readmission counts by group, with suppression of small cells so that no patient can be identified."""

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from operator import add

from readmit.core.encounter import BY_NAME, COUNTED_BY, ICD9, NOT_RECORDED
from readmit.core.icd9 import icd9_chapter

BATCH = "batch"
FIELDS_COUNTED = (*COUNTED_BY, BATCH)
MIN_CELL_SIZE = 11
"""CMS cell size suppression policy: no cell of 1 to 10 is shown, nor one from which such a cell can be derived."""


@dataclass(frozen=True, slots=True)
class CountedGroup:
    """The encounters with one of these values of a field, which may be NOT_RECORDED."""

    values: tuple[str, ...]
    encounters: int
    readmitted: int

    @property
    def can_be_shown(self) -> bool:
        """Whether no cell is small: neither the encounters, the readmitted nor the not readmitted ones."""
        cells = (self.encounters, self.readmitted, self.encounters - self.readmitted)
        return all(cell == 0 or cell >= MIN_CELL_SIZE for cell in cells)

    def merge(self, other: "CountedGroup") -> "CountedGroup":
        """Return the union of both groups."""
        return CountedGroup(
            (*self.values, *other.values), self.encounters + other.encounters, self.readmitted + other.readmitted
        )


def sums_by_name(field: str, counts: Iterable[tuple[str | int | None, Sequence[int]]]) -> dict[str, tuple[int, ...]]:
    """Return the sums of counts by value name; the diagnoses of a chapter share one name.

    `counts`: a value as stored with the encounter, and its counts, the same number of them for every value.
    """
    sums: dict[str, tuple[int, ...]] = {}
    for value, numbers in counts:
        name = _name(field, value)
        total = sums.get(name, (0,) * len(numbers))
        sums[name] = tuple(map(add, total, numbers))
    return sums


def to_groups(field: str, counts: Iterable[tuple[str, int, int]]) -> list[CountedGroup]:
    """Return a group for each name, in the order of the field. `counts`: name, encounters, readmitted."""
    groups = [CountedGroup((name,), encounters, readmitted) for name, encounters, readmitted in counts]
    return sorted(groups, key=lambda group: _sort_key(field, group.values[0]))


def suppress_small_cells(groups: Sequence[CountedGroup]) -> tuple[CountedGroup, ...]:
    """Merge the groups with small cells; while the merged group has one, add the smallest of the other groups.

    Totals are preserved. Returns no groups if even the union of all has a small cell.
    """
    small = [group for group in groups if not group.can_be_shown]
    if not small:
        return tuple(groups)
    # A set and a queue for speed: there is a group per batch, so there may be hundreds.
    pool = set(small)
    others = deque(sorted((group for group in groups if group not in pool), key=lambda group: group.encounters))
    while not (merged := _merge(groups, pool)).can_be_shown:
        if not others:
            return ()
        pool.add(others.popleft())
    shown = (merged if group is small[0] else group for group in groups if group not in pool or group is small[0])
    return tuple(shown)


def _merge(groups: Sequence[CountedGroup], pool: Collection[CountedGroup]) -> CountedGroup:
    """Return the union of the groups in the pool, its values in the order of `groups`."""
    merged, *rest = [group for group in groups if group in pool]
    for group in rest:
        merged = merged.merge(group)
    return merged


def _name(field: str, value: str | int | None) -> str:
    if value is None:
        return NOT_RECORDED
    return icd9_chapter(str(value)) if field in BY_NAME and BY_NAME[field].pattern == ICD9 else str(value)


def _sort_key(field: str, name: str) -> tuple[int, int, str]:
    """Return a key that sorts choices in their order, numbers by size, and NOT_RECORDED last."""
    if name == NOT_RECORDED:
        return 2, 0, name
    choices = BY_NAME[field].choices if field in BY_NAME else ()
    if name in choices:
        return 0, choices.index(name), name
    return (0, int(name), name) if name.isdecimal() else (1, 0, name)

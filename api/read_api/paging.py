"""Lists a page at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict, TypeVar

T = TypeVar("T")


class Place(TypedDict):
    """Where a page is, as `told.Page` has it."""

    total: int
    page: int
    pages: int


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page is asked for, the first being 1, and how many items one has."""

    page: int
    per_page: int

    def of(self, total: int) -> Place:
        return {"total": total, "page": self.page, "pages": -(-total // self.per_page)}

    def cut(self, items: Sequence[T]) -> list[T]:
        """The items of this page; beyond the last there are none."""
        start = (self.page - 1) * self.per_page
        return list(items[start : start + self.per_page])

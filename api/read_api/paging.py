"""Paging of lists."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict, TypeVar

T = TypeVar("T")


class PagePosition(TypedDict):
    """The fields of `schemas.ListPage`."""

    total: int
    page: int
    pages: int


@dataclass(frozen=True, slots=True)
class Paging:
    """The requested page, starting at 1, and the number of items per page."""

    page: int
    per_page: int

    def position(self, total: int) -> PagePosition:
        """Return where this page is in a list of `total` items."""
        return {"total": total, "page": self.page, "pages": -(-total // self.per_page)}

    def slice(self, items: Sequence[T]) -> list[T]:
        """Return the items of this page; none beyond the last page."""
        start = (self.page - 1) * self.per_page
        return list(items[start : start + self.per_page])

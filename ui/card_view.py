"""A model card as the page reads it from the inference API."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CardTableView:
    """A table of text."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class CardItemView:
    """An item with its sentences, and its table if it has one."""

    id: str
    title: str
    available: bool
    text: tuple[str, ...]
    table: CardTableView | None


@dataclass(frozen=True, slots=True)
class CardSectionView:
    """A list of items."""

    id: str
    title: str
    note: str
    items: tuple[CardItemView, ...]


@dataclass(frozen=True, slots=True)
class CardView:
    """The card of a version. `figures`: its metrics on the test split."""

    version: str
    language: str
    title: str
    note: str
    figures: Mapping[str, float | None]
    sections: tuple[CardSectionView, ...]

"""What a card consists of, as data: its items with how each is filled, and the texts of each language."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

ENGLISH = "en"
PLACEHOLDER = re.compile(r"\{(\w+)\}")
SECTIONS = ("readmit", "hti_1", "tripod_ai")
"""The items of this project, the source attributes of HTI-1 and the items of TRIPOD+AI."""


@dataclass(frozen=True, slots=True)
class ItemSpec:
    """An item of a card, filled from all of these for which the version has the facts; otherwise not available.

    `statements`: texts with placeholders; `see`: items of the first section; `table`: the name of a table.
    `required`: those statements and tables without which no version is promoted.
    """

    section: str
    id: str
    title: str
    statements: tuple[str, ...] = ()
    see: tuple[str, ...] = ()
    table: str | None = None
    required: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Section and id, which are unique together."""
        return f"{self.section}.{self.id}"


@dataclass(frozen=True, slots=True)
class CardTexts:
    """The texts of one language. `titles`: of the items by key, without those that are in the items themselves."""

    language: str
    decimal_comma: bool
    texts: Mapping[str, str]
    names: Mapping[str, str]
    columns: Mapping[str, str]
    titles: Mapping[str, str]
    statements: Mapping[str, str]

    def title_of(self, item: ItemSpec) -> str:
        """Return the title of an item."""
        return item.title if self.language == ENGLISH else self.titles[item.key]


@dataclass(frozen=True, slots=True)
class CardCatalogue:
    """The items in order, and the texts by language, of which English is one."""

    items: tuple[ItemSpec, ...]
    languages: Mapping[str, CardTexts]

    def of(self, section: str) -> list[ItemSpec]:
        """Return the items of a section."""
        return [item for item in self.items if item.section == section]


def parse_catalogue(items: Mapping[str, Any], languages: Mapping[str, Mapping[str, Any]]) -> CardCatalogue:
    """Return the catalogue of parsed TOML files. Raises KeyError or TypeError when they are invalid."""
    return CardCatalogue(
        tuple(_items(items)), {language: _texts(language, document) for language, document in languages.items()}
    )


def _items(document: Mapping[str, Any]) -> Iterator[ItemSpec]:
    for section in SECTIONS:
        for entry in document[section]:
            lists = {name: tuple(entry.get(name, ())) for name in ("statements", "see", "required")}
            yield ItemSpec(section, **{**entry, **lists})


def _texts(language: str, document: Mapping[str, Any]) -> CardTexts:
    return CardTexts(language, **{"titles": {}, **document})

"""A card as Markdown."""

import re
from collections.abc import Iterator, Sequence

from readmit.core.card.card_catalogue import SECTIONS
from readmit.core.card.card_tables import CardTable
from readmit.core.card.model_card import CardItem, CardSection, ModelCard

SPECIAL_CHARACTERS, LINE_BREAKS = re.compile(r"[\\`*_\[\]<>|#]"), re.compile(r"[\r\n]+")


def card_to_markdown(card: ModelCard) -> str:
    """Return the card as Markdown (CommonMark, with the tables of GitHub)."""
    lines = [f"# {_escaped(card.title)}", _escaped(card.note)]
    for section in card.sections:
        lines += _section_paragraphs(section)
    return "\n\n".join(lines) + "\n"


def _section_paragraphs(section: CardSection) -> Iterator[str]:
    yield f"## {_escaped(section.title)}"
    yield _escaped(section.note)
    for item in section.items:
        # The ids of this project's own items say no more than their titles.
        yield f"### {_escaped(item.title if section.id == SECTIONS[0] else f'{item.id} {item.title}')}"
        yield from _item_paragraphs(item)


def _item_paragraphs(item: CardItem) -> Iterator[str]:
    yield from map(_escaped, item.text)
    if item.table is not None:
        yield _table_text(item.table)


def _table_text(table: CardTable) -> str:
    return "\n".join([_row(table.columns), f"|{'---|' * len(table.columns)}", *map(_row, table.rows)])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(_escaped(cell) for cell in cells)} |"


def _escaped(text: str) -> str:
    return SPECIAL_CHARACTERS.sub(r"\\\g<0>", LINE_BREAKS.sub(" ", text))

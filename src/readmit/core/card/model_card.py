"""The card of a version in one language: each item with its text and table, or literally not available."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from readmit.core.card.card_catalogue import PLACEHOLDER, SECTIONS, CardCatalogue, CardTexts, ItemSpec
from readmit.core.card.card_facts import CardFacts
from readmit.core.card.card_tables import TABLES, CardTable
from readmit.core.card.card_values import card_values
from readmit.core.verdict import finite_or_none


@dataclass(frozen=True, slots=True)
class CardItem:
    """An item. `text`: its sentences, of which an item that is not available has one; `table`: null if it has none."""

    id: str
    title: str
    available: bool
    text: tuple[str, ...]
    table: CardTable | None


@dataclass(frozen=True, slots=True)
class CardSection:
    """The items of one list. `note`: where the list comes from and what it does not claim."""

    id: str
    title: str
    note: str
    items: tuple[CardItem, ...]


@dataclass(frozen=True, slots=True)
class ModelCard:
    """The card of a version. `figures`: its metrics on the test split, not rounded; null: not a number."""

    version: str
    language: str
    title: str
    note: str
    figures: Mapping[str, float | None]
    sections: tuple[CardSection, ...]


@dataclass(frozen=True, slots=True)
class FilledItem:
    """What the facts fill of an item: its statements by name, and its table."""

    spec: ItemSpec
    statements: Mapping[str, str]
    table: CardTable | None

    @property
    def missing(self) -> tuple[str, ...]:
        """The statements and tables that are required and not filled."""
        filled = {*self.statements, *([self.spec.table] if self.table is not None and self.spec.table else [])}
        return tuple(name for name in self.spec.required if name not in filled)

    @property
    def is_filled(self) -> bool:
        """Whether there is a statement or a table."""
        return bool(self.statements) or self.table is not None


def fill_items(facts: CardFacts, catalogue: CardCatalogue, language: str) -> Iterator[FilledItem]:
    """Yield each item with what the facts fill of it."""
    texts = catalogue.languages[language]
    values = card_values(facts, texts)
    for spec in catalogue.items:
        statements = {name: _filled(texts.statements[name], values) for name in spec.statements}
        table = None if spec.table is None else TABLES[spec.table](facts, texts)
        yield FilledItem(spec, {name: text for name, text in statements.items() if text is not None}, table)


def build_card(facts: CardFacts, catalogue: CardCatalogue, language: str) -> ModelCard:
    """Return the card of a version in one of the languages of the catalogue."""
    texts = catalogue.languages[language]
    filled = {item.spec.key: item for item in fill_items(facts, catalogue, language)}
    sections = tuple(
        CardSection(
            section,
            texts.texts[f"section_{section}"],
            texts.texts[f"note_{section}"],
            tuple(_card_item(filled[spec.key], filled, texts) for spec in catalogue.of(section)),
        )
        for section in SECTIONS
    )
    figures = {name: finite_or_none(value) for name, value in facts.performance.figures.items()}
    title = texts.texts["title"].format(version=facts.version.number)
    return ModelCard(facts.version.number, language, title, texts.texts["note"], figures, sections)


def _card_item(item: FilledItem, filled: Mapping[str, FilledItem], texts: CardTexts) -> CardItem:
    text = [*item.statements.values(), *_references(item.spec, filled, texts)]
    available = bool(text) or item.table is not None
    sentences = tuple(text) if available else (texts.texts["not_available"],)
    return CardItem(item.spec.id, texts.title_of(item.spec), available, sentences, item.table)


def _references(spec: ItemSpec, filled: Mapping[str, FilledItem], texts: CardTexts) -> Iterator[str]:
    """Yield a reference to the items of the first section that are filled and say more."""
    items = (filled[f"{SECTIONS[0]}.{name}"] for name in spec.see)
    titles = [texts.texts["quoted"].format(title=texts.title_of(item.spec)) for item in items if item.is_filled]
    if titles:
        yield texts.texts["see"].format(titles=", ".join(titles))


def _filled(statement: str, values: Mapping[str, str]) -> str | None:
    """Return a statement with its placeholders filled, None if there is no value for one of them."""
    if any(name not in values for name in PLACEHOLDER.findall(statement)):
        return None
    return statement.format_map(values)

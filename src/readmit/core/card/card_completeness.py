"""The gate `complete_card`: no card, no promotion."""

from readmit.core.card.card_catalogue import ENGLISH, CardCatalogue
from readmit.core.card.card_facts import CardFacts
from readmit.core.card.model_card import fill_items


def incomplete_card(facts: CardFacts, catalogue: CardCatalogue) -> str | None:
    """Return the reason against promotion, which names the first required item that is empty; None if none is."""
    incomplete = [item for item in fill_items(facts, catalogue, ENGLISH) if item.missing]
    if not incomplete:
        return None
    first = incomplete[0]
    return f"the model card is incomplete: its item {first.spec.id} lacks {', '.join(first.missing)}"

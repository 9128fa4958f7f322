"""The gate of the card: no card, no promotion."""

from dataclasses import replace

from readmit.core.card.card_catalogue import ENGLISH, CardCatalogue
from readmit.core.card.card_facts import CardFacts
from readmit.core.card.model_card import fill_items
from readmit.core.verdict import Verdict

COMPLETE_CARD = "complete_card"


def incomplete_card(facts: CardFacts, catalogue: CardCatalogue) -> str | None:
    """Return the reason against promotion, which names the first required item that is empty; None if none is."""
    incomplete = [item for item in fill_items(facts, catalogue, ENGLISH) if item.missing]
    if not incomplete:
        return None
    first = incomplete[0]
    return f"the model card is incomplete: its item {first.spec.id} lacks {', '.join(first.missing)}"


def add_card_gate(verdict: Verdict, reason: str | None) -> Verdict:
    """Return a verdict with the gate of the card. `reason`: against promotion, None if the card is complete."""
    checked = replace(verdict, gates={**verdict.gates, COMPLETE_CARD: reason})
    if reason is None:
        return checked
    against = () if verdict.promoted else verdict.reasons
    return replace(checked, promoted=False, provisional=False, reasons=(*against, f"{COMPLETE_CARD}: {reason}"))

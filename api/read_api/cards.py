"""The card of a version, from its verdict and the facts stored with it."""

from readmit.core.card.card_facts import CardFacts, Decision, Performance
from readmit.core.card.model_card import ModelCard, build_card
from readmit.core.version import Version
from readmit.io.card_files import load_catalogue
from readmit.io.database import promotions


def read_card(version: Version, language: str) -> ModelCard:
    """Return the card of a version; what is not stored with it is not available."""
    decided = promotions.get_decision(version.number)
    facts = CardFacts(
        version,
        promotions.get_training_facts(version.number),
        Performance.of(version, None if decided is None else decided[0]),
        None if decided is None else Decision.of(decided[0], f"{decided[1]:%Y-%m-%d %H:%M}"),
    )
    return build_card(facts, load_catalogue(), language)

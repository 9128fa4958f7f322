"""The decision threshold from the cost ratio.

Source: C. Elkan, "The Foundations of Cost-Sensitive Learning", IJCAI 2001, with no cost of correct decisions.
"""

DEFAULT_COST_RATIO = {"within_30_days": 6.0, "any": 1.0}
"""Cost of a missed readmission, in needless follow-ups, by target."""


def threshold_from_cost_ratio(cost_ratio: float | None, target: str) -> float:
    """Return the probability from which a follow-up is worth its cost. `cost_ratio` None: the target's default."""
    return 1 / (1 + (cost_ratio or DEFAULT_COST_RATIO[target]))

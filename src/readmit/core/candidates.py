"""Facts of step `train` about its candidates: NAME.METRIC for each metric, NAME.run for the run ID."""

from collections.abc import Mapping

Fact = int | float | str | bool | None
RUN = "run"


def by_candidate(facts: Mapping[str, Fact]) -> dict[str, dict[str, Fact]]:
    """Group facts by candidate, metrics and run ID together, in the order of the facts."""
    candidates: dict[str, dict[str, Fact]] = {}
    for fact, value in facts.items():
        name, dot, metric = fact.partition(".")
        if dot:
            candidates.setdefault(name, {})[metric] = value
    return candidates

"""What step `train` notes of its candidates: facts NAME.FIGURE, and the run as NAME.run."""

from collections.abc import Mapping

Fact = int | float | str | bool | None
RUN = "run"


def by_candidate(facts: Mapping[str, Fact]) -> dict[str, dict[str, Fact]]:
    """The figures of each candidate, its run among them, in the order in which they were noted."""
    found: dict[str, dict[str, Fact]] = {}
    for fact, value in facts.items():
        name, dot, figure = fact.partition(".")
        if dot:
            found.setdefault(name, {})[figure] = value
    return found

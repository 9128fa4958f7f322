"""What a step did, told to a person: one line, and under `train` one for each candidate."""

from collections.abc import Iterator, Mapping

OUTCOMES = {"promoted": "promoted", "provisional": "provisionally promoted", "refused": "refused"}
"""How a verdict went, and how that is said."""
HASH_DIGITS = 16
"""So much of a hash tells it apart; the whole stands in the ledger."""


def lines(step: str, facts: Mapping[str, object]) -> list[str]:
    """The same with the step's name in front."""
    head, *rest = told(step, facts)
    return [f"{step:14}{head}", *(f"{'':14}{line}" for line in rest)]


def told(step: str, facts: Mapping[str, object]) -> list[str]:
    """`facts`: what the step returned. A fact NAME.FIGURE is a candidate's, of which the main figures are told."""
    names = _candidates(facts)
    width = max(map(len, names), default=0)
    return [", ".join(_own(step, facts)), *(f"{name:{width}}  {_figures(name, facts)}" for name in names)]


def _candidates(facts: Mapping[str, object]) -> list[str]:
    return list(dict.fromkeys(name.partition(".")[0] for name in facts if "." in name))


def _figures(candidate: str, facts: Mapping[str, object]) -> str:
    auc, low, high, loss = (
        facts[f"{candidate}.{name}"] for name in ("roc_auc", "roc_auc_low", "roc_auc_high", "log_loss")
    )
    return f"ROC-AUC {_number(auc)} ({_number(low)} to {_number(high)}), log loss {_number(loss)}"


def _own(step: str, facts: Mapping[str, object]) -> Iterator[str]:
    if step == "check_source":
        yield str(facts["word"])
        if "released" in facts:
            yield f"the source has released {facts['released']} of {facts['batches']}"
    elif step == "promote":
        yield _verdict(facts)
    else:
        yield from (said for name, value in facts.items() if "." not in name and (said := _fact(name, value)))


def _verdict(facts: Mapping[str, object]) -> str:
    """In words that are also true of one that was given before, and stands."""
    word = OUTCOMES[str(facts["outcome"])]
    return (
        f"verdict on version {facts['version']}: {word}; {facts['reason']}; ROC-AUC {_number(facts['roc_auc'])} on test"
    )


def _fact(name: str, value: object) -> str:
    """Empty where there is nothing to tell."""
    words = name.replace("_", " ")
    if value is None or value is False or value == "":
        return ""
    if value is True:
        return words
    if isinstance(value, str):
        return f"{words} {value[:HASH_DIGITS] if name in ('sha256', 'snapshot') else value}"
    return f"{words} {_number(value)}"


def _number(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    return f"{value:,}" if isinstance(value, int) else "none"

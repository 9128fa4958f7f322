"""Summaries of what a step did, for people: one line, and for `train` another for each candidate."""

from collections.abc import Iterator, Mapping

OUTCOMES = {"promoted": "promoted", "provisional": "provisionally promoted", "refused": "refused"}
"""The outcomes of a verdict, and how each is worded."""
HASH_DIGITS = 16
"""Shown digits of a hash, enough to tell it apart; the ledger has all of them."""


def lines(step: str, facts: Mapping[str, object]) -> list[str]:
    """Return the summary as lines, the step's name in front."""
    head, *rest = summarize(step, facts)
    return [f"{step:14}{head}", *(f"{'':14}{line}" for line in rest)]


def summarize(step: str, facts: Mapping[str, object]) -> list[str]:
    """Summarize the facts of a step. Facts NAME.FIGURE are a candidate's, of which the main figures are shown."""
    names = _candidates(facts)
    width = max(map(len, names), default=0)
    return [", ".join(_items(step, facts)), *(f"{name:{width}}  {_figures(name, facts)}" for name in names)]


def _candidates(facts: Mapping[str, object]) -> list[str]:
    return list(dict.fromkeys(name.partition(".")[0] for name in facts if "." in name))


def _figures(candidate: str, facts: Mapping[str, object]) -> str:
    auc, low, high, loss = (
        facts[f"{candidate}.{name}"] for name in ("roc_auc", "roc_auc_low", "roc_auc_high", "log_loss")
    )
    return f"ROC-AUC {_number(auc)} ({_number(low)} to {_number(high)}), log loss {_number(loss)}"


def _items(step: str, facts: Mapping[str, object]) -> Iterator[str]:
    if step == "check_source":
        yield str(facts["word"])
        if "released" in facts:
            yield f"the source has released {facts['released']} of {facts['batches']}"
        if facts.get("instance_started"):
            yield f"EC2 instance {facts['instance']} was started"
        if facts.get("remaining"):
            yield f"more batches waiting: {facts['remaining']}"
    elif step == "promote":
        yield _verdict(facts)
    else:
        yield from (text for name, value in facts.items() if "." not in name and (text := _fact(name, value)))


def _verdict(facts: Mapping[str, object]) -> str:
    """Return a wording that also holds for a verdict that was given in an earlier run and stands."""
    outcome = OUTCOMES[str(facts["outcome"])]
    return (
        f"verdict on version {facts['version']}: {outcome}; {facts['reason']}; "
        f"ROC-AUC {_number(facts['roc_auc'])} on test"
    )


def _fact(name: str, value: object) -> str:
    """Return the fact as text, empty for None, False and an empty text."""
    label = name.replace("_", " ")
    if value is None or value is False or value == "":
        return ""
    if value is True:
        return label
    if isinstance(value, str):
        return f"{label} {value[:HASH_DIGITS] if name in ('sha256', 'snapshot') else value}"
    return f"{label} {_number(value)}"


def _number(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    return f"{value:,}" if isinstance(value, int) else "none"

"""What steps say of their work, for tests in which nothing is done."""

from readmit.pipeline import Facts

DOOR: Facts = {"go_on": True, "batch": 4, "word": "batch 4", "released": 6, "batches": 6}
FACTS: dict[str, Facts] = {
    "check_source": DOOR,
    "register": {"version": "7", "candidate": "lightgbm", "run": "4f2a"},
    "promote": {"version": "7", "outcome": "refused", "reason": "worse", "roc_auc": 0.5},
}


def facts_of(step: str) -> Facts:
    return FACTS.get(step, {"rows": 3})

"""Facts of steps, for tests in which no step runs."""

from readmit.pipeline import Facts

ADMISSION: Facts = {"go_on": True, "batch": 4, "word": "batch 4", "released": 6, "batches": 6}
FACTS: dict[str, Facts] = {
    "check_source": ADMISSION,
    "register": {"version": "7", "candidate": "lightgbm", "run": "4f2a"},
    "promote": {"version": "7", "outcome": "refused", "reason": "worse", "roc_auc": 0.5},
}


def facts_of(step: str) -> Facts:
    return FACTS.get(step, {"rows": 3})

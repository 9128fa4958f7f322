"""What was left out of the data, and why: encounters in quarantine by field and reason, and the excluded ones."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from readmit.core.encounter import DISPOSITION
from readmit.core.quarantine_reasons import reason_to_show
from readmit.io.database import rows

CANNOT_COME_BACK = "the stay ended in death or hospice: the patient can't come back"
MOST_REASONS = 30
OTHERS = "other reasons, each rarer than these"


@dataclass(frozen=True, slots=True)
class ExclusionReason:
    """One reason. `field`: empty where it stands for several."""

    field: str
    reason: str
    encounters: int


def excluded(encounters: int) -> tuple[ExclusionReason, ...]:
    """Why encounters are excluded: there is one reason."""
    return (ExclusionReason(DISPOSITION, CANNOT_COME_BACK, encounters),) if encounters else ()


def quarantine(batches: Iterable[int]) -> tuple[ExclusionReason, ...]:
    """The faults of some batches, the most frequent first; the number of no encounter and no patient is told."""
    found: Counter[tuple[str, str]] = Counter()
    for batch in batches:
        for field, reason, encounters in rows.fault_counts(batch):
            found[field, reason_to_show(field, reason)] += encounters
    told = sorted(found.items(), key=lambda fault: (-fault[1], fault[0]))
    chief = tuple(ExclusionReason(*fault, encounters) for fault, encounters in told[:MOST_REASONS])
    rest = sum(encounters for _, encounters in told[MOST_REASONS:])
    return (*chief, ExclusionReason("", OTHERS, rest)) if rest else chief

"""Why encounters were quarantined or excluded, counted by field and reason."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from readmit.core.encounter import DISPOSITION
from readmit.core.quarantine_reasons import redact_reason
from readmit.io.database import rows

DEATH_OR_HOSPICE = "the stay ended in death or hospice"
MAX_REASONS = 30
OTHER_REASONS = "other, less frequent reasons"


@dataclass(frozen=True, slots=True)
class ExclusionReason:
    """One reason and how many encounters have it. `field`: empty where it covers several fields."""

    field: str
    reason: str
    encounters: int


def exclusion_reasons(encounters: int) -> tuple[ExclusionReason, ...]:
    """Return why encounters are excluded: there is one reason."""
    return (ExclusionReason(DISPOSITION, DEATH_OR_HOSPICE, encounters),) if encounters else ()


def quarantine_reasons(batches: Iterable[int]) -> tuple[ExclusionReason, ...]:
    """Return the faults of some batches, the most frequent first, without numbers of encounters or patients."""
    counts: Counter[tuple[str, str]] = Counter()
    for batch in batches:
        for field, reason, encounters in rows.fault_counts(batch):
            counts[field, redact_reason(field, reason)] += encounters
    ranked = sorted(counts.items(), key=lambda fault: (-fault[1], fault[0]))
    listed = tuple(ExclusionReason(*fault, encounters) for fault, encounters in ranked[:MAX_REASONS])
    rest = sum(encounters for _, encounters in ranked[MAX_REASONS:])
    return (*listed, ExclusionReason("", OTHER_REASONS, rest)) if rest else listed

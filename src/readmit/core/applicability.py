"""Applicability of a prediction: encounters that ended in death or hospice get none."""

from collections.abc import Mapping

from readmit.core.encounter import DISPOSITION, EXCLUDED_DISPOSITIONS
from readmit.core.errors import ReadmitError

NOT_APPLICABLE = "not applicable: ended in death or hospice"
"""The reason, the same for a single encounter and for a row of a batch."""


class NotApplicable(ReadmitError):
    """The encounter is valid but ended in death or hospice, so no prediction is made."""

    final = True

    def __init__(self) -> None:
        super().__init__(f"{DISPOSITION}: {NOT_APPLICABLE}")


def is_applicable(values: Mapping[str, object]) -> bool:
    """Return whether the patient can be readmitted after an encounter with these values."""
    return str(values.get(DISPOSITION)) not in EXCLUDED_DISPOSITIONS


def check_applicable(values: Mapping[str, object]) -> None:
    """Check that the patient can be readmitted. Raises NotApplicable when the stay ended in death or hospice."""
    if not is_applicable(values):
        raise NotApplicable

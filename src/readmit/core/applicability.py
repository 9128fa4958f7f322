"""Which encounters have a risk of readmission: all but those that ended in death or hospice."""

from collections.abc import Mapping

from readmit.core.encounter import CANNOT_RETURN, DISPOSITION
from readmit.core.errors import ReadmitError

NOT_APPLICABLE = "not applicable: ended in death or hospice"
"""The reason, in the same words for one encounter and for a row of a batch."""


class NotApplicable(ReadmitError):
    """The encounter is valid, but ended in death or hospice: no prediction is made for it."""

    final = True

    def __init__(self) -> None:
        super().__init__(f"{DISPOSITION}: {NOT_APPLICABLE}")


def is_applicable(values: Mapping[str, object]) -> bool:
    """Return whether the patient can be readmitted after an encounter with these values."""
    return str(values.get(DISPOSITION)) not in CANNOT_RETURN


def check_applicable(values: Mapping[str, object]) -> None:
    """Raises NotApplicable when the encounter ended in death or hospice."""
    if not is_applicable(values):
        raise NotApplicable

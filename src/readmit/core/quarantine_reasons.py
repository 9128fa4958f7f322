"""Why an encounter is in quarantine, in words that can be shown."""

import re

from readmit.core.encounter import BY_NAME, Kind

ABSENT, DOUBLED = "the batch has no such column or cell", "an encounter of this number came before"
NO_NUMBER = "a value that can be no such number"
LIKE_A_PATIENTS = re.compile(r"\d{6,}")


def reason_to_show(field: str, reason: str) -> str:
    """A fault's reason without the number of an encounter or a patient, as it may go into listings and refusals.

    A patient's number that slipped into another column is hidden like any long number: no field but those two has one.
    """
    if BY_NAME[field].kind is Kind.KEY:
        return reason if reason in (ABSENT, DOUBLED) else NO_NUMBER
    return LIKE_A_PATIENTS.sub(lambda found: f"(a number of {len(found[0])} digits)", reason)

"""Subgroups of encounters: sex, age, race, payer, and inpatient stays in the year before."""

import pandas as pd

from readmit.core.encounter import INPATIENT_STAYS, NOT_RECORDED, PAYER_CODE, RACE, SEX
from readmit.core.feature_spec import AGE

SUBGROUP_FIELDS = (SEX, AGE, RACE, PAYER_CODE, INPATIENT_STAYS)
STAYS_FROM = 3
"""Number of inpatient stays from which on encounters form one group."""


def subgroups(encounters: pd.DataFrame) -> pd.DataFrame:
    """Return the group of each encounter of a model input by each of SUBGROUP_FIELDS, `?` where it was not recorded."""
    groups = {
        name: [_stays_group(value) if name == INPATIENT_STAYS else _text_group(value) for value in encounters[name]]
        for name in SUBGROUP_FIELDS
    }
    return pd.DataFrame(groups, dtype=object)


def _text_group(value: str | None) -> str:
    return NOT_RECORDED if value is None else value


def _stays_group(stays: float) -> str:
    return f"{STAYS_FROM} or more" if stays >= STAYS_FROM else str(int(stays))

"""Specification of the model columns: fields used as numbers, as categories, and as feature crosses.

Values are those of a validated encounter: a whole number, a text, or None for not recorded.
"""

from dataclasses import dataclass

from readmit.core.encounter import AGE_BANDS, BY_NAME, DISPOSITION, FEATURES, ICD9, NOT_RECORDED, Kind
from readmit.core.icd9 import icd9_category, icd9_chapter

Value = str | int | None

COUNTS = tuple(name for name in FEATURES if BY_NAME[name].kind is Kind.COUNT)
CHOICES = tuple(name for name in FEATURES if BY_NAME[name].kind is Kind.CHOICE)
IDS = tuple(name for name in FEATURES if BY_NAME[name].kind is Kind.ID)
CODES = tuple(name for name in FEATURES if BY_NAME[name].kind is Kind.CODE)
DIAGNOSES = tuple(name for name in CODES if BY_NAME[name].pattern == ICD9)
AGE = next(name for name in CHOICES if BY_NAME[name].choices == AGE_BANDS)

CATEGORIES = (*IDS, *CODES)
"""Target-encoded fields: IDs and codes as text, a diagnosis as its ICD-9 category."""
BASE_COLUMNS = (*COUNTS, *CHOICES, *CATEGORIES)
"""All of FEATURES, in the order of a model's columns."""

PRIMARY_DIAGNOSIS = DIAGNOSES[0]


@dataclass(frozen=True, slots=True)
class Cross:
    """A cross of two categories: `field`, the discharge disposition, and `partner`, optionally by its chapter."""

    partner: str
    by_chapter: bool = False
    field: str = DISPOSITION

    @property
    def name(self) -> str:
        """Column name of the cross."""
        return f"{self.field}_and_{self.partner}{'_chapter' if self.by_chapter else ''}"

    def combine(self, category: str, partner: str) -> str:
        """Return both categories joined by a space; the first has none, so the first space separates them."""
        return f"{category} {icd9_chapter(partner) if self.by_chapter else partner}"


FEATURE_CROSSES = (
    Cross(PRIMARY_DIAGNOSIS, by_chapter=True),
    Cross(PRIMARY_DIAGNOSIS),
    *(Cross(name) for name in CATEGORIES if name not in (DISPOSITION, *DIAGNOSES)),
)
"""Discharge disposition with diagnosis, admission and other categories: the risk at home depends on the diagnosis."""
CROSS_COLUMNS = tuple(cross.name for cross in FEATURE_CROSSES)
MODEL_COLUMNS = (*BASE_COLUMNS, *CROSS_COLUMNS)
"""All columns of a model's input, in order."""


def choice_codes(name: str) -> dict[str, float]:
    """Return the ordinal code of each choice of a field: its index among the published, ordered choices."""
    return {choice: float(index) for index, choice in enumerate(BY_NAME[name].choices)}


def category(name: str, value: Value) -> str:
    """Return the category of a value of one of CATEGORIES; NOT_RECORDED for None."""
    if value is None:
        return NOT_RECORDED
    return icd9_category(str(value)) if name in DIAGNOSES else str(value)

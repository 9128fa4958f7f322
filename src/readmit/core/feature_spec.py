"""What a model is given of an encounter: which fields as numbers, which as categories, and which two crossed.

Values here are those of a checked encounter: a whole number, a text, or None for not recorded.
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
"""What is encoded by its readmission rate: ids and codes as text, a diagnosis as its ICD-9 category."""
BASE_COLUMNS = (*COUNTS, *CHOICES, *CATEGORIES)
"""All of FEATURES, in the order in which a model gets them."""

PRIMARY = DIAGNOSES[0]


@dataclass(frozen=True, slots=True)
class Cross:
    """Two categories as one: `field` is where the patient went, `partner` another field, by its chapter or not."""

    partner: str
    by_chapter: bool = False
    field: str = DISPOSITION

    @property
    def name(self) -> str:
        return f"{self.field}_and_{self.partner}{'_chapter' if self.by_chapter else ''}"

    def text(self, category: str, partner: str) -> str:
        """Both categories in one; neither holds a blank before its end, so the first blank parts them again."""
        return f"{category} {icd9_chapter(partner) if self.by_chapter else partner}"


CROSSED = (
    Cross(PRIMARY, by_chapter=True),
    Cross(PRIMARY),
    *(Cross(name) for name in CATEGORIES if name not in (DISPOSITION, *DIAGNOSES)),
)
"""Where the patient went, together with why and how he came: home after a birth is not home after heart failure."""
CROSSES = tuple(cross.name for cross in CROSSED)
MODEL_COLUMNS = (*BASE_COLUMNS, *CROSSES)
"""All that a model is given, in order."""


def choice_place(name: str) -> dict[str, float]:
    """The number of each choice of a field: its place among the published ones, which stand in their order."""
    return {choice: float(place) for place, choice in enumerate(BY_NAME[name].choices)}


def category(name: str, value: Value) -> str:
    """The category of a value of one of CATEGORIES; NOT_RECORDED is one of them."""
    if value is None:
        return NOT_RECORDED
    return icd9_category(str(value)) if name in DIAGNOSES else str(value)

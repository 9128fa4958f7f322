"""Schema of an inpatient encounter: its fields, their valid values, and the labels derived from it.

The only place where a column name is spelled. Values and meanings are those that UCI published with
Strack et al. 2014 (doi 10.1155/2014/781670) and in IDS_mapping.csv; value sets are the published ones, not
the values that happen to occur in one file.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from readmit.core.id_mapping import ADMISSION_SOURCES, ADMISSION_TYPES, DISCHARGE_DISPOSITIONS

NOT_RECORDED = "?"
"""UCI's marker for a value that was not recorded. (`None` in a laboratory field means: not measured.)"""


class Kind(StrEnum):
    """The type of a field: keys, IDs and counts are whole numbers, the others are text."""

    KEY = "key"
    ID = "id"
    COUNT = "count"
    CHOICE = "choice"
    CODE = "code"


class Group(StrEnum):
    """The section of a discharge summary that a field belongs to."""

    ADMIN = "administration"
    PERSON = "person"
    STAY = "stay"
    HISTORY = "history"
    DIAGNOSES = "diagnoses"
    LABORATORY = "laboratory"
    DRUGS = "drugs"
    OUTCOME = "outcome"


@dataclass(frozen=True, slots=True)
class Field:
    """One column. `choices`: the closed value set of a choice or ID; `low` and `high`: inclusive bounds of a count."""

    name: str
    kind: Kind
    group: Group
    meaning: str
    choices: tuple[str, ...] = ()
    choice_meanings: tuple[str, ...] = ()
    """Meanings of the choices, in their order; empty where the choices are self-explanatory."""
    low: int = 0
    high: int = 999
    pattern: str = ""
    hint: str = ""
    """Description of the pattern, for error messages."""
    required: bool = False
    """Required for a prediction; all of them were in the original system's form."""
    may_be_unrecorded: bool = False
    """Whether a batch may have `?` in this column, as UCI's files do."""
    if_absent: str | None = None
    """Value of the field when it is absent from a request; None: not recorded."""
    uci_name: str = ""
    """Name in UCI's file, where it differs."""
    label: str = ""
    """Label in forms; its name if empty."""

    @property
    def whole_number(self) -> bool:
        """Whether the values are whole numbers."""
        return self.kind in (Kind.KEY, Kind.ID, Kind.COUNT)


AGE_BANDS = tuple(f"[{low}-{low + 10})" for low in range(0, 100, 10))
AGE_MEANINGS = tuple(f"{low} to {low + 9} years" for low in range(0, 100, 10))
WEIGHT_BANDS = (*(f"[{low}-{low + 25})" for low in range(0, 200, 25)), ">200")
WEIGHT_MEANINGS = (*(f"{low} to {low + 24} pounds" for low in range(0, 200, 25)), "above 200 pounds")
DRUG_LEVELS = ("No", "Steady", "Down", "Up")
DRUG_LEVEL_MEANINGS = ("not prescribed", "dose unchanged", "dose lowered", "dose raised")
ICD9 = r"(V(0[1-9]|[1-8]\d|9[01])|E(0[0-2]\d|030|[89]\d{2})|\d{1,3})(\.\d{1,2})?"
"""ICD-9-CM: V01 to V91, E000 to E030, E800 to E999, and numbers. Source: ICD-9-CM, tabular list (CDC/NCHS), 2011."""
ICD9_HINT = "an ICD-9-CM code such as 428, 250.83, V57.1 or E885"
SPECIALTY, SPECIALTY_HINT = r"[A-Za-z][A-Za-z/&+ -]{1,63}", "a specialty name: letters, spaces and / & + -"
PAYER, PAYER_HINT = r"[A-Z]{2}", "a payer code: two capital letters"
DRUGS = (
    *("metformin", "repaglinide", "nateglinide", "chlorpropamide", "glimepiride", "acetohexamide"),
    *("glipizide", "glyburide", "tolbutamide", "pioglitazone", "rosiglitazone", "acarbose", "miglitol"),
    *("troglitazone", "tolazamide", "examide", "citoglipton", "insulin", "glyburide_metformin"),
    *("glipizide_metformin", "glimepiride_pioglitazone", "metformin_rosiglitazone", "metformin_pioglitazone"),
)


def _id(name: str, label: str, meaning: str, ids: Mapping[int, str], required: bool = False) -> Field:
    choices, meanings = tuple(str(number) for number in ids), tuple(ids.values())
    return Field(name, Kind.ID, Group.STAY, meaning, choices, meanings, required=required, label=label)


def _diagnosis(number: int, label: str, meaning: str) -> Field:
    name, group = f"diag_{number}", Group.DIAGNOSES
    return Field(name, Kind.CODE, group, meaning, pattern=ICD9, hint=ICD9_HINT, may_be_unrecorded=True, label=label)


def _count(name: str, group: Group, label: str, meaning: str, low: int = 0, high: int = 999) -> Field:
    return Field(name, Kind.COUNT, group, meaning, low=low, high=high, required=True, label=label)


def _drug(name: str) -> Field:
    label = name.replace("_", "-")
    levels = ", ".join(f"{level}: {effect}" for level, effect in zip(DRUG_LEVELS, DRUG_LEVEL_MEANINGS, strict=True))
    meaning = f"{label} during the stay ({levels})"
    uci_name = "" if label == name else label
    kind, group = Kind.CHOICE, Group.DRUGS
    return Field(
        name, kind, group, meaning, DRUG_LEVELS, DRUG_LEVEL_MEANINGS, if_absent="No", uci_name=uci_name, label=label
    )


FIELDS: tuple[Field, ...] = (
    Field("encounter_id", Kind.KEY, Group.ADMIN, "number of the encounter", low=1, high=10**12, label="Encounter"),
    Field("patient_nbr", Kind.KEY, Group.ADMIN, "number of the patient", low=1, high=10**12, label="Patient"),
    Field(
        "race",
        Kind.CHOICE,
        Group.PERSON,
        "race as recorded",
        choices=("Caucasian", "AfricanAmerican", "Asian", "Hispanic", "Other"),
        choice_meanings=("white", "African American", "Asian", "Hispanic", "other"),
        may_be_unrecorded=True,
        label="Race",
    ),
    Field(
        "gender",
        Kind.CHOICE,
        Group.PERSON,
        "gender as recorded",
        choices=("Female", "Male", "Unknown/Invalid"),
        choice_meanings=("female", "male", "unknown or invalid"),
        required=True,
        label="Sex",
    ),
    Field(
        "age", Kind.CHOICE, Group.PERSON, "age in ten-year bands", AGE_BANDS, AGE_MEANINGS, required=True, label="Age"
    ),
    Field(
        "weight",
        Kind.CHOICE,
        Group.PERSON,
        "weight in bands, pounds",
        choices=WEIGHT_BANDS,
        choice_meanings=WEIGHT_MEANINGS,
        may_be_unrecorded=True,
        label="Weight",
    ),
    _id(
        "admission_type_id",
        "Admission type",
        "admission type (1 emergency, 2 urgent, 3 elective, ...)",
        ADMISSION_TYPES,
        required=True,
    ),
    _id(
        "discharge_disposition_id",
        "Discharged to",
        "where the patient went (1 home, 3 skilled nursing, 6 home health, ...)",
        DISCHARGE_DISPOSITIONS,
    ),
    _id(
        "admission_source_id",
        "Admitted from",
        "where the patient came from (1 physician, 7 emergency room, ...)",
        ADMISSION_SOURCES,
    ),
    _count("time_in_hospital", Group.STAY, "Days in hospital", "days from admission to discharge", low=1, high=14),
    Field(
        "payer_code",
        Kind.CODE,
        Group.ADMIN,
        "payer code, such as MC; UCI does not explain the codes",
        pattern=PAYER,
        hint=PAYER_HINT,
        may_be_unrecorded=True,
        label="Payer",
    ),
    Field(
        "medical_specialty",
        Kind.CODE,
        Group.STAY,
        "specialty of the admitting physician",
        pattern=SPECIALTY,
        hint=SPECIALTY_HINT,
        may_be_unrecorded=True,
        label="Admitting specialty",
    ),
    _count("num_lab_procedures", Group.STAY, "Laboratory tests", "laboratory tests performed during the stay"),
    _count("num_procedures", Group.STAY, "Other procedures", "procedures other than laboratory tests during the stay"),
    _count("num_medications", Group.STAY, "Medications", "distinct generic drugs given during the stay"),
    _count("number_outpatient", Group.HISTORY, "Outpatient visits", "outpatient visits in the year before the stay"),
    _count("number_emergency", Group.HISTORY, "Emergency visits", "emergency visits in the year before the stay"),
    _count("number_inpatient", Group.HISTORY, "Inpatient stays", "inpatient stays in the year before this one"),
    _diagnosis(1, "Primary diagnosis", "primary diagnosis, ICD-9"),
    _diagnosis(2, "Second diagnosis", "secondary diagnosis, ICD-9"),
    _diagnosis(3, "Third diagnosis", "additional secondary diagnosis, ICD-9"),
    _count("number_diagnoses", Group.DIAGNOSES, "Number of diagnoses", "number of diagnoses entered"),
    Field(
        "max_glu_serum",
        Kind.CHOICE,
        Group.LABORATORY,
        "highest serum glucose, mg/dl; None: not measured",
        choices=("None", "Norm", ">200", ">300"),
        choice_meanings=("not measured", "normal", "above 200 mg/dl", "above 300 mg/dl"),
        label="Serum glucose",
    ),
    Field(
        "A1Cresult",
        Kind.CHOICE,
        Group.LABORATORY,
        "HbA1c, per cent; None: not measured",
        choices=("None", "Norm", ">7", ">8"),
        choice_meanings=("not measured", "below 7 %", "above 7 %, below 8 %", "above 8 %"),
        label="HbA1c",
    ),
    *(_drug(name) for name in DRUGS),
    Field(
        "change",
        Kind.CHOICE,
        Group.DRUGS,
        "a change of diabetes medication, of dose or drug (Ch), or none (No)",
        choices=("No", "Ch"),
        choice_meanings=("no change", "changed"),
        if_absent="No",
        label="Change of diabetes medication",
    ),
    Field(
        "diabetesMed",
        Kind.CHOICE,
        Group.DRUGS,
        "whether any diabetes medication was prescribed",
        choices=("No", "Yes"),
        choice_meanings=("no", "yes"),
        required=True,
        label="Diabetes medication",
    ),
    Field(
        "readmitted",
        Kind.CHOICE,
        Group.OUTCOME,
        "readmission: within 30 days, later, or none recorded",
        choices=("NO", ">30", "<30"),
        choice_meanings=("no readmission recorded", "after more than 30 days", "within 30 days"),
        label="Readmitted",
    ),
)
BY_NAME = {field.name: field for field in FIELDS}
COLUMNS = tuple(BY_NAME)
ENCOUNTER, PATIENT, OUTCOME, DISPOSITION = (
    "encounter_id",
    "patient_nbr",
    "readmitted",
    "discharge_disposition_id",
)
RACE, SEX, PAYER_CODE = "race", "gender", "payer_code"
INPATIENT_STAYS, EMERGENCY_VISITS, OUTPATIENT_VISITS = "number_inpatient", "number_emergency", "number_outpatient"
DIAGNOSES_ENTERED, DAYS_IN_HOSPITAL = "number_diagnoses", "time_in_hospital"
FEATURES = tuple(name for name in COLUMNS if name not in (ENCOUNTER, PATIENT, OUTCOME))
"""Input fields of the models: neither IDs nor the outcome."""

COUNTED_BY = ("age", "gender", "race", "diag_1")
"""Fields by which readmissions are counted."""

EXCLUDED_DISPOSITIONS = ("11", "13", "14", "19", "20", "21")
"""Discharge dispositions of death or hospice: stays that no model is trained on."""

TARGETS = {"within_30_days": ("<30",), "any": ("<30", ">30")}
"""Prediction targets with the outcomes that count as readmitted.

`within_30_days` is CMS's 30-day horizon, all causes: CMS's measures count unplanned returns only.
"""


def python_name(column: str) -> str:
    """Return a column name with UCI's `-` replaced by `_`, as in `glyburide_metformin`."""
    return column.replace("-", "_")


def labels(outcomes: Iterable[str], target: str) -> list[int]:
    """Return 0 or 1 for each outcome, in order. Raises ValueError when the target or an outcome is unknown."""
    if target not in TARGETS:
        raise ValueError(f"READMIT_TARGET: {target!r} is not one of {', '.join(TARGETS)}")
    known, positive = BY_NAME[OUTCOME].choices, TARGETS[target]
    encoded = []
    for outcome in outcomes:
        if outcome not in known:
            raise ValueError(f"{OUTCOME}: {outcome!r} is not one of {', '.join(known)}")
        encoded.append(int(outcome in positive))
    return encoded

"""The record of one inpatient encounter: its fields, what each may hold, and the label made from it.

The only place where a column name is spelled. Values and meanings are those that UCI published with
Strack et al. 2014 (doi 10.1155/2014/781670) and in IDS_mapping.csv; sets are the published ones, not
those that one file happens to hold.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from readmit.core.id_mapping import ADMISSION_SOURCES, ADMISSION_TYPES, DISCHARGE_DISPOSITIONS

NOT_RECORDED = "?"
"""How UCI writes a value that was not recorded. (`None` in a laboratory field means: not measured.)"""


class Kind(StrEnum):
    """How a field is read: keys, ids and counts are whole numbers, the rest is text."""

    KEY = "key"
    ID = "id"
    COUNT = "count"
    CHOICE = "choice"
    CODE = "code"


class Group(StrEnum):
    """The part of a discharge note that a field belongs to."""

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
    """One column. `choices` is the closed set of a choice or id; `low` and `high` bound a count, inclusive."""

    name: str
    kind: Kind
    group: Group
    meaning: str
    choices: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    """What each of the choices means, in their order, where they do not say it themselves."""
    low: int = 0
    high: int = 999
    pattern: str = ""
    form: str = ""
    """What the pattern asks for, in words."""
    required: bool = False
    """A prediction needs it: it is what the original's form asked."""
    may_be_unrecorded: bool = False
    """UCI's files hold `?` here."""
    if_absent: str | None = None
    """What its absence from a request means; None: not recorded."""
    ucis_name: str = ""
    """How UCI's file spells it, where that is otherwise."""
    label: str = ""
    """What a form calls it; where nothing is said, its name."""

    @property
    def whole_number(self) -> bool:
        return self.kind in (Kind.KEY, Kind.ID, Kind.COUNT)


AGE_BANDS = tuple(f"[{low}-{low + 10})" for low in range(0, 100, 10))
AGE_WORDS = tuple(f"{low} to {low + 9} years" for low in range(0, 100, 10))
WEIGHT_BANDS = (*(f"[{low}-{low + 25})" for low in range(0, 200, 25)), ">200")
WEIGHT_WORDS = (*(f"{low} to {low + 24} pounds" for low in range(0, 200, 25)), "above 200 pounds")
DRUG_LEVELS = ("No", "Steady", "Down", "Up")
DRUG_WORDS = ("not prescribed", "dose unchanged", "dose lowered", "dose raised")
ICD9, ICD9_FORM = r"(V\d{2}|E\d{3}|\d{1,3})(\.\d{1,2})?", "an ICD-9 code such as 428, 250.83, V57.1 or E885"
SPECIALTY, SPECIALTY_FORM = r"[A-Za-z][A-Za-z/&+ -]{1,63}", "a specialty's name: letters, blanks and / & + -"
PAYER, PAYER_FORM = r"[A-Z]{2}", "a payer's code: two capital letters"
DRUGS = (
    *("metformin", "repaglinide", "nateglinide", "chlorpropamide", "glimepiride", "acetohexamide"),
    *("glipizide", "glyburide", "tolbutamide", "pioglitazone", "rosiglitazone", "acarbose", "miglitol"),
    *("troglitazone", "tolazamide", "examide", "citoglipton", "insulin", "glyburide_metformin"),
    *("glipizide_metformin", "glimepiride_pioglitazone", "metformin_rosiglitazone", "metformin_pioglitazone"),
)


def _id(name: str, label: str, meaning: str, words: Mapping[int, str], required: bool = False) -> Field:
    choices, told = tuple(str(number) for number in words), tuple(words.values())
    return Field(name, Kind.ID, Group.STAY, meaning, choices, told, required=required, label=label)


def _diagnosis(number: int, label: str, meaning: str) -> Field:
    name, group = f"diag_{number}", Group.DIAGNOSES
    return Field(name, Kind.CODE, group, meaning, pattern=ICD9, form=ICD9_FORM, may_be_unrecorded=True, label=label)


def _count(name: str, group: Group, label: str, meaning: str, low: int = 0, high: int = 999) -> Field:
    return Field(name, Kind.COUNT, group, meaning, low=low, high=high, required=True, label=label)


def _drug(name: str) -> Field:
    spelled = name.replace("_", "-")
    levels = ", ".join(f"{level}: {word}" for level, word in zip(DRUG_LEVELS, DRUG_WORDS, strict=True))
    meaning = f"{spelled} during the stay ({levels})"
    ucis_name = "" if spelled == name else spelled
    kind, group = Kind.CHOICE, Group.DRUGS
    return Field(
        name, kind, group, meaning, DRUG_LEVELS, DRUG_WORDS, if_absent="No", ucis_name=ucis_name, label=spelled
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
        words=("white", "African American", "Asian", "Hispanic", "other"),
        may_be_unrecorded=True,
        label="Race",
    ),
    Field(
        "gender",
        Kind.CHOICE,
        Group.PERSON,
        "gender as recorded",
        choices=("Female", "Male", "Unknown/Invalid"),
        words=("female", "male", "unknown or invalid"),
        required=True,
        label="Sex",
    ),
    Field(
        "age", Kind.CHOICE, Group.PERSON, "age in bands of ten years", AGE_BANDS, AGE_WORDS, required=True, label="Age"
    ),
    Field(
        "weight",
        Kind.CHOICE,
        Group.PERSON,
        "weight in bands, pounds",
        choices=WEIGHT_BANDS,
        words=WEIGHT_WORDS,
        may_be_unrecorded=True,
        label="Weight",
    ),
    _id(
        "admission_type_id",
        "Kind of admission",
        "kind of admission (1 emergency, 2 urgent, 3 elective, ...)",
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
        "code of who pays, such as MC; UCI publishes no key",
        pattern=PAYER,
        form=PAYER_FORM,
        may_be_unrecorded=True,
        label="Payer",
    ),
    Field(
        "medical_specialty",
        Kind.CODE,
        Group.STAY,
        "specialty of the admitting physician",
        pattern=SPECIALTY,
        form=SPECIALTY_FORM,
        may_be_unrecorded=True,
        label="Specialty of the admitting physician",
    ),
    _count("num_lab_procedures", Group.STAY, "Laboratory tests", "laboratory tests made during the stay"),
    _count("num_procedures", Group.STAY, "Other procedures", "procedures other than laboratory tests during the stay"),
    _count("num_medications", Group.STAY, "Medications", "distinct generic drugs given during the stay"),
    _count("number_outpatient", Group.HISTORY, "Outpatient visits", "outpatient visits in the year before"),
    _count("number_emergency", Group.HISTORY, "Emergency visits", "emergency visits in the year before"),
    _count("number_inpatient", Group.HISTORY, "Inpatient stays", "inpatient stays in the year before"),
    _diagnosis(1, "Primary diagnosis", "primary diagnosis, ICD-9"),
    _diagnosis(2, "Second diagnosis", "secondary diagnosis, ICD-9"),
    _diagnosis(3, "Third diagnosis", "additional secondary diagnosis, ICD-9"),
    _count("number_diagnoses", Group.DIAGNOSES, "Number of diagnoses", "diagnoses entered"),
    Field(
        "max_glu_serum",
        Kind.CHOICE,
        Group.LABORATORY,
        "highest serum glucose, mg/dl; None: not measured",
        choices=("None", "Norm", ">200", ">300"),
        words=("not measured", "normal", "above 200 mg/dl", "above 300 mg/dl"),
        label="Serum glucose",
    ),
    Field(
        "A1Cresult",
        Kind.CHOICE,
        Group.LABORATORY,
        "HbA1c, per cent; None: not measured",
        choices=("None", "Norm", ">7", ">8"),
        words=("not measured", "below 7 %", "above 7 %, below 8 %", "above 8 %"),
        label="HbA1c",
    ),
    *(_drug(name) for name in DRUGS),
    Field(
        "change",
        Kind.CHOICE,
        Group.DRUGS,
        "a change of diabetes medication, of dose or drug (Ch), or none (No)",
        choices=("No", "Ch"),
        words=("no change", "changed"),
        if_absent="No",
        label="Change of diabetes medication",
    ),
    Field(
        "diabetesMed",
        Kind.CHOICE,
        Group.DRUGS,
        "any diabetes medication prescribed",
        choices=("No", "Yes"),
        words=("no", "yes"),
        required=True,
        label="Diabetes medication",
    ),
    Field(
        "readmitted",
        Kind.CHOICE,
        Group.OUTCOME,
        "readmission: within 30 days, later, or none recorded",
        choices=("NO", ">30", "<30"),
        words=("no readmission recorded", "after more than 30 days", "within 30 days"),
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
FEATURES = tuple(name for name in COLUMNS if name not in (ENCOUNTER, PATIENT, OUTCOME))
"""What a model may see of an encounter: no id and no outcome."""

COUNTED_BY = ("age", "gender", "race", "diag_1")
"""What readmissions are counted by."""

CANNOT_RETURN = ("11", "13", "14", "19", "20", "21")
"""Discharge dispositions that end in death or hospice: those patients can't come back."""

TARGETS = {"within_30_days": ("<30",), "any": ("<30", ">30")}
"""Each target and the outcomes that count as readmitted; `within_30_days` is the CMS definition."""


def python_name(column: str) -> str:
    """UCI's `glyburide-metformin` as `glyburide_metformin`: the one place where the spelling changes."""
    return column.replace("-", "_")


def labels(outcomes: Iterable[str], target: str) -> list[int]:
    """0 or 1 for each outcome, in order. ValueError: an outcome or target that is not known."""
    if target not in TARGETS:
        raise ValueError(f"READMIT_TARGET: {target!r} is none of {', '.join(TARGETS)}")
    known, positive = BY_NAME[OUTCOME].choices, TARGETS[target]
    made = []
    for outcome in outcomes:
        if outcome not in known:
            raise ValueError(f"{OUTCOME}: {outcome!r} is none of {', '.join(known)}")
        made.append(int(outcome in positive))
    return made


def value_fault(field: Field, text: str) -> str | None:
    """Why the text can't stand in this field, in words; None if it can. `?` is for the caller to judge."""
    if field.kind is Kind.CODE:
        return None if re.fullmatch(field.pattern, text, re.ASCII) else f"{text!r} is not {field.form}"
    if field.whole_number and not re.fullmatch(r"\d{1,15}", text, re.ASCII):
        return f"{text!r} is not a whole number of 0 or more"
    if field.choices:
        return None if text in field.choices else f"{text!r} is none of {', '.join(field.choices)}"
    return None if field.low <= int(text) <= field.high else f"{text} is not within {field.low} to {field.high}"

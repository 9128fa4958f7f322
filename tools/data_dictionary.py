"""docs/data.md, the dictionary of the data, made from the fields of an encounter: `just data-page` writes it."""

import sys
from collections.abc import Iterable, Sequence

from readmit.core.encounter import (
    BY_NAME,
    CANNOT_RETURN,
    COLUMNS,
    DISPOSITION,
    DRUGS,
    FEATURES,
    FIELDS,
    NOT_RECORDED,
    OUTCOME,
    TARGETS,
    Field,
    Group,
    Kind,
)
from readmit.core.request import DROPPED

HEADER = ("#", "column", "what it says", "values", f"`{NOT_RECORDED}`", "`/predict`", "for a model")
CLASSES = {
    "biguanide": ("metformin",),
    "meglitinide": ("repaglinide", "nateglinide"),
    "sulfonylurea": (
        *("chlorpropamide", "glimepiride", "acetohexamide", "glipizide", "glyburide", "tolbutamide", "tolazamide"),
    ),
    "thiazolidinedione": ("pioglitazone", "rosiglitazone", "troglitazone"),
    "alpha-glucosidase inhibitor": ("acarbose", "miglitol"),
    "insulin": ("insulin",),
}
"""Pharmacology, not UCI: what the two drugs without a class are, UCI does not say."""
UNKNOWN_CLASS = "not said"


def page() -> str:
    """The whole page, in Markdown."""
    tables = "\n\n".join(f"### {group.capitalize()}\n\n{_group(group)}" for group in Group)
    ids = "\n\n".join(f"### `{field.name}`\n\n{_ids(field)}" for field in FIELDS if field.kind is Kind.ID)
    return PAGE.format(
        columns=len(COLUMNS),
        features=len(FEATURES),
        required=sum(field.required for field in FIELDS),
        excluded=", ".join(CANNOT_RETURN),
        tables=tables,
        ids=ids,
        targets=_table(("target", f"`{OUTCOME}` that counts as readmitted"), _targets()),
    )


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(cells)} |" for cells in (header, *rows)]
    lines.insert(1, "|---" * len(header) + "|")
    return "\n".join(lines)


def _group(group: Group) -> str:
    fields = [field for field in FIELDS if field.group is group and field.name not in DRUGS]
    table = _table(HEADER, (_row(field) for field in fields))
    return f"{_drugs()}\n\n{table}" if group is Group.DRUGS else table


def _row(field: Field) -> tuple[str, ...]:
    unrecorded = "may stand" if field.may_be_unrecorded else "no"
    return (
        _number(field),
        f"`{field.name}`",
        field.meaning,
        _values(field),
        unrecorded,
        _in_predict(field),
        _role(field),
    )


def _number(field: Field) -> str:
    return str(COLUMNS.index(field.name) + 1)


def _values(field: Field) -> str:
    if field.kind is Kind.ID:
        return f"one of [{len(field.choices)} ids](#{field.name})"
    if field.choices:
        return ", ".join(_worded(field, choice) for choice in field.choices)
    return field.form or f"whole number, {field.low:,} to {field.high:,}"


def _worded(field: Field, choice: str) -> str:
    words = dict(zip(field.choices, field.words, strict=True)) if field.words else {}
    return f"`{choice}` ({words[choice]})" if choice in words else f"`{choice}`"


def _in_predict(field: Field) -> str:
    if field.name in DROPPED:
        return "ignored"
    if field.required:
        return "**required**"
    return f"optional; absent: `{field.if_absent}`" if field.if_absent else "optional"


def _role(field: Field) -> str:
    if field.name in FEATURES:
        return "feature"
    return "outcome" if field.name == OUTCOME else "key"


def _drugs() -> str:
    first = BY_NAME[DRUGS[0]]
    levels = ", ".join(_worded(first, level) for level in first.choices)
    told = (
        f"{len(DRUGS)} columns say the same of one drug each: {levels},\nduring the stay. `{NOT_RECORDED}`: no. "
        f"`/predict`: {_in_predict(first)}. For a model: {_role(first)}."
    )
    table = _table(("#", "column", "in UCI's file", "class of the drug"), (_drug_row(BY_NAME[name]) for name in DRUGS))
    return f"{told}\n\n{table}\n\n{NOTE_ON_DRUGS}"


def _drug_row(field: Field) -> tuple[str, ...]:
    return _number(field), f"`{field.name}`", f"`{field.ucis_name or field.name}`", _class(field.name)


def _class(drug: str) -> str:
    """Of a drug, or of both parts of a combined one."""
    of = {name: kind for kind, names in CLASSES.items() for name in names}
    return " + ".join(of.get(part, UNKNOWN_CLASS) for part in drug.split("_"))


def _ids(field: Field) -> str:
    out = CANNOT_RETURN if field.name == DISPOSITION else ()
    rows = zip(field.choices, field.words, strict=True)
    return _table(("id", "meaning"), ((id_, f"{words}: **left out**" if id_ in out else words) for id_, words in rows))


def _targets() -> Iterable[tuple[str, str]]:
    for target, outcomes in TARGETS.items():
        yield f"`{target}`", ", ".join(_worded(BY_NAME[OUTCOME], outcome) for outcome in outcomes)


NOTE_ON_DRUGS = """\
The classes are general pharmacology and stand in no file of UCI's. UCI does not say what `examide` and `citoglipton`
are; the paper lists sitagliptin where the file has `citoglipton`. Outside the US glyburide is called glibenclamide."""

PAGE = """\
<!-- Made from src/readmit/core/encounter.py by `just data-page`. What is changed here is lost. -->
# The data

One row is one **encounter**: one stay of one diabetic patient in a hospital. This page says where the rows come from,
which of them are left out, and what each of the {columns} columns may hold. It is made from
[`encounter.py`](../src/readmit/core/encounter.py), the contract by which batches are cleaned and requests are judged,
and a test holds it to that.

## Where they come from

- **The study**: B. Strack, J. P. DeShazo, C. Gennings, J. L. Olmo, S. Ventura, K. J. Cios and J. N. Clore, "Impact of
  HbA1c Measurement on Hospital Readmission Rates: Analysis of 70,000 Clinical Database Patient Records", BioMed
  Research International, 2014, [doi 10.1155/2014/781670](https://doi.org/10.1155/2014/781670). Ten years of care, 1999
  to 2008, at 130 US hospitals and integrated delivery networks, from the Health Facts database (Cerner Corporation),
  de-identified.
- **The file**: `diabetic_data.csv`, 101,766 encounters, with `IDS_mapping.csv`, the meaning of three ids:
  [UCI Machine Learning Repository, dataset 296](https://archive.ics.uci.edu/dataset/296), under
  [CC BY 4.0](https://creativecommons.org/licenses/by/4.0/): whoever uses them names the study.
- **Yours**: any file with these columns, as the [README](../README.md) says. Where none is to be had, a synthetic
  sample is made that keeps the same contract.

A stay is in the file when all five of the study's **inclusion criteria** hold:

1. It is an inpatient encounter, a hospital admission.
2. It is a diabetic encounter: diabetes of any kind was entered as a diagnosis.
3. It lasted at least 1 day and at most 14 days.
4. Laboratory tests were performed during it.
5. Medications were administered during it.

The study's own analysis then left out deaths and hospice and kept one stay of each patient. The file holds them all.

## What Readmit leaves out

Every row that comes is clean, quarantined or excluded; the three add up to what came.

- **Excluded**: stays that ended in death or hospice, `discharge_disposition_id` {excluded}
  ([in words](#discharge_disposition_id)). Those patients can't come back
  ([decision 1](decisions/0001-readmitted-within-30-days.md)): no model learns from them, and `/predict`
  refuses them (422).
- **Quarantined**: rows with a value that this page does not allow, and every encounter that came before. Each is kept
  with its field and its reason; nothing is filled in ([decision 6](decisions/0006-contract-and-quarantine.md)).

Repeated stays of a patient stay in, all in one split ([decision 3](decisions/0003-split-by-patient.md)): no patient is
both learnt from and judged on.

## How to read the tables

- **#** is the column's place in UCI's file, **column** its name here: UCI's own, with `_` for `-`.
- **values**: a list or a set of ids is closed, and is the published one, not what one file happens to hold. A range
  includes both ends; 999 guards against damage and is no medical limit. Of a code the form is checked. In the raw store
  all is text, as it came; in the clean store numbers and ids are integers.
- **`?`** is how UCI writes 'not recorded': whether it may stand there in a batch. In the clean store it is null.
  (`None` in a laboratory column is a value: not measured.)
- **`/predict`**: {required} fields are **required**. The others are optional: absent, null and `?` all mean
  'not recorded', or what is said after 'absent'. A row of the file can be posted as it is: UCI's spelling is taken too,
  and what is ignored may be there.
- **for a model**: a feature is what it sees, [raw](decisions/0007-the-model-takes-the-raw-encounter.md);
  [key and outcome](#what-a-model-does-not-see) it does not see.

## The columns

{tables}

## The ids in words

From `IDS_mapping.csv`, abbreviations written out. 'NULL', 'not available', 'not mapped' and 'unknown' are ids of their
own there, and stay so.

{ids}

## What a model does not see

Of {columns} columns {features} are features. The other three:

- `encounter_id` and `patient_nbr` are keys. A number is no property of a patient, and the order of encounters is not
  fully that of time ([decision 4](decisions/0004-no-history-features-no-ids.md)). The patient's number decides the
  [split](decisions/0003-split-by-patient.md). Outside the raw and clean stores both stand only as keyed hashes,
  `encounter_key` and `patient_key`. In a request the first is checked and goes no further.
- `readmitted` is what is to be predicted. The three values are kept; the label is made from them, for the
  [target](decisions/0001-readmitted-within-30-days.md) that is asked:

{targets}

Nothing is counted from a patient's other rows ([decision 4](decisions/0004-no-history-features-no-ids.md)):
`number_inpatient`, `number_emergency` and `number_outpatient` are facts of the encounter itself.

## What to keep in mind

- US hospitals of 1999 to 2008, diagnoses in ICD-9, the drugs of those years: what holds here need not hold elsewhere.
- There are no dates in it. `NO` means that no readmission is on record, not that there was none.
- `weight` is hardly ever recorded. `payer_code` and `medical_specialty` often are not, and unevenly from one part of
  the file to the next ([decision 6](decisions/0006-contract-and-quarantine.md)).
- The study describes diagnoses by three digits; for diabetes the file has finer ones, such as 250.83.
- `race`, `gender` and `payer_code` are features, as somebody recorded them: where care was unequal, a model can learn
  that.
"""

if __name__ == "__main__":
    sys.stdout.write(page())

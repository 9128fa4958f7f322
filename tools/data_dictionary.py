"""Generator of docs/data.md, the data dictionary, from the fields of an encounter (`just ops::data-dictionary`)."""

import sys
from collections.abc import Iterable, Sequence

from readmit.core.encounter import (
    BY_NAME,
    COLUMNS,
    DISPOSITION,
    DRUGS,
    EXCLUDED_DISPOSITIONS,
    FEATURES,
    FIELDS,
    NOT_RECORDED,
    OUTCOME,
    TARGETS,
    Field,
    Group,
    Kind,
)
from readmit.core.request import IGNORED_FIELDS

HEADER = ("#", "column", "meaning", "values", f"`{NOT_RECORDED}`", "`/predict`", "role")
DRUG_CLASSES = {
    "biguanide": ("metformin",),
    "meglitinide": ("repaglinide", "nateglinide"),
    "sulfonylurea": (
        *("chlorpropamide", "glimepiride", "acetohexamide", "glipizide", "glyburide", "tolbutamide", "tolazamide"),
    ),
    "thiazolidinedione": ("pioglitazone", "rosiglitazone", "troglitazone"),
    "alpha-glucosidase inhibitor": ("acarbose", "miglitol"),
    "insulin": ("insulin",),
}
"""General pharmacology, not from UCI. UCI does not explain the two drugs without a class."""
UNKNOWN_CLASS = "unknown"


def page() -> str:
    """Return the page in Markdown."""
    tables = "\n\n".join(f"### {group.capitalize()}\n\n{_group_tables(group)}" for group in Group)
    ids = "\n\n".join(f"### `{field.name}`\n\n{_id_table(field)}" for field in FIELDS if field.kind is Kind.ID)
    return PAGE.format(
        columns=len(COLUMNS),
        features=len(FEATURES),
        required=sum(field.required for field in FIELDS),
        excluded=", ".join(EXCLUDED_DISPOSITIONS),
        tables=tables,
        ids=ids,
        targets=_table(("target", f"`{OUTCOME}` that counts as readmitted"), _targets()),
    )


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(cells)} |" for cells in (header, *rows)]
    lines.insert(1, "|---" * len(header) + "|")
    return "\n".join(lines)


def _group_tables(group: Group) -> str:
    fields = [field for field in FIELDS if field.group is group and field.name not in DRUGS]
    table = _table(HEADER, (_row(field) for field in fields))
    return f"{_drug_table()}\n\n{table}" if group is Group.DRUGS else table


def _row(field: Field) -> tuple[str, ...]:
    unrecorded = "allowed" if field.may_be_unrecorded else "no"
    return (
        _number(field),
        f"`{field.name}`",
        field.meaning,
        _values(field),
        unrecorded,
        _request_use(field),
        _role(field),
    )


def _number(field: Field) -> str:
    return str(COLUMNS.index(field.name) + 1)


def _values(field: Field) -> str:
    if field.kind is Kind.ID:
        return f"one of [{len(field.choices)} ids](#{field.name})"
    if field.choices:
        return ", ".join(_choice(field, choice) for choice in field.choices)
    return field.hint or f"whole number, {field.low:,} to {field.high:,}"


def _choice(field: Field, choice: str) -> str:
    meanings = dict(zip(field.choices, field.choice_meanings, strict=True)) if field.choice_meanings else {}
    return f"`{choice}` ({meanings[choice]})" if choice in meanings else f"`{choice}`"


def _request_use(field: Field) -> str:
    if field.name in IGNORED_FIELDS:
        return "ignored"
    if field.required:
        return "**required**"
    return f"optional; absent: `{field.if_absent}`" if field.if_absent else "optional"


def _role(field: Field) -> str:
    if field.name in FEATURES:
        return "feature"
    return "outcome" if field.name == OUTCOME else "key"


def _drug_table() -> str:
    first = BY_NAME[DRUGS[0]]
    levels = ", ".join(_choice(first, level) for level in first.choices)
    summary = (
        f"{len(DRUGS)} columns have the same values, for one drug each: {levels},\nduring the stay. "
        f"`{NOT_RECORDED}`: no. `/predict`: {_request_use(first)}. Role: {_role(first)}."
    )
    table = _table(("#", "column", "in UCI's file", "drug class"), (_drug_row(BY_NAME[name]) for name in DRUGS))
    return f"{summary}\n\n{table}\n\n{NOTE_ON_DRUGS}"


def _drug_row(field: Field) -> tuple[str, ...]:
    return _number(field), f"`{field.name}`", f"`{field.uci_name or field.name}`", _class(field.name)


def _class(drug: str) -> str:
    """Return the class of a drug, or of both parts of a combination."""
    class_of = {name: drug_class for drug_class, names in DRUG_CLASSES.items() for name in names}
    return " + ".join(class_of.get(part, UNKNOWN_CLASS) for part in drug.split("_"))


def _id_table(field: Field) -> str:
    excluded = EXCLUDED_DISPOSITIONS if field.name == DISPOSITION else ()
    rows = zip(field.choices, field.choice_meanings, strict=True)
    marked = ((id_, f"{meaning}: **excluded**" if id_ in excluded else meaning) for id_, meaning in rows)
    return _table(("id", "meaning"), marked)


def _targets() -> Iterable[tuple[str, str]]:
    for target, outcomes in TARGETS.items():
        yield f"`{target}`", ", ".join(_choice(BY_NAME[OUTCOME], outcome) for outcome in outcomes)


NOTE_ON_DRUGS = """\
The classes are general pharmacology and are not in UCI's files. UCI does not explain `examide` and `citoglipton`;
the paper lists sitagliptin where the file has `citoglipton`. Outside the US glyburide is called glibenclamide."""

PAGE = """\
<!-- Generated from src/readmit/core/encounter.py by `just ops::data-dictionary`. Changes made here are lost. -->
# The data

One row is one **encounter**: one hospital stay of one diabetic patient. This page describes the source of the rows,
which of them are excluded, and the valid values of each of the {columns} columns. It is generated from
[`encounter.py`](../src/readmit/core/encounter.py), the contract for cleaning batches and validating requests, and a
test checks that it is up to date.

## Source

- **The study**: B. Strack, J. P. DeShazo, C. Gennings, J. L. Olmo, S. Ventura, K. J. Cios and J. N. Clore, "Impact of
  HbA1c Measurement on Hospital Readmission Rates: Analysis of 70,000 Clinical Database Patient Records", BioMed
  Research International, 2014, [doi 10.1155/2014/781670](https://doi.org/10.1155/2014/781670). Ten years of care, 1999
  to 2008, at 130 US hospitals and integrated delivery networks, from the Health Facts database (Cerner Corporation),
  de-identified.
- **The file**: `diabetic_data.csv`, 101,766 encounters, with `IDS_mapping.csv`, the meaning of three ids:
  [UCI Machine Learning Repository, dataset 296](https://archive.ics.uci.edu/dataset/296), under
  [CC BY 4.0](https://creativecommons.org/licenses/by/4.0/), which requires users to cite the study.
- **Your own data**: any file with these columns, see the [README](../README.md). If there is none, a synthetic sample
  with the same contract is generated.

The file contains the stays that meet all five **inclusion criteria** of the study:

1. It is an inpatient encounter, a hospital admission.
2. It is a diabetic encounter: any kind of diabetes was entered as a diagnosis.
3. It lasted at least 1 day and at most 14 days.
4. Laboratory tests were performed during it.
5. Medications were administered during it.

The study's own analysis then excluded deaths and hospice and kept one stay per patient. The file contains all stays.

## What Readmit excludes

Every raw row is either clean, quarantined or excluded; the three counts add up to the raw rows.

- **Excluded**: stays that ended in death or hospice, `discharge_disposition_id` {excluded}
  ([meanings](#discharge_disposition_id)). No model is trained on them, and
  `/predict` rejects them (422): [decision 1](decisions/0001-readmitted-within-30-days.md).
- **Quarantined**: rows with a value that this page does not allow, and duplicates of earlier encounters. Each is kept
  with its field and its reason; nothing is imputed ([decision 6](decisions/0006-contract-and-quarantine.md)).

Repeated stays of a patient are kept, all in one split ([decision 3](decisions/0003-split-by-patient.md)): no patient is
in both the training and the test data.

## How to read the tables

- **#** is the column's position in UCI's file, **column** its name here: UCI's name, with `_` for `-`.
- **values**: a list of values or set of IDs is closed, and is the published one, not the values that occur in one file.
  A range includes both ends; 999 is not a medical limit but a guard against damaged data. Code formats are checked.
  In the raw store all values are text, unchanged; in the clean store numbers and IDs are integers.
- **`?`** is UCI's marker for 'not recorded'; the column states whether a batch may contain it. In the clean store it is
  null. (`None` in a laboratory column is a value: not measured.)
- **`/predict`**: {required} fields are **required**. The others are optional: absent, null and `?` all mean
  'not recorded', or the value after 'absent'. A row of the file can be posted unchanged: UCI's spelling is accepted
  too, and ignored fields may be present.
- **role**: a feature is a model input, [raw](decisions/0007-the-model-takes-the-raw-encounter.md); the
  [keys and the outcome](#what-a-model-does-not-see) are not.

## The columns

{tables}

## Meanings of the IDs

From `IDS_mapping.csv`, with abbreviations spelled out. 'NULL', 'not available', 'not mapped' and 'unknown' are separate
IDs there, and are kept as such.

{ids}

## What a model does not see

Of {columns} columns {features} are features. The other three:

- `encounter_id` and `patient_nbr` are keys. An ID is not a property of a patient, and the order of encounter IDs is not
  fully chronological ([decision 4](decisions/0004-no-history-features-no-ids.md)). The patient's ID determines the
  [split](decisions/0003-split-by-patient.md). Outside the raw and clean stores both are replaced by keyed hashes,
  `encounter_key` and `patient_key`. In a request, `encounter_id` is validated and otherwise not used.
- `readmitted` is the outcome to predict. The three values are kept; the label is derived from them, for the configured
  [target](decisions/0001-readmitted-within-30-days.md):

{targets}

Nothing is computed from a patient's other rows ([decision 4](decisions/0004-no-history-features-no-ids.md)):
`number_inpatient`, `number_emergency` and `number_outpatient` are facts of the encounter itself.

## To use a model from MLflow

In a Python environment with the package `readmit` and its requirements (`requirements/dev.txt`):

```
import mlflow, pandas
mlflow.set_tracking_uri("http://127.0.0.1:5000")
model = mlflow.pyfunc.load_model("models:/readmit@production")
model.predict(pandas.read_csv("diabetic_data.csv"))
```

The answer is an array with the API's probability for each row, NaN for a stay that ended in death or hospice. A row may
be one of UCI's file or a request of the API: columns that the API does not require may be missing or empty. An invalid
row is an error that names the row and the field. A missing value in a laboratory column counts as not measured, since
pandas reads the word `None` so; a laboratory column that is not there counts as not recorded, as in the API.

`mlflow models serve -m models:/readmit@production --env-manager local`, with `MLFLOW_TRACKING_URI` set to the address
above, answers the same in JSON and Parquet. It does not read CSV, because the optional columns have no type that MLflow
checks: MLflow would reject a column in which nothing is recorded.

## Limitations

- US hospitals of 1999 to 2008, diagnoses in ICD-9, the drugs of those years: results may not generalize.
- The data contain no dates. `NO` means that no readmission is on record, not that there was none.
- `weight` is hardly ever recorded. `payer_code` and `medical_specialty` are often missing, and unevenly across the
  file ([decision 6](decisions/0006-contract-and-quarantine.md)).
- The study describes diagnoses by three digits; for diabetes the file has more specific codes, such as 250.83.
- `race`, `gender` and `payer_code` are features, as recorded: where care was unequal, a model can learn that.
"""

if __name__ == "__main__":
    sys.stdout.write(page())

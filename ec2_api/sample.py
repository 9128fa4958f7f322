"""Generator of the synthetic sample: encounters distributed like the published ones, without real patients.

`python -m ec2_api.sample [--rows N] [--seed N] [--out PATH]` writes a CSV in UCI's layout. The same rows and seed
give the same bytes.
"""

import argparse
import bisect
import itertools
import math
import random
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import TextIO

from ec2_api import sample_shares as shares
from ec2_api.layout import COLUMNS, DRUGS
from ec2_api.sample_risk import log_odds, outcome

ROWS = 30_000
SEED = 130
MIN_ENCOUNTER_ID, MAX_ENCOUNTER_ID = 12_522, 443_867_222
MAX_PATIENT_NBR = 189_502_619
FILE_YEARS = 10
MEAN_YEARS_BETWEEN_STAYS = 0.4
MIN_ADULT_AGE = 20
SEVERAL_DRUGS_CHANGE_SHARE = 0.97
"""Share of `Ch` among encounters with two or more diabetes drugs and none raised or lowered."""


class Distribution:
    """A categorical distribution, sampled by a probability (0 to 1) or by a standard normal score (Gaussian copula)."""

    def __init__(self, table: Mapping[str, float]) -> None:
        total = sum(table.values())
        self._values = list(table)
        self._bounds = [min(bound / total, 1.0) for bound in itertools.accumulate(table.values())]
        self._scores = [NormalDist().inv_cdf(bound) if bound < 1 else math.inf for bound in self._bounds]

    def inverse_cdf(self, probability: float) -> str:
        """Return the value at a cumulative probability."""
        return self._values[min(bisect.bisect(self._bounds, probability), len(self._values) - 1)]

    def from_score(self, score: float) -> str:
        """Return the value at a normal score; correlated scores give correlated values, with the same shares."""
        return self._values[min(bisect.bisect(self._scores, score), len(self._values) - 1)]

    def to_score(self, value: str, fraction: float) -> float:
        """Return a score that `from_score` maps to this value; `fraction` (0 to 1) is the point within its range."""
        index = self._values.index(value)
        low, high = ([0.0, *self._bounds][index], self._bounds[index])
        return NormalDist().inv_cdf(min(max(low + fraction * (high - low), 1e-9), 1 - 1e-9))


STAYS = Distribution(shares.ENCOUNTERS_PER_PATIENT)
STAYS_PER_ENCOUNTER = Distribution(
    {stays: share * int(stays) for stays, share in shares.ENCOUNTERS_PER_PATIENT.items()}
)
LAST_STAY_SHARE = sum(shares.ENCOUNTERS_PER_PATIENT.values()) / sum(
    share * int(stays) for stays, share in shares.ENCOUNTERS_PER_PATIENT.items()
)
RACE, GENDER, AGE_DECADE = Distribution(shares.RACE), Distribution(shares.GENDER), Distribution(shares.AGE_DECADE)
WEIGHT, PAYER = Distribution(shares.WEIGHT), Distribution(shares.PAYER)
ADMISSION_TYPE, ADMISSION_SOURCE = Distribution(shares.ADMISSION_TYPE), Distribution(shares.ADMISSION_SOURCE)
DEATH_OR_HOSPICE = Distribution(shares.DEATH_OR_HOSPICE)
DISPOSITION = tuple((age, Distribution(table)) for age, table in shares.DISPOSITION_BY_AGE)
SPECIALTY, CHILD_SPECIALTY = Distribution(shares.SPECIALTY), Distribution(shares.CHILD_SPECIALTY)
FIRST_DIAGNOSIS, CHILD_DIAGNOSIS = Distribution(shares.FIRST_DIAGNOSIS), Distribution(shares.CHILD_DIAGNOSIS)
SECOND_DIAGNOSIS, THIRD_DIAGNOSIS = Distribution(shares.SECOND_DIAGNOSIS), Distribution(shares.THIRD_DIAGNOSIS)
DAYS, PROCEDURES, DIAGNOSES = Distribution(shares.DAYS), Distribution(shares.PROCEDURES), Distribution(shares.DIAGNOSES)
INPATIENT, EMERGENCY, OUTPATIENT = (
    Distribution(shares.INPATIENT),
    Distribution(shares.EMERGENCY),
    Distribution(shares.OUTPATIENT),
)
GLUCOSE, A1C = Distribution(shares.GLUCOSE), Distribution(shares.A1C)
DRUG_LEVELS = {drug: Distribution(levels) for drug, levels in shares.DRUG_LEVELS.items()}


@dataclass(frozen=True, slots=True)
class Patient:
    """A patient. `age`: at the first stay, in years; `frailty`: a standard normal score shared by all stays."""

    number: int
    race: str
    gender: str
    age: float
    payer: str
    frailty: float


@dataclass(frozen=True, slots=True)
class Stay:
    """One stay. `year`: time since the start of the file, in years; `age`: in years."""

    patient: Patient
    year: float
    age: float
    last: bool


def write_sample(path: Path, rows: int = ROWS, seed: int = SEED) -> None:
    """Write `rows` encounters as CSV in UCI's layout; the same rows and seed give the same bytes."""
    with path.open("w", encoding="utf-8", newline="") as file:
        _write(file, rows, seed)


def _write(file: TextIO, rows: int, seed: int) -> None:
    file.write(",".join(COLUMNS) + "\n")
    for encounter in encounters(rows, seed):
        file.write(",".join(encounter[column] for column in COLUMNS) + "\n")


def encounters(rows: int, seed: int) -> Iterator[dict[str, str]]:
    """Yield each encounter as text by column, in the order of the file."""
    rng = random.Random(seed)
    stays = sorted(itertools.islice(_stays(rows, rng), rows), key=lambda stay: stay.year)
    numbers = sorted(rng.sample(range(MIN_ENCOUNTER_ID, MAX_ENCOUNTER_ID + 1), rows))
    for index, (number, stay) in enumerate(zip(numbers, stays, strict=True)):
        yield {"encounter_id": str(number)} | _encounter(stay, index / rows, rng)


def _stays(rows: int, rng: random.Random) -> Iterator[Stay]:
    for number in rng.sample(range(135, MAX_PATIENT_NBR + 1), rows):
        stays = STAYS.inverse_cdf(rng.random())
        patient = Patient(
            number=number,
            race=RACE.inverse_cdf(rng.random()),
            gender=GENDER.inverse_cdf(rng.random()),
            age=10 * (int(AGE_DECADE.inverse_cdf(rng.random())) + rng.random()),
            payer=PAYER.inverse_cdf(rng.random()),
            frailty=STAYS_PER_ENCOUNTER.to_score(stays, rng.random()),
        )
        first = year = rng.random() * FILE_YEARS
        for index in range(1, int(stays) + 1):
            yield Stay(patient, year, min(patient.age + year - first, 99.9), last=index == int(stays))
            year += rng.expovariate(1 / MEAN_YEARS_BETWEEN_STAYS)


def _encounter(stay: Stay, position: float, rng: random.Random) -> dict[str, str]:
    """Return all columns but the encounter id; `position`: the share of the file before this row, 0 to 1."""
    patient, decade = stay.patient, 10 * int(stay.age / 10)
    unrecorded = shares.PAYER_UNRECORDED[int(position * len(shares.PAYER_UNRECORDED))]
    row = {
        "patient_nbr": str(patient.number),
        "race": patient.race,
        "gender": patient.gender,
        "age": f"[{decade}-{decade + 10})",
        "weight": WEIGHT.inverse_cdf(rng.random()),
        "admission_type_id": ADMISSION_TYPE.inverse_cdf(rng.random()),
        "discharge_disposition_id": _disposition(stay, rng),
        "admission_source_id": ADMISSION_SOURCE.inverse_cdf(rng.random()),
        "payer_code": "?" if rng.random() < unrecorded else patient.payer,
        **_hospital_care(rng),
        **_prior_visits(patient.frailty, rng),
        "max_glu_serum": GLUCOSE.inverse_cdf(rng.random()),
        "A1Cresult": A1C.inverse_cdf(rng.random()),
        **_drugs(rng),
    }
    row |= _diagnoses(stay, int(row["number_diagnoses"]), rng)
    ended = row["discharge_disposition_id"] in shares.DEATH_OR_HOSPICE
    returned = "NO" if ended else outcome(log_odds(row, stay.age), rng.random())
    return row | {"readmitted": returned}


def _disposition(stay: Stay, rng: random.Random) -> str:
    share = next(share for age, share in shares.DEATH_OR_HOSPICE_BY_AGE if stay.age < age)
    # Nobody returns from these: they occur only at the last stay, at a rate scaled up to all stays.
    if stay.last and rng.random() < share / LAST_STAY_SHARE:
        return DEATH_OR_HOSPICE.inverse_cdf(rng.random())
    return next(distribution for age, distribution in DISPOSITION if stay.age < age).inverse_cdf(rng.random())


def _correlated_score(factor: float, loading: float, rng: random.Random) -> float:
    """Return a standard normal score with correlation `loading` to `factor`, itself standard normal."""
    return loading * factor + math.sqrt(1 - loading * loading) * rng.gauss(0, 1)


def _hospital_care(rng: random.Random) -> dict[str, str]:
    severity = rng.gauss(0, 1)
    tests = round(43.1 + 19.7 * _correlated_score(severity, 0.45, rng))
    drugs = round(math.exp(2.66 + 0.48 * _correlated_score(severity, 0.7, rng)))
    return {
        "time_in_hospital": DAYS.from_score(_correlated_score(severity, 0.7, rng)),
        "num_lab_procedures": str(min(max(tests, 1), 132)),
        "num_procedures": PROCEDURES.from_score(_correlated_score(severity, 0.4, rng)),
        "num_medications": str(min(max(drugs, 1), 81)),
        "number_diagnoses": DIAGNOSES.from_score(_correlated_score(severity, 0.35, rng)),
    }


def _prior_visits(frailty: float, rng: random.Random) -> dict[str, str]:
    return {
        "number_outpatient": OUTPATIENT.from_score(_correlated_score(frailty, 0.3, rng)),
        "number_emergency": EMERGENCY.from_score(_correlated_score(frailty, 0.4, rng)),
        "number_inpatient": INPATIENT.from_score(_correlated_score(frailty, 0.75, rng)),
    }


def _drugs(rng: random.Random) -> dict[str, str]:
    levels = {drug: DRUG_LEVELS[drug].inverse_cdf(rng.random()) for drug in DRUGS}
    given = [level for level in levels.values() if level != "No"]
    changed = "Up" in given or "Down" in given or (len(given) > 1 and rng.random() < SEVERAL_DRUGS_CHANGE_SHARE)
    return levels | {"change": "Ch" if changed else "No", "diabetesMed": "Yes" if given else "No"}


def _diagnoses(stay: Stay, count: int, rng: random.Random) -> dict[str, str]:
    """Return the specialty and the three codes; `?` where there are fewer diagnoses."""
    child, excluded = stay.age < MIN_ADULT_AGE, shares.EXCLUDED_BY_GENDER[stay.patient.gender]
    specialty = _draw_allowed(CHILD_SPECIALTY if child else SPECIALTY, excluded, rng)
    first = _draw_allowed(CHILD_DIAGNOSIS if child else FIRST_DIAGNOSIS, excluded, rng)
    second = _draw_allowed(SECOND_DIAGNOSIS, excluded | {first}, rng) if count > 1 else "?"
    third = _draw_allowed(THIRD_DIAGNOSIS, excluded | {first, second}, rng) if count > 2 else "?"
    return {"medical_specialty": specialty, "diag_1": first, "diag_2": second, "diag_3": third}


def _draw_allowed(distribution: Distribution, excluded: frozenset[str], rng: random.Random) -> str:
    while (value := distribution.inverse_cdf(rng.random())) in excluded:
        pass
    return value


def main() -> None:
    """Write the sample to a file or to standard output."""
    parser = argparse.ArgumentParser(
        prog="python -m ec2_api.sample", description="Write a synthetic sample in UCI's layout."
    )
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--out", type=Path, help="CSV file to write (default: standard output)")
    args = parser.parse_args()
    if args.rows < 1:
        parser.error("--rows must be at least 1")
    if args.out:
        write_sample(args.out, args.rows, args.seed)
    else:
        _write(sys.stdout, args.rows, args.seed)


if __name__ == "__main__":
    main()

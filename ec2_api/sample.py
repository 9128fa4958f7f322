"""The synthetic sample: encounters that look like the published ones and belong to nobody.

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
FIRST_ENCOUNTER, LAST_ENCOUNTER = 12_522, 443_867_222
LAST_PATIENT = 189_502_619
YEARS_OF_THE_FILE = 10
YEARS_BETWEEN_STAYS = 0.4
CHILD = 20
SEVERAL_DRUGS_CHANGED = 0.97
"""Share of `Ch` where two or more diabetes drugs are given and none is marked as raised or lowered."""


class Drawn:
    """One table's values, drawn by their shares from a chance (0 to 1) or a standard normal score."""

    def __init__(self, table: Mapping[str, float]) -> None:
        total = sum(table.values())
        self._values = list(table)
        self._bounds = [min(bound / total, 1.0) for bound in itertools.accumulate(table.values())]
        self._scores = [NormalDist().inv_cdf(bound) if bound < 1 else math.inf for bound in self._bounds]

    def at(self, chance: float) -> str:
        return self._values[min(bisect.bisect(self._bounds, chance), len(self._values) - 1)]

    def ranked(self, score: float) -> str:
        """Scores that go together draw values that go together; the shares stay what they are."""
        return self._values[min(bisect.bisect(self._scores, score), len(self._values) - 1)]

    def score(self, value: str, chance: float) -> float:
        """A score that `ranked` turns into this value."""
        place = self._values.index(value)
        low, high = ([0.0, *self._bounds][place], self._bounds[place])
        return NormalDist().inv_cdf(min(max(low + chance * (high - low), 1e-9), 1 - 1e-9))


STAYS = Drawn(shares.ENCOUNTERS_OF_A_PATIENT)
STAYS_BY_STAY = Drawn({stays: share * int(stays) for stays, share in shares.ENCOUNTERS_OF_A_PATIENT.items()})
LAST_STAYS = sum(shares.ENCOUNTERS_OF_A_PATIENT.values()) / sum(
    share * int(stays) for stays, share in shares.ENCOUNTERS_OF_A_PATIENT.items()
)
RACE, GENDER, AGE_DECADE = Drawn(shares.RACE), Drawn(shares.GENDER), Drawn(shares.AGE_DECADE)
WEIGHT, PAYER = Drawn(shares.WEIGHT), Drawn(shares.PAYER)
ADMISSION_TYPE, ADMISSION_SOURCE = Drawn(shares.ADMISSION_TYPE), Drawn(shares.ADMISSION_SOURCE)
DEATH_OR_HOSPICE = Drawn(shares.DEATH_OR_HOSPICE)
DISPOSITION = tuple((age, Drawn(table)) for age, table in shares.DISPOSITION_BY_AGE)
SPECIALTY, CHILD_SPECIALTY = Drawn(shares.SPECIALTY), Drawn(shares.CHILD_SPECIALTY)
FIRST_DIAGNOSIS, CHILD_DIAGNOSIS = Drawn(shares.FIRST_DIAGNOSIS), Drawn(shares.CHILD_DIAGNOSIS)
SECOND_DIAGNOSIS, THIRD_DIAGNOSIS = Drawn(shares.SECOND_DIAGNOSIS), Drawn(shares.THIRD_DIAGNOSIS)
DAYS, PROCEDURES, DIAGNOSES = Drawn(shares.DAYS), Drawn(shares.PROCEDURES), Drawn(shares.DIAGNOSES)
INPATIENT, EMERGENCY, OUTPATIENT = Drawn(shares.INPATIENT), Drawn(shares.EMERGENCY), Drawn(shares.OUTPATIENT)
GLUCOSE, A1C = Drawn(shares.GLUCOSE), Drawn(shares.A1C)
DRUG_LEVELS = {drug: Drawn(levels) for drug, levels in shares.DRUG_LEVELS.items()}


@dataclass(frozen=True, slots=True)
class Patient:
    """`age` is that at the first stay, years; `frailty` is a standard normal score over all stays."""

    number: int
    race: str
    gender: str
    age: float
    payer: str
    frailty: float


@dataclass(frozen=True, slots=True)
class Stay:
    """One stay of a patient: when in the file's years, and at what age."""

    patient: Patient
    year: float
    age: float
    last: bool


def write_sample(path: Path, rows: int = ROWS, seed: int = SEED) -> None:
    """Writes `rows` encounters as CSV in UCI's layout, the same bytes for the same rows and seed."""
    with path.open("w", encoding="utf-8", newline="") as file:
        _write(file, rows, seed)


def _write(file: TextIO, rows: int, seed: int) -> None:
    file.write(",".join(COLUMNS) + "\n")
    for encounter in encounters(rows, seed):
        file.write(",".join(encounter[column] for column in COLUMNS) + "\n")


def encounters(rows: int, seed: int) -> Iterator[dict[str, str]]:
    """Each encounter's texts by column, in the order of the file."""
    rng = random.Random(seed)
    stays = sorted(itertools.islice(_stays(rows, rng), rows), key=lambda stay: stay.year)
    numbers = sorted(rng.sample(range(FIRST_ENCOUNTER, LAST_ENCOUNTER + 1), rows))
    for place, (number, stay) in enumerate(zip(numbers, stays, strict=True)):
        yield {"encounter_id": str(number)} | _encounter(stay, place / rows, rng)


def _stays(rows: int, rng: random.Random) -> Iterator[Stay]:
    for number in rng.sample(range(135, LAST_PATIENT + 1), rows):
        stays = STAYS.at(rng.random())
        patient = Patient(
            number=number,
            race=RACE.at(rng.random()),
            gender=GENDER.at(rng.random()),
            age=10 * (int(AGE_DECADE.at(rng.random())) + rng.random()),
            payer=PAYER.at(rng.random()),
            frailty=STAYS_BY_STAY.score(stays, rng.random()),
        )
        first = year = rng.random() * YEARS_OF_THE_FILE
        for stay in range(1, int(stays) + 1):
            yield Stay(patient, year, min(patient.age + year - first, 99.9), last=stay == int(stays))
            year += rng.expovariate(1 / YEARS_BETWEEN_STAYS)


def _encounter(stay: Stay, place: float, rng: random.Random) -> dict[str, str]:
    """All but the number; `place` is the share of the file that lies before it."""
    patient, decade = stay.patient, 10 * int(stay.age / 10)
    unrecorded = shares.PAYER_UNRECORDED[int(place * len(shares.PAYER_UNRECORDED))]
    told = {
        "patient_nbr": str(patient.number),
        "race": patient.race,
        "gender": patient.gender,
        "age": f"[{decade}-{decade + 10})",
        "weight": WEIGHT.at(rng.random()),
        "admission_type_id": ADMISSION_TYPE.at(rng.random()),
        "discharge_disposition_id": _disposition(stay, rng),
        "admission_source_id": ADMISSION_SOURCE.at(rng.random()),
        "payer_code": "?" if rng.random() < unrecorded else patient.payer,
        **_care(rng),
        **_history(patient.frailty, rng),
        "max_glu_serum": GLUCOSE.at(rng.random()),
        "A1Cresult": A1C.at(rng.random()),
        **_drugs(rng),
    }
    told |= _diagnoses(stay, int(told["number_diagnoses"]), rng)
    ended = told["discharge_disposition_id"] in shares.DEATH_OR_HOSPICE
    returned = "NO" if ended else outcome(log_odds(told, stay.age), rng.random())
    return told | {"readmitted": returned}


def _disposition(stay: Stay, rng: random.Random) -> str:
    share = next(share for age, share in shares.DEATH_OR_HOSPICE_BY_AGE if stay.age < age)
    # Nobody returns from these: a patient's last stay carries them for all.
    if stay.last and rng.random() < share / LAST_STAYS:
        return DEATH_OR_HOSPICE.at(rng.random())
    return next(drawn for age, drawn in DISPOSITION if stay.age < age).at(rng.random())


def _score(factor: float, loading: float, rng: random.Random) -> float:
    """A standard normal score that goes with `factor` by this correlation."""
    return loading * factor + math.sqrt(1 - loading * loading) * rng.gauss(0, 1)


def _care(rng: random.Random) -> dict[str, str]:
    severity = rng.gauss(0, 1)
    tests = round(43.1 + 19.7 * _score(severity, 0.45, rng))
    drugs = round(math.exp(2.66 + 0.48 * _score(severity, 0.7, rng)))
    return {
        "time_in_hospital": DAYS.ranked(_score(severity, 0.7, rng)),
        "num_lab_procedures": str(min(max(tests, 1), 132)),
        "num_procedures": PROCEDURES.ranked(_score(severity, 0.4, rng)),
        "num_medications": str(min(max(drugs, 1), 81)),
        "number_diagnoses": DIAGNOSES.ranked(_score(severity, 0.35, rng)),
    }


def _history(frailty: float, rng: random.Random) -> dict[str, str]:
    return {
        "number_outpatient": OUTPATIENT.ranked(_score(frailty, 0.3, rng)),
        "number_emergency": EMERGENCY.ranked(_score(frailty, 0.4, rng)),
        "number_inpatient": INPATIENT.ranked(_score(frailty, 0.75, rng)),
    }


def _drugs(rng: random.Random) -> dict[str, str]:
    levels = {drug: DRUG_LEVELS[drug].at(rng.random()) for drug in DRUGS}
    given = [level for level in levels.values() if level != "No"]
    changed = "Up" in given or "Down" in given or (len(given) > 1 and rng.random() < SEVERAL_DRUGS_CHANGED)
    return levels | {"change": "Ch" if changed else "No", "diabetesMed": "Yes" if given else "No"}


def _diagnoses(stay: Stay, entered: int, rng: random.Random) -> dict[str, str]:
    """Specialty and the three codes; a note with fewer diagnoses has `?` in their place."""
    child, barred = stay.age < CHILD, shares.NOT_IN[stay.patient.gender]
    specialty = _allowed(CHILD_SPECIALTY if child else SPECIALTY, barred, rng)
    first = _allowed(CHILD_DIAGNOSIS if child else FIRST_DIAGNOSIS, barred, rng)
    second = _allowed(SECOND_DIAGNOSIS, barred | {first}, rng) if entered > 1 else "?"
    third = _allowed(THIRD_DIAGNOSIS, barred | {first, second}, rng) if entered > 2 else "?"
    return {"medical_specialty": specialty, "diag_1": first, "diag_2": second, "diag_3": third}


def _allowed(drawn: Drawn, barred: frozenset[str], rng: random.Random) -> str:
    while (value := drawn.at(rng.random())) in barred:
        pass
    return value


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m ec2_api.sample", description="A synthetic sample in UCI's layout.")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--out", type=Path, help="where to write the CSV; standard output if absent")
    chosen = parser.parse_args()
    if chosen.rows < 1:
        parser.error("--rows: at least 1")
    if chosen.out:
        write_sample(chosen.out, chosen.rows, chosen.seed)
    else:
        _write(sys.stdout, chosen.rows, chosen.seed)


if __name__ == "__main__":
    main()

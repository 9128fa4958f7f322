import hashlib

import polars as pl
import pytest

from readmit.core.encounter import ENCOUNTER, PATIENT
from readmit.core.splitting import SPLIT, Split, split_of, with_split


def frame(patients: list[int]) -> pl.DataFrame:
    return pl.DataFrame({ENCOUNTER: range(len(patients)), PATIENT: patients})


def test_a_patients_split_follows_the_documented_formula() -> None:
    for patient in (*range(1, 3_000), 8_222_157, 189_502_619, 10**12):
        u = int(hashlib.sha256(f"readmit:{patient}".encode()).hexdigest()[:8], 16) / 16**8
        assert split_of(patient) == ("train" if u < 0.70 else "validation" if u < 0.85 else "test")


def test_no_patient_is_in_two_splits_and_the_order_of_the_rows_is_kept() -> None:
    patients = [(index * 7_919) % 500 for index in range(3_000)]
    split = with_split(frame(patients))
    assert split[ENCOUNTER].to_list() == list(range(3_000))
    assert split[PATIENT].to_list() == patients
    assert split.group_by(PATIENT).agg(pl.col(SPLIT).n_unique())[SPLIT].unique().to_list() == [1]


def test_twenty_thousand_patients_are_split_near_70_15_15() -> None:
    counts = dict(with_split(frame(list(range(20_000))))[SPLIT].value_counts().iter_rows())
    shares = {split.value: counts[split.value] / 20_000 for split in Split}
    assert shares == pytest.approx({"train": 0.70, "validation": 0.15, "test": 0.15}, abs=0.01)


def test_added_rows_move_no_patient() -> None:
    before = with_split(frame(list(range(0, 2_000, 2))))
    after = with_split(frame([*range(1, 4_000, 2), *range(0, 2_000, 2)])).tail(1_000)
    assert after.select(PATIENT, SPLIT).equals(before.select(PATIENT, SPLIT))

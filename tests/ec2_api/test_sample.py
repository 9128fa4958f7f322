import subprocess
import sys
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import lightgbm
import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from ec2_api import layout
from ec2_api.sample import ROWS, SEED, write_sample
from readmit.core.encounter import COLUMNS, EXCLUDED_DISPOSITIONS, FIELDS, NOT_RECORDED, Kind, python_name
from readmit.core.encounter import DRUGS as DRUGS_OF_THE_CONTRACT
from readmit.core.field_values import value_error

ROOT = Path(layout.__file__).parents[1]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    path = tmp_path_factory.mktemp("sample") / "sample.csv"
    write_sample(path)
    return layout.read_table(path.read_bytes())


def test_its_columns_are_those_of_the_contract_in_order(sample: pl.DataFrame) -> None:
    assert tuple(map(python_name, sample.columns)) == COLUMNS
    assert tuple(map(python_name, layout.DRUGS)) == DRUGS_OF_THE_CONTRACT
    assert {python_name(name) for name in layout.WHOLE_NUMBERS} == {
        field.name for field in FIELDS if field.whole_number
    }


def test_every_value_meets_the_contract_and_is_missing_only_where_uci_has_missing_values(sample: pl.DataFrame) -> None:
    for field, column in zip(FIELDS, sample.columns, strict=True):
        values = set(sample[column].unique())
        if field.may_be_unrecorded:
            assert NOT_RECORDED in values, column
            values.discard(NOT_RECORDED)
        faults = [fault for value in values if (fault := value_error(field, value))]
        assert faults == [], column


def test_its_marginals_are_near_the_published_ones(sample: pl.DataFrame) -> None:
    def share(column: str, *values: str) -> float:
        return float(sample[column].is_in(values).mean() or 0)

    assert sample.height == ROWS
    assert share("readmitted", "<30") == pytest.approx(0.112, abs=0.01)
    assert share("readmitted", ">30") == pytest.approx(0.349, abs=0.015)
    assert share("discharge_disposition_id", *EXCLUDED_DISPOSITIONS) == pytest.approx(0.024, abs=0.004)
    assert share("weight", "?") == pytest.approx(0.969, abs=0.005)
    assert share("payer_code", "?") == pytest.approx(0.395, abs=0.02)
    assert share("medical_specialty", "?") == pytest.approx(0.491, abs=0.01)
    assert share("age", "[70-80)") == pytest.approx(0.256, abs=0.015)
    assert share("diabetesMed", "Yes") == pytest.approx(0.77, abs=0.015)
    assert share("change", "Ch") == pytest.approx(0.463, abs=0.02)
    assert share("number_inpatient", "0") == pytest.approx(0.664, abs=0.015)
    assert float(sample["time_in_hospital"].cast(float).mean() or 0) == pytest.approx(4.4, abs=0.1)
    assert float(sample["num_medications"].cast(float).mean() or 0) == pytest.approx(16.0, abs=0.5)


def test_patients_return_older_with_the_same_race_and_gender_and_never_after_death_or_hospice(
    sample: pl.DataFrame,
) -> None:
    assert sample["encounter_id"].n_unique() == ROWS
    stays = defaultdict(list)
    for stay in sample.select("patient_nbr", "race", "gender", "age", "discharge_disposition_id").iter_rows():
        stays[stay[0]].append(stay[1:])
    assert 1 - len(stays) / ROWS == pytest.approx(0.30, abs=0.02)
    for earlier, later in (pair for patient in stays.values() for pair in pairwise(patient)):
        assert earlier[:2] == later[:2]
        assert int(earlier[2][1:].split("-")[0]) <= int(later[2][1:].split("-")[0])
        assert earlier[3] not in EXCLUDED_DISPOSITIONS
    ended = sample.filter(pl.col("discharge_disposition_id").is_in(EXCLUDED_DISPOSITIONS))
    assert Counter(ended["readmitted"]) == {"NO": ended.height}


def test_a_model_scores_about_as_well_as_on_the_published_data(sample: pl.DataFrame) -> None:
    eligible = sample.filter(~pl.col("discharge_disposition_id").is_in(EXCLUDED_DISPOSITIONS))
    counts = [name for field, name in zip(FIELDS, sample.columns, strict=True) if field.kind is Kind.COUNT]
    features = eligible.drop("encounter_id", "patient_nbr", "readmitted").to_pandas()
    features = features.astype({name: float if name in counts else "category" for name in features})
    returned = (eligible["readmitted"] == "<30").to_numpy()
    train = (eligible["patient_nbr"].cast(int) % 10 < 7).to_numpy()
    settings = {"n_estimators": 120, "learning_rate": 0.04, "num_leaves": 15, "min_child_samples": 80}
    model = lightgbm.LGBMClassifier(**settings, cat_smooth=50, n_jobs=1, verbose=-1)
    model.fit(features[train], returned[train])
    score = roc_auc_score(returned[~train], np.asarray(model.predict_proba(features[~train]))[:, 1])
    assert 0.62 <= score <= 0.68


def test_the_same_seed_gives_the_same_bytes_and_another_seed_different_ones(tmp_path: Path) -> None:
    for name, rows, seed in (("a", 600, 1), ("b", 600, 1), ("c", 600, 2), ("one", 1, 1)):
        write_sample(tmp_path / name, rows, seed)
    a, b, c, one = ((tmp_path / name).read_bytes() for name in ("a", "b", "c", "one"))
    assert a == b != c
    assert (a.count(b"\n"), one.count(b"\n")) == (601, 2)


def test_the_command_writes_what_the_function_writes(tmp_path: Path) -> None:
    write_sample(tmp_path / "here", rows=50, seed=SEED)
    completed = subprocess.run(
        [sys.executable, "-m", "ec2_api.sample", "--rows", "50"], capture_output=True, check=True, cwd=ROOT
    )
    assert completed.stdout == (tmp_path / "here").read_bytes()

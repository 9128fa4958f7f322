import tracemalloc

import pandas as pd
import polars as pl
import pytest

from ec2_api.sample import encounters
from readmit.core.cleaning import clean, to_text_columns
from readmit.core.dataset import dataset
from readmit.core.encounter import FEATURES, OUTCOME
from readmit.core.model import model_input
from readmit.core.snapshot import ENCOUNTER_KEY, PATIENT_KEY, pseudonymize


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    """A part of a snapshot: encounters of the synthetic sample with hashed IDs."""
    return pseudonymize(clean(to_text_columns(pl.DataFrame(list(encounters(600, seed=5)))), []).clean, "a secret")


@pytest.mark.parametrize("target", ["within_30_days", "any"])
def test_labels_stay_aligned_with_their_encounters_when_rows_are_shuffled(rows: pl.DataFrame, target: str) -> None:
    shuffled = rows.sample(fraction=1, shuffle=True, seed=3)
    before, after = dataset([rows], target), dataset([shuffled], target)
    assert before.labels != after.labels
    assert dict(zip(rows[ENCOUNTER_KEY], before.labels, strict=True)) == dict(
        zip(shuffled[ENCOUNTER_KEY], after.labels, strict=True)
    )
    expected = {"<30": 1, ">30": int(target == "any"), "NO": 0}
    assert after.labels == [expected[outcome] for outcome in shuffled[OUTCOME]]


def test_encounters_and_patients_stay_aligned_when_rows_are_shuffled(rows: pl.DataFrame) -> None:
    shuffled = rows.sample(fraction=1, shuffle=True, seed=4)
    loaded = dataset([shuffled.head(200), shuffled.tail(-200)], "any")
    pairs = set(zip(loaded.patients.tolist(), shuffled[PATIENT_KEY], strict=True))
    assert len(pairs) == len(set(loaded.patients)) == shuffled[PATIENT_KEY].n_unique()
    assert tuple(loaded.encounters.columns) == FEATURES
    for name in ("time_in_hospital", "age", "diag_1", "race", "payer_code"):
        column = loaded.encounters[name]
        assert column.where(column.notna(), None).tolist() == shuffled[name].to_list()


def test_an_unknown_outcome_is_an_error_that_names_the_field(rows: pl.DataFrame) -> None:
    with pytest.raises(ValueError, match=f"^{OUTCOME}: '<31'"):
        dataset([rows.with_columns(pl.lit("<31").alias(OUTCOME))], "any")


def test_coverage_summarizes_the_values_of_the_encounters(rows: pl.DataFrame) -> None:
    coverage = dataset([rows], "any").coverage
    assert coverage.rows == rows.height
    assert tuple(coverage.fields) == FEATURES
    for name in ("weight", "payer_code", "age"):
        field = coverage.fields[name]
        assert field.recorded == pytest.approx(1 - rows[name].null_count() / rows.height)
        assert field.values == set(rows[name].drop_nulls())
    length = coverage.fields["time_in_hospital"]
    assert (length.low, length.high, length.recorded) == (
        rows["time_in_hospital"].min(),
        rows["time_in_hospital"].max(),
        1.0,
    )


def test_a_column_is_that_of_a_model_input_also_when_nothing_was_recorded(rows: pl.DataFrame) -> None:
    nothing = rows.head(3).with_columns(pl.lit(None, rows.schema[name]).alias(name) for name in FEATURES)
    for frame in (rows, nothing):
        expected = model_input(frame.select(FEATURES).to_dict(as_series=False))
        pd.testing.assert_frame_equal(dataset([frame], "any").encounters, expected)


def test_a_dataset_takes_at_most_400_bytes_per_encounter(rows: pl.DataFrame) -> None:
    many = pl.concat([rows] * 40)
    tracemalloc.start()
    data = dataset([many], "any")
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(data.labels) == many.height
    assert taken / many.height < 400

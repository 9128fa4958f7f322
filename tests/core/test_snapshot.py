import hashlib
import hmac
import json

import polars as pl
import pytest

from ec2_api.sample import encounters
from readmit.core.cleaning import as_they_came, clean
from readmit.core.encounter import ENCOUNTER, FEATURES, OUTCOME, PATIENT
from readmit.core.errors import MissingBatches
from readmit.core.parts import Part
from readmit.core.snapshot import (
    DATASET_COLUMNS,
    ENCOUNTER_KEY,
    PATIENT_KEY,
    Snapshot,
    assemble,
    content_hash,
    key,
    keyed,
)

SECRET = "a secret of the tests"
SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    """Clean encounters of the synthetic sample."""
    return clean(as_they_came(pl.DataFrame(list(encounters(400, seed=11)))), []).clean


def part(batch: int, split: str, content: str = "") -> Part:
    return Part(batch, split, 10 * batch, content or f"{batch} {split}", f"batch-{batch:04d}/{split}.parquet")


def parts(*batches: int) -> list[Part]:
    return [part(batch, split) for batch in batches for split in SPLITS]


def test_a_gap_is_an_error_that_names_the_batches_that_are_not_there() -> None:
    with pytest.raises(MissingBatches, match=r"batch 6 .*: 2, 4, 5$"):
        assemble(6, parts(1, 3, 6))
    with pytest.raises(MissingBatches, match=r": 1$"):
        assemble(1, [])


def test_a_snapshot_of_batch_n_lists_the_parts_of_batches_1_to_n_and_no_later_one() -> None:
    snapshot = assemble(2, parts(1, 2, 3))
    assert {named.batch for named in snapshot.parts} == {1, 2}
    assert [snapshot.rows(split) for split in SPLITS] == [30, 30, 30]
    assert snapshot == assemble(2, parts(2, 1)[::-1])


def test_parts_come_split_by_split_in_the_order_asked_for_and_by_batch_within() -> None:
    found = assemble(2, parts(2, 1)).of("validation", "train")
    assert [(named.split, named.batch) for named in found] == [
        ("validation", 1),
        ("validation", 2),
        ("train", 1),
        ("train", 2),
    ]


def test_a_snapshot_survives_json_which_shows_its_hash() -> None:
    snapshot = assemble(2, parts(1, 2))
    assert Snapshot.from_json(snapshot.to_json()) == snapshot
    assert json.loads(snapshot.to_json())["hash"] == snapshot.hash


def test_the_same_rows_in_any_order_have_the_same_content_and_snapshot_hash(rows: pl.DataFrame) -> None:
    shuffled = rows.sample(fraction=1, shuffle=True, seed=1)
    contents = [content_hash(keyed(frame, SECRET)) for frame in (rows, shuffled)]
    assert not rows.equals(shuffled)
    assert contents[0] == contents[1]
    assert len({assemble(1, [part(1, "train", content)]).hash for content in contents}) == 1


@pytest.mark.parametrize("column", ["number_inpatient", OUTCOME, PATIENT])
def test_one_changed_value_changes_content_and_snapshot_hash(rows: pl.DataFrame, column: str) -> None:
    other = rows.filter(pl.col(column) != rows[0, column])[0, column]
    first = pl.int_range(pl.len()) == 0
    changed = rows.with_columns(pl.when(first).then(pl.lit(other)).otherwise(pl.col(column)).alias(column))
    contents = [content_hash(keyed(frame, SECRET)) for frame in (rows, changed)]
    assert contents[0] != contents[1]
    assert len({assemble(1, [part(1, "train", content)]).hash for content in contents}) == 2


def test_not_recorded_and_not_measured_differ_in_the_content_hash(rows: pl.DataFrame) -> None:
    contents = {
        content_hash(keyed(rows.with_columns(pl.lit(value, pl.String).alias("A1Cresult")), SECRET))
        for value in (None, "None", "")
    }
    assert len(contents) == 3


def test_a_key_is_the_hmac_of_the_number_and_another_secret_gives_another() -> None:
    assert key(SECRET, 12_522) == hmac.digest(SECRET.encode(), b"12522", hashlib.sha256).hex()
    assert len({key(SECRET, 12_522), key("another", 12_522), key(SECRET, 12_523)}) == 3


def test_a_dataset_holds_keys_in_the_place_of_the_numbers_of_encounters_and_patients(rows: pl.DataFrame) -> None:
    dataset = keyed(rows, SECRET)
    assert tuple(dataset.columns) == DATASET_COLUMNS == (ENCOUNTER_KEY, PATIENT_KEY, *FEATURES, OUTCOME)
    cells = {str(cell) for column in dataset for cell in column.unique()}
    assert not cells & {str(number) for number in (*rows[ENCOUNTER], *rows[PATIENT])}
    owners = dict(zip(rows[ENCOUNTER], rows[PATIENT], strict=True))
    expected = {key(SECRET, encounter): key(SECRET, patient) for encounter, patient in owners.items()}
    assert dict(dataset.select(ENCOUNTER_KEY, PATIENT_KEY).iter_rows()) == expected


def test_a_batch_of_15000_encounters_has_one_key_per_cell_and_stays_small(rows: pl.DataFrame) -> None:
    batch = pl.concat([rows] * (15_000 // rows.height + 1)).head(15_000)
    dataset = keyed(batch.with_columns(pl.int_range(1, pl.len() + 1).alias(ENCOUNTER)), SECRET)
    assert dataset.height == 15_000
    assert dataset.schema[ENCOUNTER_KEY] == dataset.schema[PATIENT_KEY] == pl.String
    assert dataset[ENCOUNTER_KEY].str.len_bytes().unique().to_list() == [64]
    assert dataset[ENCOUNTER_KEY].n_unique() == 15_000
    assert dataset.estimated_size("mb") < 50

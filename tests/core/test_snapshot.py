import hashlib
import hmac
import json

import polars as pl
import pytest

from ec2_api.sample import encounters
from readmit.core.cleaning import clean, to_text_columns
from readmit.core.encounter import ENCOUNTER, FEATURES, OUTCOME, PATIENT
from readmit.core.errors import MissingBatches
from readmit.core.snapshot import (
    DATASET_COLUMNS,
    ENCOUNTER_KEY,
    PATIENT_KEY,
    Snapshot,
    assemble,
    content_hash,
    hash_id,
    pseudonymize,
    require_no_gap,
)
from readmit.core.snapshot_part import Part

SECRET = "a secret of the tests"
SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    """Clean encounters of the synthetic sample."""
    return clean(to_text_columns(pl.DataFrame(list(encounters(400, seed=11)))), []).clean


def part(batch: int, split: str, content: str = "") -> Part:
    return Part(batch, split, 10 * batch, content or f"{batch} {split}", f"batch-{batch:04d}/{split}.parquet")


def parts(*batches: int) -> list[Part]:
    return [part(batch, split) for batch in batches for split in SPLITS]


def test_a_gap_is_an_error_that_names_the_missing_batches() -> None:
    with pytest.raises(MissingBatches, match=r"batch 6 .*: 2, 4, 5$"):
        assemble(6, parts(1, 3, 6))
    with pytest.raises(MissingBatches, match=r": 1$"):
        assemble(1, [])


def test_a_snapshot_of_batch_n_lists_the_parts_of_batches_1_to_n_and_no_later_one() -> None:
    snapshot = assemble(2, parts(1, 2, 3))
    assert {member.batch for member in snapshot.parts} == {1, 2}
    assert [snapshot.rows(split) for split in SPLITS] == [30, 30, 30]
    assert snapshot == assemble(2, parts(2, 1)[::-1])


def test_parts_are_ordered_by_the_requested_splits_and_then_by_batch() -> None:
    selected = assemble(2, parts(2, 1)).of("validation", "train")
    assert [(member.split, member.batch) for member in selected] == [
        ("validation", 1),
        ("validation", 2),
        ("train", 1),
        ("train", 2),
    ]


def test_a_snapshot_survives_json_which_contains_its_hash() -> None:
    snapshot = assemble(2, parts(1, 2))
    assert Snapshot.from_json(snapshot.to_json()) == snapshot
    assert json.loads(snapshot.to_json())["hash"] == snapshot.hash


def test_the_same_rows_in_any_order_have_the_same_content_and_snapshot_hash(rows: pl.DataFrame) -> None:
    shuffled = rows.sample(fraction=1, shuffle=True, seed=1)
    contents = [content_hash(pseudonymize(frame, SECRET)) for frame in (rows, shuffled)]
    assert not rows.equals(shuffled)
    assert contents[0] == contents[1]
    assert len({assemble(1, [part(1, "train", content)]).hash for content in contents}) == 1


@pytest.mark.parametrize("column", ["number_inpatient", OUTCOME, PATIENT])
def test_one_changed_value_changes_content_and_snapshot_hash(rows: pl.DataFrame, column: str) -> None:
    replacement = rows.filter(pl.col(column) != rows[0, column])[0, column]
    is_first = pl.int_range(pl.len()) == 0
    changed = rows.with_columns(pl.when(is_first).then(pl.lit(replacement)).otherwise(pl.col(column)).alias(column))
    contents = [content_hash(pseudonymize(frame, SECRET)) for frame in (rows, changed)]
    assert contents[0] != contents[1]
    assert len({assemble(1, [part(1, "train", content)]).hash for content in contents}) == 2


def test_not_recorded_and_not_measured_differ_in_the_content_hash(rows: pl.DataFrame) -> None:
    contents = {
        content_hash(pseudonymize(rows.with_columns(pl.lit(value, pl.String).alias("A1Cresult")), SECRET))
        for value in (None, "None", "")
    }
    assert len(contents) == 3


def test_an_id_hash_is_the_hmac_of_the_id_and_depends_on_the_secret() -> None:
    assert hash_id(SECRET, 12_522) == hmac.digest(SECRET.encode(), b"12522", hashlib.sha256).hex()
    assert len({hash_id(SECRET, 12_522), hash_id("another", 12_522), hash_id(SECRET, 12_523)}) == 3


def test_a_dataset_has_hashes_instead_of_encounter_and_patient_ids(rows: pl.DataFrame) -> None:
    dataset = pseudonymize(rows, SECRET)
    assert tuple(dataset.columns) == DATASET_COLUMNS == (ENCOUNTER_KEY, PATIENT_KEY, *FEATURES, OUTCOME)
    cells = {str(cell) for column in dataset for cell in column.unique()}
    assert not cells & {str(number) for number in (*rows[ENCOUNTER], *rows[PATIENT])}
    owners = dict(zip(rows[ENCOUNTER], rows[PATIENT], strict=True))
    expected = {hash_id(SECRET, encounter): hash_id(SECRET, patient) for encounter, patient in owners.items()}
    assert dict(dataset.select(ENCOUNTER_KEY, PATIENT_KEY).iter_rows()) == expected


def test_a_batch_of_15000_encounters_has_one_hash_per_cell_and_stays_small(rows: pl.DataFrame) -> None:
    batch = pl.concat([rows] * (15_000 // rows.height + 1)).head(15_000)
    dataset = pseudonymize(batch.with_columns(pl.int_range(1, pl.len() + 1).alias(ENCOUNTER)), SECRET)
    assert dataset.height == 15_000
    assert dataset.schema[ENCOUNTER_KEY] == dataset.schema[PATIENT_KEY] == pl.String
    assert dataset[ENCOUNTER_KEY].str.len_bytes().unique().to_list() == [64]
    assert dataset[ENCOUNTER_KEY].n_unique() == 15_000
    assert dataset.estimated_size("mb") < 50


def test_a_batch_that_is_set_aside_counts_as_empty() -> None:
    require_no_gap(4, {1, 3} | {2})
    snapshot = assemble(4, parts(1, 2, 3, 4), {2, 9})
    assert {part.batch for part in snapshot.parts} == {1, 3, 4}
    assert snapshot.set_aside == (2,)
    assert Snapshot.from_json(snapshot.to_json()) == snapshot
    assert snapshot.hash == assemble(4, parts(1, 3, 4), {2}).hash != assemble(4, parts(1, 2, 3, 4)).hash
    with pytest.raises(MissingBatches, match="not uploaded yet: 3"):
        assemble(4, parts(1, 4), {2})


def test_a_snapshot_without_such_a_batch_is_written_as_by_earlier_releases() -> None:
    assert json.loads(assemble(1, parts(1)).to_json()).keys() == {"batch", "hash", "parts"}

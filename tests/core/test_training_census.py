"""The counts of a snapshot for a card equal those of its rows."""

import polars as pl
import pytest

from ec2_api.sample import encounters
from readmit.core.card.training_census import GROUPED_BY, TrainingCensus
from readmit.core.card.training_facts import FlowFacts, TrainingFacts
from readmit.core.cleaning import clean, to_text_columns
from readmit.core.encounter import FEATURES, OUTCOME
from readmit.core.snapshot import PATIENT_KEY, Snapshot, pseudonymize
from readmit.core.snapshot_part import Part
from readmit.core.splitting import SPLIT, Split, with_split
from readmit.core.suppression import MIN_CELL_SIZE

FLOW = FlowFacts(1_200, 3, 20)


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    """Clean encounters of the synthetic sample with their split, IDs hashed."""
    cleaned = clean(to_text_columns(pl.DataFrame(list(encounters(3_000, seed=11)))), []).clean
    split = with_split(cleaned).sort("encounter_id")
    return pseudonymize(cleaned, "a secret of the tests").with_columns(split[SPLIT])


def facts_of(rows: pl.DataFrame) -> TrainingFacts:
    """Return the facts of rows that arrived in two batches, the second one after one that was set aside."""
    half, parts = rows.height // 2, []
    census = TrainingCensus("within_30_days")
    for batch, frame in ((1, rows.head(half)), (3, rows.tail(rows.height - half))):
        for split in Split:
            part = frame.filter(pl.col(SPLIT) == split)
            census.add(split.value, part)
            parts.append(Part(batch, split.value, part.height, "", ""))
    return census.facts(Snapshot(3, tuple(parts), (2,)), FLOW)


def test_the_splits_are_counted_over_all_batches(rows: pl.DataFrame) -> None:
    facts = facts_of(rows)
    assert (facts.batches, facts.set_aside, facts.flow) == ((1, 3), (2,), FLOW)
    for split in Split:
        part = rows.filter(pl.col(SPLIT) == split)
        counted = facts.splits[split.value]
        assert counted.rows == part.height
        assert counted.readmitted == part.filter(pl.col(OUTCOME) == "<30").height
        assert counted.patients == part[PATIENT_KEY].n_unique()
    known = rows.filter(pl.col(SPLIT) != Split.TEST)
    assert (facts.fitted.rows, facts.fitted.patients) == (known.height, known[PATIENT_KEY].n_unique())


def test_absences_are_counted_in_what_the_model_is_fitted_on_and_small_cells_hidden(rows: pl.DataFrame) -> None:
    known = rows.filter(pl.col(SPLIT) != Split.TEST)
    counted = facts_of(rows).not_recorded
    assert list(counted) == list(FEATURES)
    for name in FEATURES:
        absent = known[name].null_count()
        small = any(0 < cell < MIN_CELL_SIZE for cell in (absent, known.height - absent))
        assert counted[name] == (None if small else absent), name


def test_groups_add_up_and_none_has_a_small_cell(rows: pl.DataFrame) -> None:
    facts = facts_of(rows)
    assert {group.field for group in facts.groups} == set(GROUPED_BY)
    for name in GROUPED_BY:
        groups = [group for group in facts.groups if group.field == name]
        assert sum(group.rows for group in groups) == facts.fitted.rows
        assert sum(group.readmitted for group in groups) == facts.fitted.readmitted
    cells = [cell for group in facts.groups for cell in (group.rows, group.readmitted, group.rows - group.readmitted)]
    assert not any(0 < cell < MIN_CELL_SIZE for cell in cells)


def test_a_few_absences_are_hidden(rows: pl.DataFrame) -> None:
    known = rows.with_columns(
        pl.when(pl.int_range(pl.len()) < 2).then(None).otherwise(pl.lit("Female")).alias("gender"),
        pl.lit("train").alias(SPLIT),
    )
    facts = facts_of(known)
    assert facts.not_recorded["gender"] is None
    assert [group.values for group in facts.groups if group.field == "gender"] == [("Female", "?")]

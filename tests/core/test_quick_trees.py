"""Many rows are scored with the results of LightGBM to the last bit, whatever the trees and the numbers."""

from collections.abc import Sequence

import numpy as np
import pytest

from readmit.batch_trees import load_batch_trees
from readmit.core.feature_spec import MODEL_COLUMNS
from readmit.core.metrics import Floats
from readmit.core.quick_trees import BLOCK_ROWS, MAX_LEAVES, MIN_ROWS, QuickTrees
from readmit.core.trees import DECISION_TYPES, Tree
from readmit.io.lightgbm_native import NativeTrees

NUMBERS = (-1.0, -0.0, 0.0, 0.1, 0.3, 1.0, 2.0)
"""Thresholds, and numbers of rows: many rows are exactly at a threshold."""
COLUMNS = 6


def made_tree(leaves: int, random: np.random.Generator) -> Tree:
    """Return a tree of random shape, grown by splitting a random leaf in two."""
    left, right = [], []
    open_leaf: list[tuple[list[int], int]] = []
    for split in range(leaves - 1):
        if open_leaf:
            side, parent = open_leaf.pop(random.integers(len(open_leaf)))
            side[parent] = split
        left.append(0)
        right.append(0)
        open_leaf += [(left, split), (right, split)]
    for leaf, (side, parent) in enumerate(open_leaf):
        side[parent] = ~leaf
    splits = leaves - 1
    return Tree(
        feature=tuple(random.integers(COLUMNS, size=splits).tolist()),
        threshold=tuple(random.choice(NUMBERS, size=splits).tolist()),
        decision=tuple(random.choice(DECISION_TYPES, size=splits).tolist()),
        left=tuple(left),
        right=tuple(right),
        split_rows=(2,) * splits,
        value=tuple(random.normal(size=leaves).tolist()),
        leaf_rows=(1,) * leaves,
    )


def made_rows(count: int, random: np.random.Generator) -> Floats:
    """Return rows of thresholds, numbers between them, and numbers that are not recorded."""
    return random.choice([*NUMBERS, 0.2, 5.0, -np.inf, np.inf, np.nan], size=(count, len(MODEL_COLUMNS)))


def scores(trees: NativeTrees | QuickTrees, rows: Floats) -> Sequence[float]:
    return trees.scores(rows.data)


@pytest.mark.parametrize("leaves", [2, 5, MAX_LEAVES])
@pytest.mark.parametrize("count", [1, MIN_ROWS - 1, MIN_ROWS, BLOCK_ROWS + 1])
def test_rows_have_the_scores_of_lightgbm(leaves: int, count: int) -> None:
    random = np.random.default_rng(leaves)
    trees = [made_tree(leaves, random) for _ in range(50)]
    native, rows = NativeTrees(trees), made_rows(count, random)
    assert scores(QuickTrees(trees, native), rows) == scores(native, rows)


def test_a_tree_without_splits_adds_its_value() -> None:
    random = np.random.default_rng(1)
    trees, rows = [made_tree(1, random), made_tree(3, random)], made_rows(MIN_ROWS, random)
    native = NativeTrees(trees)
    assert scores(QuickTrees(trees, native), rows) == scores(native, rows)


def test_rows_and_contributions_of_one_row_are_those_of_lightgbm() -> None:
    random = np.random.default_rng(2)
    trees = [made_tree(4, random)]
    quick, native, row = QuickTrees(trees, NativeTrees(trees)), NativeTrees(trees), made_rows(1, random)[0].tolist()
    assert quick.score(row) == native.score(row)
    assert quick.contributions(row) == native.contributions(row)


@pytest.mark.parametrize(("leaves", "kind"), [(MAX_LEAVES, QuickTrees), (MAX_LEAVES + 1, NativeTrees)])
def test_only_small_trees_are_scored_quickly(leaves: int, kind: type) -> None:
    assert type(load_batch_trees([made_tree(leaves, np.random.default_rng(3))])) is kind

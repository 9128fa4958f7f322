"""Decision trees as plain numbers, and as a text model for LightGBM's C library.

The library terminates the process on an invalid text model, so it only gets text models that were written here from
validated trees. The format: LightGBM's `GBDT::SaveModelToString` and `Tree::ToString`, version v4.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from readmit.core.errors import VersionUnusable
from readmit.core.feature_spec import MODEL_COLUMNS

DECISION_TYPES = (0, 2, 8, 10)
"""Numerical splits only. Bit mask 2: default left; 8: the default applies to NaN (else NaN is 0)."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A binary tree: splits, root first, and leaves. A row goes left if its number is at most the threshold.

    `left`, `right`: index of the child split, or bitwise complement of a leaf's index. `value`: a leaf's term of the
    score. `leaf_rows`, `split_rows`: numbers of training rows.
    """

    feature: tuple[int, ...]
    threshold: tuple[float, ...]
    decision: tuple[int, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]
    split_rows: tuple[int, ...]
    value: tuple[float, ...]
    leaf_rows: tuple[int, ...]

    def check(self) -> None:
        """Check that this is a tree over MODEL_COLUMNS. Raises VersionUnusable otherwise."""
        splits, leaves = len(self.feature), len(self.value)
        by_split = (self.threshold, self.decision, self.left, self.right, self.split_rows)
        if any(len(numbers) != splits for numbers in by_split) or len(self.leaf_rows) != leaves or leaves != splits + 1:
            raise VersionUnusable("a tree's arrays do not match its numbers of splits and leaves")
        if not all(0 <= index < len(MODEL_COLUMNS) for index in self.feature):
            raise VersionUnusable("a tree splits on an unknown column")
        if not (set(self.decision) <= set(DECISION_TYPES) and all(map(math.isfinite, (*self.threshold, *self.value)))):
            raise VersionUnusable("a tree has a number that is not finite, or an unknown decision type")
        # It is a tree if each leaf and each split but the root is a child once, and no child precedes its parent.
        nodes = [*range(-leaves, 0), *range(1, splits)] if splits else []
        if sorted((*self.left, *self.right)) != nodes:
            raise VersionUnusable("a tree does not reach each of its nodes exactly once")
        if any(0 <= child <= index for side in (self.left, self.right) for index, child in enumerate(side)):
            raise VersionUnusable("a tree has a split that precedes its parent")


def text_model(trees: Sequence[Tree]) -> str:
    """Return LightGBM's text model of the sum of the trees. Raises VersionUnusable for an invalid tree."""
    blocks = []
    for index, tree in enumerate(trees):
        tree.check()
        lines = "".join(f"{name}={' '.join(map(repr, numbers))}\n" for name, numbers in _lines(tree) if numbers)
        blocks.append(f"Tree={index}\n{lines}\n\n")
    header = (
        *("tree", "version=v4", "num_class=1", "num_tree_per_iteration=1", "label_index=0"),
        f"max_feature_idx={len(MODEL_COLUMNS) - 1}",
        f"feature_names={' '.join(MODEL_COLUMNS)}",
        f"feature_infos={' '.join('[-inf:inf]' for _ in MODEL_COLUMNS)}",
        f"tree_sizes={' '.join(str(len(block)) for block in blocks)}",
    )
    return "\n".join(header) + "\n\n" + "".join(blocks) + "end of trees\n"


def _lines(tree: Tree) -> Iterator[tuple[str, Sequence[float]]]:
    zeros = [0] * len(tree.feature)
    yield "num_leaves", [len(tree.value)]
    yield "num_cat", [0]
    yield "split_feature", tree.feature
    yield "split_gain", zeros
    yield "threshold", tree.threshold
    yield "decision_type", tree.decision
    yield "left_child", tree.left
    yield "right_child", tree.right
    yield "leaf_value", tree.value
    yield "leaf_weight", tree.leaf_rows
    yield "leaf_count", tree.leaf_rows
    yield "internal_value", zeros
    yield "internal_weight", tree.split_rows
    yield "internal_count", tree.split_rows
    yield "is_linear", [0]
    yield "shrinkage", [1]

"""Trees as plain numbers, and as the text model that LightGBM's C library reads.

The library ends the process when a text model is not what it should be, so it only ever gets one that was written
here, from trees that were looked at. The format: LightGBM's `GBDT::SaveModelToString` and `Tree::ToString`, version v4.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from readmit.core.errors import VersionUnusable
from readmit.core.feature_spec import MODEL_COLUMNS

DECISIONS = (0, 2, 8, 10)
"""Numbers alone. 2: default left; 8: the default is for NaN (else NaN is 0)."""


@dataclass(frozen=True, slots=True)
class Tree:
    """Splits, the root first, and leaves. A row goes left where its number is at most the threshold.

    `left`, `right`: the split that follows, or a leaf as the bitwise complement of its place. `value`: what a leaf adds
    to the score. `leaf_rows`, `split_rows`: how many rows of the training came by.
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
        """VersionUnusable: it is no tree over the columns of GIVEN."""
        splits, leaves = len(self.feature), len(self.value)
        by_split = (self.threshold, self.decision, self.left, self.right, self.split_rows)
        if any(len(each) != splits for each in by_split) or len(self.leaf_rows) != leaves or leaves != splits + 1:
            raise VersionUnusable("a tree has not as many numbers as splits or leaves")
        if not all(0 <= place < len(MODEL_COLUMNS) for place in self.feature):
            raise VersionUnusable("a tree looks at a column that no model is given")
        if not (set(self.decision) <= set(DECISIONS) and all(map(math.isfinite, (*self.threshold, *self.value)))):
            raise VersionUnusable("a tree holds what is no number, or decides in a way that is not known")
        # Each split but the root, and each leaf, once, and none above the split that leads to it: then it is a tree.
        parts = [*range(-leaves, 0), *range(1, splits)] if splits else []
        if sorted((*self.left, *self.right)) != parts:
            raise VersionUnusable("a tree's splits do not lead to each of its parts once")
        if any(0 <= child <= place for side in (self.left, self.right) for place, child in enumerate(side)):
            raise VersionUnusable("a tree's split leads back")


def text_model(trees: Sequence[Tree]) -> str:
    """LightGBM's text model whose raw score is the sum of the trees. VersionUnusable: one of them is none."""
    blocks = []
    for place, tree in enumerate(trees):
        tree.check()
        lines = "".join(f"{name}={' '.join(map(repr, numbers))}\n" for name, numbers in _lines(tree) if numbers)
        blocks.append(f"Tree={place}\n{lines}\n\n")
    head = (
        *("tree", "version=v4", "num_class=1", "num_tree_per_iteration=1", "label_index=0"),
        f"max_feature_idx={len(MODEL_COLUMNS) - 1}",
        f"feature_names={' '.join(MODEL_COLUMNS)}",
        f"feature_infos={' '.join('[-inf:inf]' for _ in MODEL_COLUMNS)}",
        f"tree_sizes={' '.join(str(len(block)) for block in blocks)}",
    )
    return "\n".join(head) + "\n\n" + "".join(blocks) + "end of trees\n"


def _lines(tree: Tree) -> Iterator[tuple[str, Sequence[float]]]:
    nothing = [0] * len(tree.feature)
    yield "num_leaves", [len(tree.value)]
    yield "num_cat", [0]
    yield "split_feature", tree.feature
    yield "split_gain", nothing
    yield "threshold", tree.threshold
    yield "decision_type", tree.decision
    yield "left_child", tree.left
    yield "right_child", tree.right
    yield "leaf_value", tree.value
    yield "leaf_weight", tree.leaf_rows
    yield "leaf_count", tree.leaf_rows
    yield "internal_value", nothing
    yield "internal_weight", tree.split_rows
    yield "internal_count", tree.split_rows
    yield "is_linear", [0]
    yield "shrinkage", [1]

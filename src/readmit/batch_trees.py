"""Loading of compiled models for scoring many rows."""

from collections.abc import Sequence

from readmit.core.compiled_model import CompiledModel
from readmit.core.quick_trees import MAX_LEAVES, QuickTrees
from readmit.core.scorer import Scorer, TreeScorer
from readmit.core.trees import Tree
from readmit.io.lightgbm_native import NativeTrees


def load_batch_trees(trees: Sequence[Tree]) -> TreeScorer:
    """Return a scorer of trees. Raises VersionUnusable when LightGBM can't load them."""
    native = NativeTrees(trees)
    return QuickTrees(trees, native) if all(len(tree.value) <= MAX_LEAVES for tree in trees) else native


def load_batch_scorer(artifact: bytes) -> Scorer:
    """Load a scorer from a compiled model. Raises VersionUnusable when the bytes or their trees can't be loaded."""
    compiled = CompiledModel.from_json(artifact)
    return Scorer(compiled, load_batch_trees(compiled.trees) if compiled.trees else None)

"""Compilation of a fitted candidate to numbers and text: equal predictions without the libraries it was fitted with.

No encoder is reimplemented: the fitted one transforms every value of each column. So any transformation of a single
column is compiled, and a comparison on the test split shows whether the candidate does anything else.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from lightgbm import LGBMClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from readmit.core.compiled_model import CompiledColumn, CompiledModel, Scale
from readmit.core.coverage import Coverage
from readmit.core.encounter import BY_NAME
from readmit.core.feature_spec import CHOICES, COUNTS, MODEL_COLUMNS, choice_codes
from readmit.core.features import derived
from readmit.core.parity_check import ParityCheck
from readmit.core.seed_bag import SeedBag
from readmit.core.trees import Tree

Floats = npt.NDArray[np.float64]
Values = Mapping[str, list[str]]
"""For each of MODEL_COLUMNS the values, as text, that a model may distinguish."""
UNSEEN_VALUE = "a value that no model has seen"


def compile_model(model: Pipeline, encounters: pd.DataFrame, coverage: Coverage, proof: ParityCheck) -> CompiledModel:
    """Compile a fitted candidate. `encounters`: the model input it was fitted on, and of which `coverage` is.

    Raises TypeError when the type of its last step is not supported.
    """
    inputs = derived(encounters)
    values = {name: _values(name, inputs[name]) for name in MODEL_COLUMNS}
    if isinstance(model[-1], LogisticRegression):
        base, columns = _additive_terms(model[1:], inputs, values)
        return CompiledModel("log-odds", base, columns, (), coverage, proof)
    encoder, scale, base, trees, dtype = _parts(model)
    # Rounded to the precision in which the trees compare.
    numbers = np.asarray(encoder.transform(_value_frame(values)), dtype=dtype).astype(np.float64)
    columns = {name: _column(values[name], numbers[:, index]) for index, name in enumerate(MODEL_COLUMNS)}
    return CompiledModel(scale, base, columns, trees, coverage, proof)


def _values(name: str, inputs: pd.Series) -> list[str]:
    if name in COUNTS:
        return [str(number) for number in range(BY_NAME[name].low, BY_NAME[name].high + 1)]
    return list(BY_NAME[name].choices) if name in CHOICES else sorted(inputs.unique())


def _encoder_inputs(name: str, values: Sequence[str]) -> npt.NDArray[Any]:
    """Return the values as `derived` encodes them, and an unseen value at the end: shape (values + 1,)."""
    if name in COUNTS:
        return np.array([*map(float, values), np.nan])
    if name in CHOICES:
        return np.array([*(choice_codes(name)[value] for value in values), np.nan])
    return np.array([*values, UNSEEN_VALUE], dtype=object)


def _value_frame(values: Values) -> pd.DataFrame:
    """Return a frame of all values of each column, the last row unseen, for an encoder that works by column."""
    rows = max(map(len, values.values())) + 1
    columns = {name: _encoder_inputs(name, known) for name, known in values.items()}
    return pd.DataFrame(
        {name: np.append(column, [column[-1]] * (rows - len(column))) for name, column in columns.items()}
    )


def _column(values: Sequence[str], numbers: Floats) -> CompiledColumn:
    *known, unseen = (
        None if np.isnan(number) else number for number in [*numbers[: len(values)].tolist(), numbers[-1]]
    )
    return CompiledColumn(dict(zip(values, known, strict=True)), unseen)


def _additive_terms(model: Pipeline, inputs: pd.DataFrame, values: Values) -> tuple[float, dict[str, CompiledColumn]]:
    """Return the sum of the columns' mean terms, and for each value its term in log-odds less its column's mean.

    Measured by varying one column of an arbitrary encounter: in an additive model the other columns do not matter.
    """
    probes = [inputs.iloc[[0]]]
    for name in MODEL_COLUMNS:
        copies = inputs.iloc[np.zeros(len(values[name]) + 1, dtype=int)].reset_index(drop=True)
        probes.append(copies.assign(**{name: _encoder_inputs(name, values[name])}))
    score, *changed = np.split(
        model.decision_function(pd.concat(probes, ignore_index=True)), np.cumsum([len(part) for part in probes[:-1]])
    )
    base, columns = float(score[0]), {}
    for name, scores in zip(MODEL_COLUMNS, changed, strict=True):
        terms = scores - score[0]
        mean = _mean(_encoder_inputs(name, values[name]), terms, inputs[name])
        base += mean
        columns[name] = _column(values[name], terms - mean)
    return base, columns


def _mean(values: npt.NDArray[Any], terms: Floats, inputs: pd.Series) -> float:
    """Return the mean term of a column over the training encounters. The last term is the unseen value's."""
    known = dict(zip(values[:-1].tolist(), terms[:-1].tolist(), strict=True))
    return float(inputs.map(known).fillna(terms[-1]).mean())


def _parts(model: Pipeline) -> tuple[Pipeline, Scale, float, tuple[Tree, ...], type[np.floating[Any]]]:
    """Return the encoder of a tree model, and what `_trees` returns of its trees, or of all trees of its bag."""
    bag = model[-1]
    if not isinstance(bag, SeedBag):
        return model[1:-1], *_trees(bag)
    scales, bases, trees, dtypes = zip(*map(_trees, bag.models_), strict=True)
    share = 1 / len(bag.models_)
    mean = tuple(replace(tree, value=tuple(value * share for value in tree.value)) for each in trees for tree in each)
    return bag.encoder_, scales[0], sum(bases) * share, mean, dtypes[0]


def _trees(estimator: object) -> tuple[Scale, float, tuple[Tree, ...], type[np.floating[Any]]]:
    """Return the scale and constant term of a tree model's score, its trees, and the dtype of its inputs."""
    if isinstance(estimator, LGBMClassifier):
        blocks = estimator.booster_.model_to_string().split("\nTree=")[1:]
        return "log-odds", 0.0, tuple(map(_lightgbm_tree, blocks)), np.float64
    if isinstance(estimator, HistGradientBoostingClassifier):
        boosted = tuple(_hist_gradient_boosting_tree(predictor.nodes) for (predictor,) in estimator._predictors)
        return "log-odds", float(np.asarray(estimator._baseline_prediction).item()), boosted, np.float64
    if isinstance(estimator, RandomForestClassifier):
        members = estimator.estimators_
        # Its trees compare in single precision.
        return "probability", 0.0, tuple(_random_forest_tree(each.tree_, len(members)) for each in members), np.float32
    raise TypeError(f"{type(estimator).__name__} can't be compiled")


def _lightgbm_tree(block: str) -> Tree:
    """Parse a tree of LightGBM's text model."""
    lines = dict(line.partition("=")[::2] for line in block.splitlines() if "=" in line)

    def integers(name: str) -> tuple[int, ...]:
        return tuple(map(int, lines.get(name, "").split()))

    def floats(name: str) -> tuple[float, ...]:
        return tuple(map(float, lines.get(name, "").split()))

    return Tree(
        feature=integers("split_feature"),
        # An infinite threshold separates recorded from missing values; JSON has no infinity.
        threshold=tuple(min(threshold, sys.float_info.max) for threshold in floats("threshold")),
        decision=integers("decision_type"),
        left=integers("left_child"),
        right=integers("right_child"),
        split_rows=integers("internal_count"),
        value=floats("leaf_value"),
        # A tree without a split has no row counts.
        leaf_rows=integers("leaf_count") or (0,),
    )


def _hist_gradient_boosting_tree(nodes: npt.NDArray[Any]) -> Tree:
    """Convert the node table of a tree of HistGradientBoostingClassifier."""
    leaf = nodes["is_leaf"].astype(bool)
    sides = nodes["left"].astype(np.int64), nodes["right"].astype(np.int64)
    return _tree_from_nodes(leaf, nodes["feature_idx"], nodes["num_threshold"], sides, nodes["value"], nodes["count"])


def _random_forest_tree(tree: Any, trees: int) -> Tree:  # noqa: ANN401 - a type of scikit-learn's, written in Cython
    """Convert a tree of a forest of `trees` trees; its leaf values are its share of the forest's mean.

    `tree`: scikit-learn's `sklearn.tree._tree.Tree`, which has no type stubs.
    """
    sides = tree.children_left, tree.children_right
    share = tree.value[:, 0, 1] / trees
    return _tree_from_nodes(sides[0] < 0, tree.feature, tree.threshold, sides, share, tree.weighted_n_node_samples)


def _tree_from_nodes(
    leaf: npt.NDArray[np.bool_],
    feature: npt.NDArray[Any],
    threshold: npt.NDArray[Any],
    sides: tuple[npt.NDArray[Any], npt.NDArray[Any]],
    value: npt.NDArray[Any],
    rows: npt.NDArray[Any],
) -> Tree:
    """Build a tree from arrays of shape (nodes,), root first; splits and leaves are numbered separately."""
    split = ~leaf
    number = np.where(leaf, ~(np.cumsum(leaf) - 1), np.cumsum(split) - 1)
    left, right = (tuple(number[side[split]].tolist()) for side in sides)
    return Tree(
        feature=tuple(feature[split].astype(int).tolist()),
        threshold=tuple(threshold[split].astype(float).tolist()),
        decision=(0,) * int(split.sum()),
        left=left,
        right=right,
        split_rows=tuple(rows[split].astype(int).tolist()),
        value=tuple(value[leaf].astype(float).tolist()),
        leaf_rows=tuple(rows[leaf].astype(int).tolist()),
    )

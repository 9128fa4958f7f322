"""A fitted candidate to numbers and text: the same answers without the libraries that it was fitted with.

Nothing of an encoder is written a second time. It is asked, value by value, what it makes of each column; so whatever
a candidate does to a column by itself is taken over, and a test split says whether that was all it does.
"""

import sys
from collections.abc import Mapping, Sequence
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
from readmit.core.feature_spec import CHOICES, COUNTS, MODEL_COLUMNS, choice_place
from readmit.core.features import derived
from readmit.core.parity_check import ParityCheck
from readmit.core.trees import Tree

Floats = npt.NDArray[np.float64]
Values = Mapping[str, list[str]]
"""For each of GIVEN the values, as text, that a model may tell apart."""
UNSEEN = "a value that no model has seen"


def compile_model(model: Pipeline, encounters: pd.DataFrame, coverage: Coverage, proof: ParityCheck) -> CompiledModel:
    """The candidate as an artifact. `encounters`: the model input that it was fitted on; `coverage`: of the same.

    TypeError: its last step is of a kind that is not known here.
    """
    given = derived(encounters)
    values = {name: _values(name, given[name]) for name in MODEL_COLUMNS}
    if isinstance(model[-1], LogisticRegression):
        base, columns = _terms(model[1:], given, values)
        return CompiledModel("log-odds", base, columns, (), coverage, proof)
    scale, base, trees, kind = _trees(model[-1])
    # No tree tells apart what is one number to it.
    numbers = np.asarray(model[1:-1].transform(_side_by_side(values)), dtype=kind).astype(np.float64)
    columns = {name: _column(values[name], numbers[:, place]) for place, name in enumerate(MODEL_COLUMNS)}
    return CompiledModel(scale, base, columns, trees, coverage, proof)


def _values(name: str, given: pd.Series) -> list[str]:
    if name in COUNTS:
        return [str(number) for number in range(BY_NAME[name].low, BY_NAME[name].high + 1)]
    return list(BY_NAME[name].choices) if name in CHOICES else sorted(given.unique())


def _given(name: str, values: Sequence[str]) -> npt.NDArray[Any]:
    """The values as `derived` gives them to a model, and one more that no model has seen, at the end."""
    if name in COUNTS:
        return np.array([*map(float, values), np.nan])
    if name in CHOICES:
        return np.array([*(choice_place(name)[value] for value in values), np.nan])
    return np.array([*values, UNSEEN], dtype=object)


def _side_by_side(values: Values) -> pd.DataFrame:
    """A frame with all values of each column, for an encoder that takes each by itself; the last row is unseen."""
    rows = max(map(len, values.values())) + 1
    columns = {name: _given(name, found) for name, found in values.items()}
    return pd.DataFrame({name: np.append(each, [each[-1]] * (rows - len(each))) for name, each in columns.items()})


def _column(values: Sequence[str], numbers: Floats) -> CompiledColumn:
    *known, unseen = (
        None if np.isnan(number) else number for number in [*numbers[: len(values)].tolist(), numbers[-1]]
    )
    return CompiledColumn(dict(zip(values, known, strict=True)), unseen)


def _terms(model: Pipeline, given: pd.DataFrame, values: Values) -> tuple[float, dict[str, CompiledColumn]]:
    """What each value adds to the log-odds, beside what the column adds on average, and the sum of those averages.

    Asked by changing one column of one encounter, whichever: in an additive model the others do not matter.
    """
    asked = [given.iloc[[0]]]
    for name in MODEL_COLUMNS:
        one = given.iloc[np.zeros(len(values[name]) + 1, dtype=int)].reset_index(drop=True)
        asked.append(one.assign(**{name: _given(name, values[name])}))
    score, *changed = np.split(
        model.decision_function(pd.concat(asked, ignore_index=True)), np.cumsum([len(part) for part in asked[:-1]])
    )
    base, columns = float(score[0]), {}
    for name, scores in zip(MODEL_COLUMNS, changed, strict=True):
        terms = scores - score[0]
        mean = _mean(_given(name, values[name]), terms, given[name])
        base += mean
        columns[name] = _column(values[name], terms - mean)
    return base, columns


def _mean(values: npt.NDArray[Any], terms: Floats, given: pd.Series) -> float:
    """What a column adds on average over the encounters that the model learnt from. The last term is of the unseen."""
    known = dict(zip(values[:-1].tolist(), terms[:-1].tolist(), strict=True))
    return float(given.map(known).fillna(terms[-1]).mean())


def _trees(last: object) -> tuple[Scale, float, tuple[Tree, ...], type[np.floating[Any]]]:
    """Of a model of trees: the scale of its score, what that begins with, its trees, and the numbers it works in."""
    if isinstance(last, LGBMClassifier):
        blocks = last.booster_.model_to_string().split("\nTree=")[1:]
        return "log-odds", 0.0, tuple(map(_read, blocks)), np.float64
    if isinstance(last, HistGradientBoostingClassifier):
        boosted = tuple(_boosted(predictor.nodes) for (predictor,) in last._predictors)
        return "log-odds", float(np.asarray(last._baseline_prediction).item()), boosted, np.float64
    if isinstance(last, RandomForestClassifier):
        grown = tuple(_grown(each.tree_, len(last.estimators_)) for each in last.estimators_)
        # Its trees look at a row in single precision.
        return "probability", 0.0, grown, np.float32
    raise TypeError(f"{type(last).__name__} can't be compiled")


def _read(block: str) -> Tree:
    """A tree of LightGBM, from its own text."""
    lines = dict(line.partition("=")[::2] for line in block.splitlines() if "=" in line)

    def whole(name: str) -> tuple[int, ...]:
        return tuple(map(int, lines.get(name, "").split()))

    def real(name: str) -> tuple[float, ...]:
        return tuple(map(float, lines.get(name, "").split()))

    return Tree(
        feature=whole("split_feature"),
        # At infinity it parts what was recorded from what was not; JSON has no such number.
        threshold=tuple(min(each, sys.float_info.max) for each in real("threshold")),
        decision=whole("decision_type"),
        left=whole("left_child"),
        right=whole("right_child"),
        split_rows=whole("internal_count"),
        value=real("leaf_value"),
        # A tree that never parts says nothing of its rows.
        leaf_rows=whole("leaf_count") or (0,),
    )


def _boosted(nodes: npt.NDArray[Any]) -> Tree:
    """A tree of HistGradientBoosting, from the table of its nodes."""
    leaf = nodes["is_leaf"].astype(bool)
    sides = nodes["left"].astype(np.int64), nodes["right"].astype(np.int64)
    return _tree(leaf, nodes["feature_idx"], nodes["num_threshold"], sides, nodes["value"], nodes["count"])


def _grown(tree: Any, trees: int) -> Tree:
    """A tree of a forest of so many, which answers the mean of what they say."""
    sides = tree.children_left, tree.children_right
    share = tree.value[:, 0, 1] / trees
    return _tree(sides[0] < 0, tree.feature, tree.threshold, sides, share, tree.weighted_n_node_samples)


def _tree(
    leaf: npt.NDArray[np.bool_],
    feature: npt.NDArray[Any],
    threshold: npt.NDArray[Any],
    sides: tuple[npt.NDArray[Any], npt.NDArray[Any]],
    value: npt.NDArray[Any],
    rows: npt.NDArray[Any],
) -> Tree:
    """From arrays over all nodes, the root first: splits and leaves are counted each by themselves."""
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

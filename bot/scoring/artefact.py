"""Fitted estimators as plain arrays and JSON, and back: what comes back predicts the same bits.

Nothing is pickled. Of each kind exactly the fitted attributes in `registry/anatomy.py` are kept; one that has others is
refused, so that a new version of scikit-learn cannot lose something silently. Not kept is only what nothing but a
further `fit` would use (the generator behind subsampled features): fitting anew starts from the seed.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.ensemble._hist_gradient_boosting.binning import _BinMapper
from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE, X_BITSET_INNER_DTYPE
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import LabelEncoder, StandardScaler

from bot.scoring.estimator import MedianImputer
from bot.scoring.registry.anatomy import ANATOMIES, check
from bot.scoring.registry.container import Arrays
from bot.scoring.registry.flaw import Flaw
from bot.scoring.registry.trees import NODE

_KINDS: Final = {
    kind.__name__: kind
    for kind in (
        *(MedianImputer, StandardScaler, Ridge, LogisticRegression, IsotonicRegression),
        *(HistGradientBoostingRegressor, HistGradientBoostingClassifier),
    )
}
_BOOSTED: Final = (HistGradientBoostingRegressor, HistGradientBoostingClassifier)
# Made again from what is kept, or of no use to a prediction.
_DERIVED: Final = {"f_"}
_DERIVED_BOOSTED: Final = {
    *("_preprocessor", "_is_categorical_remapped", "is_categorical_", "_n_features", "_loss", "_label_encoder"),
    *("_bin_mapper", "_baseline_prediction", "_predictors", "_scorer", "_feature_subsample_rng"),
}


def taken_apart(parts: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """(descriptions by name, arrays by path) of fitted estimators. Raises Flaw naming what cannot be kept."""
    arrays: dict[str, NDArray[Any]] = {}
    described = {name: _described(part, f"parts/{name}", arrays) for name, part in parts.items()}
    check(described, arrays)
    return described, arrays


def put_together(described: Mapping[str, Any], arrays: Arrays) -> dict[str, Any]:
    """The estimators of what `taken_apart` gave. Raises Flaw where that is not sound."""
    check(described, arrays)
    return {name: _made(each, f"parts/{name}", arrays) for name, each in described.items()}


def forest_of(boosted: Any) -> dict[str, NDArray[Any]]:
    """The trees of a fitted HistGradientBoosting: each field of NODE (nodes,), tree after tree, round after round; and
    `offsets` (trees + 1,), where each begins. Raises Flaw for splits by category."""
    trees = [tree for each in boosted._predictors for tree in each]
    nodes = np.concatenate([tree.nodes for tree in trees])
    if np.any(nodes["is_categorical"]):
        raise Flaw("nodes", "splits by category are not kept")
    fields = {name: np.ascontiguousarray(nodes[name]) for name in NODE}
    return fields | {"offsets": np.cumsum([0, *(len(tree.nodes) for tree in trees)], dtype=np.int64)}


def _described(part: Any, path: str, arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    kind = type(part).__name__
    if type(part) is Pipeline:
        if part.memory is not None or part.transform_input is not None:
            raise Flaw(path, "a pipeline with a memory, or that transforms more than its features, is not kept")
        return {
            "kind": kind,
            "steps": [[name, _described(step, f"{path}/{name}", arrays)] for name, step in part.steps],
        }
    if type(part) is not _KINDS.get(kind):
        raise Flaw(path, f"a {kind} is not kept")
    anatomy, boosted = ANATOMIES[kind], isinstance(part, _BOOSTED)
    params = part.get_params(deep=False)
    _require_nothing_else(part, {*params, *anatomy.arrays, *anatomy.values, *_DERIVED}, boosted, path)
    fitted = _boosted_arrays(part) if boosted else {}
    for name in anatomy.arrays:
        arrays[f"{path}/{name}"] = _plain(fitted[name] if name in fitted else getattr(part, name))
    values = {name: _scalar(getattr(part, name)) for name in anatomy.values}
    return {"kind": kind, "params": {name: _scalar(value) for name, value in params.items()}, "values": values}


def _require_nothing_else(part: Any, known: set[str], boosted: bool, path: str) -> None:
    others = set(vars(part)) - known - (_DERIVED_BOOSTED if boosted else set())
    if others:
        raise Flaw(path, f"its {', '.join(sorted(others))} would be lost")
    if boosted and part._preprocessor is not None:
        raise Flaw(path, "features of categories are not kept")


def _boosted_arrays(part: Any) -> dict[str, NDArray[Any]]:
    thresholds = part._bin_mapper.bin_thresholds_
    return {
        **forest_of(part),
        "baseline": part._baseline_prediction,
        "thresholds": np.concatenate(thresholds),
        "threshold_offsets": np.cumsum([0, *map(len, thresholds)], dtype=np.int64),
    }


def _plain(value: Any) -> NDArray[Any]:
    array = np.asarray(value)
    return array if array.dtype.byteorder in "=|<" else array.astype(array.dtype.newbyteorder("<"))


def _scalar(value: Any) -> Any:
    """As JSON has it; what JSON cannot say stays as it is, and is refused by name."""
    return value.item() if isinstance(value, np.generic) else value


def _made(description: Mapping[str, Any], path: str, arrays: Arrays) -> Any:
    if description["kind"] == "Pipeline":
        return Pipeline([(name, _made(step, f"{path}/{name}", arrays)) for name, step in description["steps"]])
    kind, params = _KINDS[description["kind"]], description["params"]
    if set(params) != set(kind().get_params(deep=False)):
        raise Flaw(f"{path}.params", f"not those of a {description['kind']}")
    part = kind(**params)
    own = {name: _own(arrays[f"{path}/{name}"]) for name in ANATOMIES[description["kind"]].arrays}
    for name, value in description["values"].items():
        setattr(part, name, value)
    if isinstance(part, _BOOSTED):
        _fill_boosted(part, own)
        return part
    for name, array in own.items():
        setattr(part, name, array)
    if isinstance(part, IsotonicRegression):
        part._build_f(part.X_thresholds_, part.y_thresholds_)
    return part


def _own(array: NDArray[Any]) -> Any:
    """A writable copy, on an address of its own; a number of no dimension as the scalar that a fit leaves."""
    return np.array(array)[()]


def _fill_boosted(part: Any, own: Mapping[str, NDArray[Any]]) -> None:
    offsets, rounds = own["offsets"], part.n_trees_per_iteration_
    nodes = np.zeros(len(own["value"]), dtype=PREDICTOR_RECORD_DTYPE)
    for name in NODE:
        nodes[name] = own[name]
    empty = np.empty((0, 8), dtype=X_BITSET_INNER_DTYPE)
    trees = [TreePredictor(nodes[start:end].copy(), empty, empty) for start, end in pairwise(offsets)]
    part._predictors = [trees[first : first + rounds] for first in range(0, len(trees), rounds)]
    part._baseline_prediction = own["baseline"]
    part.train_score_, part.validation_score_ = own["train_score_"], own["validation_score_"]
    part._n_features = part.n_features_in_
    part.is_categorical_ = part._is_categorical_remapped = part._preprocessor = part._scorer = None
    part._random_seed = np.uint64(part._random_seed)
    bins = own["threshold_offsets"]
    mapper = _BinMapper(n_bins=part.max_bins + 1, random_state=part._random_seed, n_threads=1)
    mapper.bin_thresholds_ = [own["thresholds"][start:end] for start, end in pairwise(bins)]
    mapper.n_bins_non_missing_ = (np.diff(bins) + 1).astype(np.uint32)
    mapper.is_categorical_ = np.zeros(part.n_features_in_, dtype=np.uint8)
    mapper.missing_values_bin_idx_ = part.max_bins
    part._bin_mapper = mapper
    if isinstance(part, HistGradientBoostingClassifier):
        part.classes_ = own["classes_"]
        part._label_encoder = LabelEncoder()
        part._label_encoder.classes_ = part.classes_
    part._loss = part._get_loss(sample_weight=None)

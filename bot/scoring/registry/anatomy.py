"""What each kind of estimator that is kept consists of, and whether a description with its arrays is one of them.

A description is JSON: ``{"kind", "params", "values"}``, or ``{"kind": "Pipeline", "steps": [[name, description], …]}``.
An array `medians_` of the step `impute` of the part `returns` is named ``parts/returns/impute/medians_``. Knows no
scikit-learn: the child process that judges a file does not take a second to load it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from bot.scoring.registry.container import Arrays
from bot.scoring.registry.flaw import Flaw
from bot.scoring.registry.trees import NODE, check_trees

REAL: Final = ("<f8",)
CLASSES: Final = ("|b1", "<i8", "<f8")
MOST_PARTS, MOST_STEPS, MOST_FEATURES = 64, 8, 4_096
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,60}")
_CHOICES: Final = {  # of what a prediction looks at
    "loss": ("squared_error", "absolute_error", "poisson", "gamma", "quantile", "log_loss"),
    "out_of_bounds": ("nan", "clip", "raise"),
}


@dataclass(frozen=True, slots=True)
class Member:
    """An array: its types, and its shape in letters, where one letter is one length throughout an estimator.

    `F` is the number of features it takes. `rising`: never falls. `positive`: above zero. `open`: may be infinite.
    """

    types: tuple[str, ...]
    shape: str
    rising: bool = False
    positive: bool = False
    open: bool = False


@dataclass(frozen=True, slots=True)
class Anatomy:
    """`values`: fitted attributes that are plain JSON. `predicts`: it ends a pipeline; others hand features on."""

    arrays: Mapping[str, Member]
    values: Mapping[str, tuple[type, ...]] = field(default_factory=dict)
    predicts: bool = True


_BOOST: Final = {name: Member((kind,), "N", open=True) for name, kind in NODE.items()} | {
    "offsets": Member(("<i8",), "T"),
    "baseline": Member(REAL, "1K"),
    "thresholds": Member(REAL, "B"),
    "threshold_offsets": Member(("<i8",), "O", rising=True),
    "train_score_": Member(REAL, "S"),
    "validation_score_": Member(REAL, "V"),
}
_BOOST_VALUES: Final[Mapping[str, tuple[type, ...]]] = {
    "n_features_in_": (int,),
    "n_trees_per_iteration_": (int,),
    "_random_seed": (int,),
    "do_early_stopping_": (bool,),
    "_use_validation_data": (bool,),
}
ANATOMIES: Final[Mapping[str, Anatomy]] = {
    "MedianImputer": Anatomy(
        {"medians_": Member(REAL, "F"), "gappy_": Member(("<i8",), "G", rising=True)}, predicts=False
    ),
    "StandardScaler": Anatomy(
        {
            "mean_": Member(REAL, "F"),
            "var_": Member(REAL, "F"),
            "scale_": Member(REAL, "F", positive=True),
            "n_samples_seen_": Member(("<f8", "<i8"), ""),
        },
        {"n_features_in_": (int,)},
        predicts=False,
    ),
    "Ridge": Anatomy(
        {"coef_": Member(REAL, "F"), "intercept_": Member(REAL, "")},
        {"n_features_in_": (int,), "n_iter_": (type(None),), "solver_": (str,)},
    ),
    "LogisticRegression": Anatomy(
        {
            "classes_": Member(CLASSES, "C"),
            "coef_": Member(REAL, "RF"),
            "intercept_": Member(REAL, "R"),
            "n_iter_": Member(("<i4", "<i8"), "I"),
        },
        {"n_features_in_": (int,)},
    ),
    "IsotonicRegression": Anatomy(
        {
            "X_thresholds_": Member(REAL, "P", rising=True),
            "y_thresholds_": Member(REAL, "P"),
            "X_min_": Member(REAL, ""),
            "X_max_": Member(REAL, ""),
        },
        {"increasing_": (bool,)},
    ),
    "HistGradientBoostingRegressor": Anatomy(_BOOST, _BOOST_VALUES),
    "HistGradientBoostingClassifier": Anatomy({**_BOOST, "classes_": Member(CLASSES, "C")}, _BOOST_VALUES),
}


def check(parts: Any, arrays: Arrays) -> None:
    """Raises Flaw naming the part and what is wrong with it; also for an array that no part and no model has."""
    if not isinstance(parts, Mapping) or len(parts) > MOST_PARTS:
        raise Flaw("parts", f"not a table of at most {MOST_PARTS} estimators")
    known: set[str] = set()
    for name, description in parts.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise Flaw("parts", "a bad name")
        _check_estimator(description, arrays, f"parts/{name}", known, last=True)
    for name in arrays:
        if name not in known and not name.startswith("arrays/"):
            raise Flaw(name, "belongs to no estimator")


def _check_estimator(description: Any, arrays: Arrays, path: str, known: set[str], last: bool) -> tuple[int, int]:
    """The numbers of features that it takes and hands on."""
    if not isinstance(description, Mapping):
        raise Flaw(path, "not a description")
    kind = str(description.get("kind"))
    if kind == "Pipeline":
        return _check_pipeline(description, arrays, path, known)
    anatomy = ANATOMIES.get(kind)
    if anatomy is None:
        raise Flaw(path, f"{kind[:40]!r} is no estimator that is kept")
    if set(description) != {"kind", "params", "values"}:
        raise Flaw(path, "a description has kind, params and values")
    if last and not anatomy.predicts:
        raise Flaw(path, f"a {kind} predicts nothing")
    _check_params(description["params"], path)
    _check_values(description["values"], anatomy, path)
    lengths = {"1": 1}
    for name, member in anatomy.arrays.items():
        known.add(f"{path}/{name}")
        _check_array(arrays, f"{path}/{name}", member, lengths)
    features = _features(kind, description, arrays, path, lengths)
    if not 1 <= features <= MOST_FEATURES:
        raise Flaw(path, f"{features} features, at most {MOST_FEATURES:,} are read")
    if description["values"].get("n_features_in_", features) != features:
        raise Flaw(f"{path}.n_features_in_", f"its arrays are of {features} features")
    return features, features + (lengths["G"] if kind == "MedianImputer" else 0)


def _check_pipeline(description: Mapping[str, Any], arrays: Arrays, path: str, known: set[str]) -> tuple[int, int]:
    steps = description.get("steps")
    if set(description) != {"kind", "steps"} or not isinstance(steps, list) or not 1 <= len(steps) <= MOST_STEPS:
        raise Flaw(path, f"not a pipeline of at most {MOST_STEPS} steps")
    taken, handed, names = 0, 0, set[str]()
    for place, step in enumerate(steps):
        if not isinstance(step, list) or len(step) != 2 or not isinstance(step[0], str) or not _NAME.fullmatch(step[0]):
            raise Flaw(path, f"step {place} is no name with a description")
        names.add(step[0])
        if isinstance(step[1], Mapping) and step[1].get("kind") == "Pipeline":
            raise Flaw(f"{path}/{step[0]}", "a pipeline within a pipeline")
        inputs, outputs = _check_estimator(step[1], arrays, f"{path}/{step[0]}", known, last=place == len(steps) - 1)
        if place and inputs != handed:
            raise Flaw(f"{path}/{step[0]}", f"takes {inputs} features, is handed {handed}")
        taken, handed = taken or inputs, outputs
    if len(names) < len(steps):
        raise Flaw(path, "a step's name is there twice")
    return taken, handed


def _check_params(params: Any, path: str) -> None:
    scalars = (bool, int, float, str, type(None))
    if not isinstance(params, Mapping) or not all(isinstance(value, scalars) for value in params.values()):
        raise Flaw(f"{path}.params", "not a table of plain values")
    for name, value in params.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise Flaw(f"{path}.params.{name}", "not a finite number")
    for name, known in _CHOICES.items():
        if params.get(name, known[0]) not in known:
            raise Flaw(f"{path}.params.{name}", f"{str(params[name])[:40]!r} is not known")
    level, bins = params.get("quantile"), params.get("max_bins", 255)
    if params.get("loss") == "quantile" and not (isinstance(level, float) and 0.0 < level < 1.0):
        raise Flaw(f"{path}.params.quantile", "not between 0 and 1")
    if type(bins) is not int or not 2 <= bins <= 255:
        raise Flaw(f"{path}.params.max_bins", "not between 2 and 255")


def _check_values(values: Any, anatomy: Anatomy, path: str) -> None:
    if not isinstance(values, Mapping) or set(values) != set(anatomy.values):
        raise Flaw(f"{path}.values", f"not {', '.join(sorted(anatomy.values)) or 'empty'}")
    for name, types in anatomy.values.items():
        if type(values[name]) not in types:
            raise Flaw(f"{path}.{name}", f"not of type {' or '.join(each.__name__ for each in types)}")
        if isinstance(values[name], int) and not 0 <= values[name] < 1 << 32:
            raise Flaw(f"{path}.{name}", "out of range")


def _check_array(arrays: Arrays, name: str, member: Member, lengths: dict[str, int]) -> None:
    array = arrays.get(name)
    if array is None:
        raise Flaw(name, "is missing")
    if array.dtype.str not in member.types:
        raise Flaw(name, f"numbers of type {array.dtype}, not {' or '.join(member.types)}")
    if len(array.shape) != len(member.shape) or any(
        lengths.setdefault(letter, side) != side for letter, side in zip(member.shape, array.shape, strict=True)
    ):
        raise Flaw(name, f"a shape of {array.shape} does not fit")
    if array.dtype.kind == "f" and not member.open and not np.all(np.isfinite(array)):
        raise Flaw(name, "not a finite number")
    if member.rising and np.any(array[1:] < array[:-1]):  # not by differences, which could overflow
        raise Flaw(name, "does not rise")
    if member.positive and np.any(array <= 0):
        raise Flaw(name, "not above zero")


def _features(kind: str, description: Mapping[str, Any], arrays: Arrays, path: str, lengths: Mapping[str, int]) -> int:
    """How many features it takes; the checks that are one kind's alone."""
    if kind == "MedianImputer":
        gappy = arrays[f"{path}/gappy_"]
        if len(gappy) and (gappy[0] < 0 or gappy[-1] >= lengths["F"] or np.any(gappy[1:] == gappy[:-1])):
            raise Flaw(f"{path}/gappy_", "not columns of the features")
    if kind == "LogisticRegression":
        _check_classes(arrays, path, lengths["C"], lengths["R"])
    if kind == "IsotonicRegression":
        if not lengths["P"]:
            raise Flaw(f"{path}/X_thresholds_", "is empty")
        return 1
    if not kind.startswith("HistGradientBoosting"):
        return lengths["F"]
    values = description["values"]
    rounds = values["n_trees_per_iteration_"]
    if lengths["K"] != rounds:
        raise Flaw(f"{path}/baseline", f"not of {rounds} trees a round")
    if kind == "HistGradientBoostingClassifier":
        _check_classes(arrays, path, lengths["C"], rounds)
    elif rounds != 1:
        raise Flaw(f"{path}.n_trees_per_iteration_", "a regression has one tree a round")
    if (description["params"].get("loss") == "log_loss") != (kind == "HistGradientBoostingClassifier"):
        raise Flaw(f"{path}.params.loss", f"no loss of a {kind}")
    bins = arrays[f"{path}/threshold_offsets"]
    if len(bins) < 2 or bins[0] != 0 or bins[-1] != lengths["B"]:
        raise Flaw(f"{path}/threshold_offsets", "do not part the thresholds into features")
    forest = {name: arrays[f"{path}/{name}"] for name in (*NODE, "offsets")}
    check_trees(forest, len(bins) - 1, rounds, f"{path}/")
    return len(bins) - 1


def _check_classes(arrays: Arrays, path: str, classes: int, columns: int) -> None:
    """Two classes have one column of sums, more have one each."""
    if classes < 2 or columns != (1 if classes == 2 else classes):
        raise Flaw(f"{path}/classes_", f"{classes} classes do not fit {columns} columns")
    known = arrays[f"{path}/classes_"]
    if not np.all(known[1:] > known[:-1]):
        raise Flaw(f"{path}/classes_", "do not rise")

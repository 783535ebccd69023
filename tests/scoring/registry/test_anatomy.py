"""Descriptions and trees that lie are found out before anything walks down them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.scoring.artefact import put_together, taken_apart
from bot.scoring.registry.anatomy import check
from bot.scoring.registry.flaw import Flaw
from tests.scoring.registry.estimators import MADE, rows

Change = Callable[[dict[str, Any], dict[str, Any]], None]


def sound(kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A description and arrays of one's own to spoil."""
    described, arrays = taken_apart({"one": MADE[kind](4)})
    return described, {name: np.array(each) for name, each in arrays.items()}


def put(name: str, place: Any, value: Any) -> Change:
    def change(_: dict[str, Any], arrays: dict[str, Any]) -> None:
        arrays[f"parts/one/{name}"][place] = value

    return change


def replaced(name: str, array: Any) -> Change:
    def change(_: dict[str, Any], arrays: dict[str, Any]) -> None:
        arrays[f"parts/one/{name}"] = array

    return change


def told(*path: str, value: Any) -> Change:
    def change(described: dict[str, Any], _: dict[str, Any]) -> None:
        node = described["one"]
        for name in path[:-1]:
            node = node[name]
        node[path[-1]] = value

    return change


LIES: dict[str, tuple[str, Change, str]] = {
    "a circle": ("boost", put("left", 1, 0), "a walk might never end"),
    "a child of its own": ("boost", put("right", 0, 0), "a walk might never end"),
    "a child outside": ("boost", put("right", 0, 10**9), "not in the tree"),
    "a child of two parents": ("boost", put("right", 0, 1), "no parent, or two"),
    "a feature that is not": ("boost", put("feature_idx", 0, 4), "not one of 4 features"),
    "a negative feature": ("boost", put("feature_idx", 0, -1), "not one of 4 features"),
    "a threshold that is none": ("boost", put("num_threshold", 0, np.nan), "not a threshold"),
    "a value beyond all numbers": ("boost", put("value", -1, np.inf), "value: not a finite number"),
    "a leaf that is half one": ("boost", put("is_leaf", 0, 2), "neither 0 nor 1"),
    "an empty tree": ("boost", put("offsets", 1, 0), "do not part the nodes"),
    "nodes of no tree": ("boost", put("offsets", -1, 3), "do not part the nodes"),
    "fewer lefts than nodes": ("boost", replaced("left", np.zeros(1, dtype=np.uint32)), "shape"),
    "two trees a round in a regression": (
        "boost",
        told("values", "n_trees_per_iteration_", value=2),
        "not of 2 trees a round",
    ),
    "classes that fall": ("three_classes", put("classes_", 0, 9), "do not rise"),
    "one class": ("classes", replaced("classes_", np.array([True])), "1 classes do not fit"),
    "bins of no feature": ("boost", put("threshold_offsets", -1, 10**6), "do not part the thresholds"),
    "a gap in no column": ("ridge_imputer", put("impute/gappy_", -1, 99), "not columns"),
    "a scale of nothing": ("ridge", put("standardise/scale_", 0, 0.0), "not above zero"),
    "a coefficient that is none": ("ridge", put("last/coef_", 0, np.nan), "coef_: not a finite number"),
    "coefficients of other features": ("ridge", replaced("last/coef_", np.zeros(3)), "arrays are of 3 features"),
    "integers for numbers": ("ridge", replaced("last/coef_", np.zeros(8, dtype=np.int64)), "numbers of type int64"),
    "thresholds that fall": ("isotonic", put("X_thresholds_", 0, 1e9), "does not rise"),
    "no thresholds": ("isotonic", replaced("X_thresholds_", np.zeros(0)), "does not fit|is empty"),
    "a stranger": ("boost", told("kind", value="Unpickler"), "no estimator that is kept"),
    "no text for a kind": ("boost", told("kind", value=["Ridge"]), "no estimator that is kept"),
    "a loss of somebody's own": ("boost", told("params", "loss", value="os.system"), "is not known"),
    "a loss of classes": ("boost", told("params", "loss", value="log_loss"), "no loss of"),
    "a level beyond one": ("quantile", told("params", "quantile", value=2.0), "not between 0 and 1"),
    "no number of bins": ("boost", told("params", "max_bins", value="many"), "not between 2 and 255"),
    "a table for a parameter": ("boost", told("params", "tol", value={}), "not a table of plain values"),
    "a parameter of no number": ("boost", told("params", "tol", value=float("nan")), "not a finite number"),
    "another parameter": ("boost", told("params", "hook", value="x"), "not those of"),
    "a truth for a count": ("boost", told("values", "n_features_in_", value=True), "not of type int"),
    "an absurd count": ("boost", told("values", "_random_seed", value=1 << 40), "out of range"),
    "no values": ("boost", told("values", value=None), "values"),
    "an imputer alone": ("ridge_imputer", lambda d, _: d.update(one=d["one"]["steps"][0][1]), "predicts nothing"),
    "steps of nothing": ("ridge", told("steps", value=[["a"]]), "no name with a description"),
    "an array of nobody": ("boost", lambda _, a: a.update(more=np.zeros(1)), "belongs to no estimator"),
    "an array that is missing": ("boost", lambda _, a: a.pop("parts/one/left"), "left: is missing"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_found_by_name(lie: str) -> None:
    kind, change, said = LIES[lie]
    described, arrays = sound("ridge" if kind == "ridge_imputer" else kind)
    change(described, arrays)
    with pytest.raises(Flaw, match=said):
        put_together(described, arrays)


def test_what_is_sound_is_let_through() -> None:
    for kind in MADE:
        check(*sound(kind))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("kind", ["boost", "three_classes"])
def test_whatever_is_let_through_can_be_asked_and_answers_in_the_end(kind: str, data: st.DataObject) -> None:
    described, arrays = sound(kind)
    name = data.draw(st.sampled_from(sorted(arrays)))
    array = arrays[name]
    if not array.size:
        return
    place = data.draw(st.integers(0, array.size - 1))
    if array.dtype.kind == "f":
        value: Any = data.draw(st.floats(width=64))
    else:
        facts = np.iinfo(np.uint8 if array.dtype == bool else array.dtype)
        value = data.draw(
            st.integers(int(facts.min), int(facts.max)) | st.integers(0, 40).filter(lambda v: v <= facts.max)
        )
    array.reshape(-1)[place] = value
    try:
        part = put_together(described, arrays)["one"]
    except Flaw:
        return
    assert len(part.predict(rows(1))) == 120

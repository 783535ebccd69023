"""Estimators taken apart into arrays and put together again predict the same bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline

from bot.core.strict_json import canonical, parsed
from bot.scoring.artefact import put_together, taken_apart
from bot.scoring.registry.container import packed, unpacked
from bot.scoring.registry.flaw import Flaw
from tests.scoring.registry.estimators import MADE, answers, rows


def through_a_file(part: Any) -> Any:
    """The estimator after its arrays were a file and its description a text."""
    described, arrays = taken_apart({"one": part})
    return put_together(parsed(canonical(described).encode()), unpacked(packed(arrays)))["one"]


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000), other=st.integers(0, 10_000), gaps=st.sampled_from([0.0, 0.2, 1.0]))
@pytest.mark.parametrize("kind", MADE)
def test_what_comes_back_predicts_the_same_bits(kind: str, seed: int, other: int, gaps: float) -> None:
    part = MADE[kind](seed)
    again = through_a_file(part)
    assert type(again) is type(part)
    seen = rows(other, count=40, gaps=gaps)
    seen[0] = [np.inf, -np.inf, 1e308, -0.0] if "boost" in kind else 0.0
    assert answers(again, seen) == answers(part, seen)


@pytest.mark.parametrize("kind", MADE)
def test_taking_apart_what_was_put_together_gives_the_same_arrays(kind: str) -> None:
    described, arrays = taken_apart({"one": MADE[kind](5)})
    again, same = taken_apart(put_together(described, arrays))
    assert again == described
    assert packed(same) == packed(arrays)


@pytest.mark.parametrize("kind", [kind for kind in MADE if kind != "isotonic"])
def test_what_comes_back_can_be_fitted_anew_to_the_same_bits(kind: str) -> None:
    part, again = MADE[kind](2), through_a_file(MADE[kind](2))
    x = rows(9)
    y = np.nan_to_num(x)[:, 0] + 1.0 + np.arange(len(x)) % 3
    y = y > 2.0 if "class" in kind or kind == "logistic" else np.abs(y)
    assert answers(clone(again).fit(x, y), x) == answers(clone(part).fit(x, y), x)


def test_trees_come_back_with_what_explains_them() -> None:
    part, again = MADE["boost"](1), through_a_file(MADE["boost"](1))
    assert again.n_iter_ == part.n_iter_ == 12
    for one, other in zip(part._predictors, again._predictors, strict=True):
        np.testing.assert_array_equal(one[0].nodes, other[0].nodes)
    grid = np.linspace(-1, 1, 5).reshape(-1, 1)
    for each in (part, again):
        each.partial = each._compute_partial_dependence_recursion(grid, np.array([0]))
    np.testing.assert_array_equal(part.partial, again.partial)


def test_what_comes_back_is_nobody_elses_memory() -> None:
    described, arrays = taken_apart({"one": MADE["ridge"](1)})
    before = packed(arrays)
    put_together(described, arrays)["one"][-1].coef_ += 1.0
    assert packed(arrays) == before


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (lambda: RandomForestRegressor(2).fit(rows(1, gaps=0.0), np.zeros(120)), "RandomForestRegressor"),
        (lambda: type("Ridge", (Ridge,), {})().fit(rows(1, gaps=0.0), np.arange(120.0)), "Ridge is not kept"),
        (lambda: Pipeline([("a", Ridge())], memory="x"), "memory"),
        (
            lambda: HistGradientBoostingRegressor(max_iter=2, categorical_features=[3]).fit(rows(1), np.arange(120.0)),
            "categor",
        ),
        (lambda: Ridge().fit(rows(1, gaps=0.0).astype(np.float32), np.arange(120.0, dtype=np.float32)), "float32"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_name(part: Any, said: str) -> None:
    with pytest.raises(Flaw, match=said):
        taken_apart({"one": part()})


def test_a_fitted_attribute_that_nobody_knows_is_refused_and_not_lost() -> None:
    part = MADE["boost"](1)
    part.new_in_the_next_version_ = 1
    with pytest.raises(Flaw, match="new_in_the_next_version_ would be lost"):
        taken_apart({"one": part})

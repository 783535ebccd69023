"""The compiled trees add up to the bits of scikit-learn's own, whatever the rows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline

import backtests.kernels as kernels
from backtests.compiled_scoring import COMPILED, LEAST_ROWS, CompiledTrees, compiled
from backtests.kernels.plain import plain
from backtests.kernels.trees import BLOCK, forest_arrays, forest_nb
from bot.core.panel import Floats
from bot.scoring.artefact import forest_of
from bot.scoring.params import ModelName, ScorerParams
from bot.scoring.walkforward import score_rows
from tests.scoring.registry.estimators import rows

ROOT = Path(kernels.HERE).parents[1]
DAY = 86_400
SMALL = {"max_iter": 9, "min_samples_leaf": 3, "random_state": 1}
MADE: dict[str, Any] = {
    "regression": lambda x, y: HistGradientBoostingRegressor(**SMALL).fit(x, y),
    "two classes": lambda x, y: HistGradientBoostingClassifier(**SMALL).fit(x, y > 0.0),
    "three classes": lambda x, y: HistGradientBoostingClassifier(**SMALL).fit(x, np.digitize(y, [-1.0, 1.0])),
    "stumps": lambda x, y: HistGradientBoostingRegressor(max_leaf_nodes=2, **SMALL).fit(x, y),
    "leaves alone": lambda x, y: HistGradientBoostingRegressor(**SMALL | {"min_samples_leaf": 500}).fit(x, y),
    "poisson": lambda x, y: HistGradientBoostingRegressor(loss="poisson", **SMALL).fit(x, np.abs(y)),
}
edges = st.sampled_from([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e308, -1e308, 5e-324])


def fitted(kind: str, seed: int, gaps: float = 0.2) -> Any:
    x = rows(seed, count=200, gaps=gaps)
    return MADE[kind](x, np.nan_to_num(x).sum(axis=1) + np.isnan(x[:, 0]))


def summed(part: Any, x: Floats, kernel: Any = forest_nb) -> Floats:
    """(M, K) as scikit-learn gives it."""
    baseline = part._baseline_prediction[0]
    out = np.full((len(baseline), len(x)), np.nan)
    kernel(x, baseline, *forest_arrays(forest_of(part)), out)
    return out.T


@pytest.mark.parametrize("kind", MADE)
@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 999), count=st.sampled_from([0, 1, 7, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5]), edge=edges
)
def test_sums_are_those_of_scikit_learn_to_the_bit(kind: str, seed: int, count: int, edge: float) -> None:
    part = fitted(kind, seed, gaps=0.3 if seed % 2 else 0.0)  # a gap that no training row had goes where most went
    x = rows(seed + 1, count=max(count, 1), gaps=0.3)[:count]
    x[::3, seed % 4] = edge
    found = summed(part, x)
    assert found.shape == (count, part.n_trees_per_iteration_)
    if count:  # scikit-learn takes no empty rows
        assert found.tobytes() == part._raw_predict(x).tobytes()


@pytest.mark.parametrize("kind", MADE)
def test_interpreted_equals_compiled_and_a_walk_from_node_to_node(kind: str) -> None:
    part, x = fitted(kind, 3), rows(4, count=BLOCK + 3, gaps=0.3)
    assert summed(part, x, plain(forest_nb)).tobytes() == summed(part, x).tobytes()
    assert walked(part, x).tobytes() == summed(part, x).tobytes()


def walked(part: Any, x: Floats) -> Floats:
    """(M, K): the rule of `_predictor.pyx`, one node after the other."""
    out = np.zeros((len(x), part.n_trees_per_iteration_)) + part._baseline_prediction
    for each in part._predictors:
        for column, tree in enumerate(each):
            for row, values in enumerate(x):
                node = tree.nodes[0]
                while not node["is_leaf"]:
                    value = values[node["feature_idx"]]
                    left = bool(node["missing_go_to_left"]) if np.isnan(value) else value <= node["num_threshold"]
                    node = tree.nodes[node["left"] if left else node["right"]]
                out[row, column] += node["value"]
    return out


def test_a_split_between_gaps_and_numbers_is_followed() -> None:
    x = rows(1, count=200, gaps=0.0)
    x[::2, 0] = np.nan
    part = HistGradientBoostingRegressor(**SMALL).fit(x, np.isnan(x[:, 0]).astype(float))
    assert np.isinf(forest_of(part)["num_threshold"]).any()
    seen = np.array([[np.nan, 0, 0, 0], [np.inf, 0, 0, 0], [-np.inf, 0, 0, 0], [1.7e308, 0, 0, 0]])
    assert summed(part, seen).tobytes() == part._raw_predict(seen).tobytes()


@pytest.mark.parametrize("kind", ["regression", "poisson"])
def test_predictions_are_those_of_the_pipeline_to_the_bit(kind: str) -> None:
    pipeline, x = Pipeline([("boost", fitted(kind, 5))]), rows(6, count=300)
    assert CompiledTrees(pipeline).predict(x).tobytes() == pipeline.predict(x).tobytes()
    assert CompiledTrees(pipeline).predict(x[::2]).tobytes() == pipeline.predict(x[::2]).tobytes()


@pytest.mark.parametrize("model", ["hist_gradient_boosting", "stack", "ridge", "zero"])
def test_a_walk_forward_scores_the_same_bits(model: ModelName) -> None:
    from bot.loading import Options, load
    from tests.recordings import ROOT as PROJECT

    panel = load(Options(PROJECT / "strategies" / "synthetic_market.yaml", mode="paper", synthetic=4)).panel
    params = ScorerParams(7 * DAY, 120 * DAY, 84 * DAY, DAY, DAY, model)
    plainly, swiftly = score_rows(panel, params, 0), score_rows(panel, params, 0, None, COMPILED)
    assert np.count_nonzero(np.isfinite(plainly.expected)) > 10 * LEAST_ROWS
    for name in ("expected", "low", "high"):
        assert getattr(plainly, name).tobytes() == getattr(swiftly, name).tobytes()
    assert plainly.model == swiftly.model


def test_a_model_without_trees_is_left_as_it_is() -> None:
    from bot.scoring.model import FittedModel
    from tests.scoring.registry.estimators import MADE as KEPT

    ridge = KEPT["ridge"](1)
    made = FittedModel(0, "", ridge, 0.0, 0.0, 0.0, 0, 0)
    assert compiled(made).pipeline is ridge


def test_a_second_process_compiles_nothing(tmp_path: Path) -> None:
    code = (
        "import json, numpy as np\nfrom backtests.kernels.trees import forest_nb\n"
        "i, f = np.zeros(1, np.int64), np.zeros(1)\n"
        "forest_nb(np.zeros((1, 1)), f, np.array([0, 1]), i - 1, f + 2.5, i > 0, i, i, out := np.zeros((1, 1)))\n"
        "s = forest_nb.stats\nprint(json.dumps([sum(s.cache_hits.values()), sum(s.cache_misses.values()), out[0, 0]]))"
    )
    environment = {**os.environ, kernels.ROOT_VARIABLE: str(tmp_path), "PYTHONPATH": str(ROOT)}
    environment.pop("NUMBA_CACHE_DIR", None)
    told = [
        json.loads(
            subprocess.run(
                [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=240, check=True
            ).stdout
        )
        for _ in range(2)
    ]
    assert told == [[0, 1, 2.5], [1, 0, 2.5]]

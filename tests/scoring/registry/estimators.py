"""Fitted estimators of every kind that is kept, on data with gaps and ties."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from bot.core.panel import Floats
from bot.scoring.estimator import MedianImputer


def rows(seed: int, count: int = 120, features: int = 4, gaps: float = 0.1) -> Floats:
    """(count, features): normal draws, some missing, one column of few distinct values; every column holds a number."""
    draws = np.random.default_rng(seed)
    x = draws.normal(size=(count, features))
    x[:, -1] = draws.integers(0, 4, count)
    x[1:][draws.random((count - 1, features)) < gaps] = np.nan
    return x


def _linear(last: Any) -> Pipeline:
    return Pipeline([("impute", MedianImputer()), ("standardise", StandardScaler()), ("last", last)])


def _fitted(part: Any, target: Callable[[Floats], Any]) -> Callable[[int], Any]:
    def made(seed: int) -> Any:
        x = rows(seed)
        return part().fit(x, target(np.nan_to_num(x).sum(axis=1) + np.random.default_rng(seed).normal(size=len(x))))

    return made


def _isotonic(seed: int) -> IsotonicRegression:
    score = rows(seed, gaps=0.0)[:, 0]
    truth = (score + np.random.default_rng(seed).normal(size=len(score)) > 0).astype(float)
    return IsotonicRegression(out_of_bounds="clip").fit(score, truth)


def _number(y: Floats) -> Floats:
    return y


def _above(y: Floats) -> Any:
    return y > 0.5


def _third(y: Floats) -> Any:
    return np.digitize(y, [-1.0, 1.0])


SMALL = {"max_iter": 12, "max_leaf_nodes": 7, "min_samples_leaf": 5, "random_state": 3}
MADE: dict[str, Callable[[int], Any]] = {
    "ridge": _fitted(lambda: _linear(Ridge(alpha=5.0, solver="cholesky")), _number),
    "logistic": _fitted(lambda: _linear(LogisticRegression(C=0.1)), _above),
    "boost": _fitted(lambda: HistGradientBoostingRegressor(**SMALL), _number),
    "boost_in_pipeline": _fitted(lambda: Pipeline([("boost", HistGradientBoostingRegressor(**SMALL))]), _number),
    "quantile": _fitted(lambda: HistGradientBoostingRegressor(loss="quantile", quantile=0.9, **SMALL), _number),
    "poisson": _fitted(lambda: HistGradientBoostingRegressor(loss="poisson", **SMALL), np.exp),
    "stopped": _fitted(
        lambda: HistGradientBoostingRegressor(early_stopping=True, n_iter_no_change=3, **SMALL), _number
    ),
    "classes": _fitted(lambda: HistGradientBoostingClassifier(**SMALL), _above),
    "three_classes": _fitted(lambda: HistGradientBoostingClassifier(**SMALL), _third),
    "isotonic": _isotonic,
}


def answers(part: Any, x: Floats) -> list[bytes]:
    """Everything that the estimator says about x, as bits."""
    if isinstance(part, IsotonicRegression):
        return [part.predict(np.nan_to_num(x[:, 0])).tobytes()]
    said = [part.predict(x).tobytes()]
    for name in ("predict_proba", "decision_function"):
        if hasattr(part, name):
            said.append(getattr(part, name)(x).tobytes())
    return said

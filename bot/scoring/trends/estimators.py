"""The scikit-learn pipelines for topics. Imported only when a model is fitted: scikit-learn takes a second to load."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from bot.core.panel import Floats
from bot.scoring.estimator import MedianImputer, one_thread

# Few leaves and many rows in each: labels of neighbouring days overlap, so ten thousand rows are a few hundred cases.
# Thirty and twenty trees are what five hundred topics can be asked of in five milliseconds.
_CLASSIFIER: Final = {"learning_rate": 0.1, "max_iter": 30}
_REGRESSOR: Final = {"learning_rate": 0.15, "max_iter": 20}
_TREES: Final = {
    "max_leaf_nodes": 6,
    "max_features": 0.3,
    "max_bins": 127,
    "early_stopping": False,
}
_PENALTY: Final = 1e-3  # of the logistic regression, as scikit-learn's C: features say nearly the same thing


def fitted(pipeline: Pipeline, x: Floats, y: Floats) -> Pipeline:
    """The pipeline fitted on x (M, F), which may hold NaN, and y (M,). One thread, so the same bits everywhere."""
    unheard = np.isnan(x).all(axis=0)  # constant instead: no estimator learns anything from such a column
    with one_thread():
        pipeline.fit(np.where(unheard, 0.0, x), y)
    return pipeline


def said(pipeline: Pipeline, x: Floats) -> Floats:
    """(M,): log odds of a classifier, growth of a regressor, for x (M, F); to be called within `one_thread`.

    A row's answer does not depend, by a bit, on the rows beside it: that is why the linear model is summed here,
    feature after feature; a matrix product groups its sums by shape.
    """
    last = pipeline[-1]
    if isinstance(last, LogisticRegression):
        prepared = pipeline[:-1].transform(x)
        total = np.full(len(x), float(last.intercept_[0]))
        for column, weight in enumerate(last.coef_[0].tolist()):
            total += prepared[:, column] * weight
        return total
    if isinstance(last, HistGradientBoostingClassifier):
        return np.asarray(last.decision_function(x), dtype=np.float64)
    return np.asarray(last.predict(x), dtype=np.float64)


def boosted_classifier(seed: int, rows: int) -> Pipeline:
    """Trees that tell a top topic from the others, for `rows` rows."""
    return Pipeline(
        [
            (
                "boost",
                HistGradientBoostingClassifier(
                    **_CLASSIFIER, **_TREES, min_samples_leaf=_leaf(rows), random_state=seed
                ),
            )
        ]
    )


def boosted_growth(seed: int, rows: int, quantile: float | None) -> Pipeline:
    """Trees that expect growth, or its `quantile`, for `rows` rows."""
    loss: dict[str, Any] = {"loss": "squared_error"} if quantile is None else {"loss": "quantile", "quantile": quantile}
    return Pipeline(
        [
            (
                "boost",
                HistGradientBoostingRegressor(
                    **_REGRESSOR, **_TREES, **loss, min_samples_leaf=_leaf(rows), random_state=seed
                ),
            )
        ]
    )


def logistic() -> Pipeline:
    """The linear model: gaps filled by medians, everything standardised, strongly shrunk."""
    return Pipeline(
        [
            ("impute", MedianImputer()),
            ("standardise", StandardScaler()),
            ("logistic", LogisticRegression(C=_PENALTY, solver="newton-cholesky")),
        ]
    )


def stack() -> Pipeline:
    """The map from log odds of the models below to the odds that are said."""
    return Pipeline(
        [("standardise", StandardScaler()), ("logistic", LogisticRegression(C=1.0, solver="newton-cholesky"))]
    )


def plain_classifier() -> HistGradientBoostingClassifier:
    """What anyone would write first, to be compared with. Of two settings tried for it in August and September 2024,
    scikit-learn's own and this one, this was the better there."""
    return HistGradientBoostingClassifier(
        learning_rate=0.05, max_iter=100, max_leaf_nodes=15, min_samples_leaf=100, early_stopping=False, random_state=0
    )


def _leaf(rows: int) -> int:
    return max(20, rows // 100)

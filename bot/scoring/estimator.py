"""The scikit-learn pipelines. Imported only when a model is fitted: scikit-learn takes a second to load."""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

import numpy as np
import sklearn
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import ThreadpoolController

from bot.core.panel import Floats
from bot.scoring.params import ScorerParams

VERSION: str = sklearn.__version__
_one_at_a_time = threading.Lock()  # the number of BLAS threads belongs to the process


def fitted(x: Floats, y: Floats, params: ScorerParams) -> Any:
    """A pipeline fitted on x (M, F), which may hold NaN, and y (M,). The same bits for the same arguments.

    On one thread: sums over several are split, and so rounded, differently from machine to machine.
    """
    unheard = np.isnan(x).all(axis=0)  # constant instead: no estimator learns anything from such a column
    with _one_at_a_time, _pools().limit(limits=1):
        return _pipeline(params, len(x)).fit(np.where(unheard, 0.0, x), y)


def predicted(pipeline: Any, x: Floats) -> Floats:
    """The pipeline's predictions for x (M, F). A row's prediction does not depend, by a bit, on the rows beside it.

    That is why the linear model is summed here, feature after feature: a matrix product groups its sums by shape.
    """
    last = pipeline[-1]
    if not isinstance(last, Ridge):
        with (
            _one_at_a_time,
            _pools().limit(limits=1),
        ):  # waiting threads spin: several are slower on a busy machine
            return np.asarray(pipeline.predict(x), dtype=np.float64)
    prepared = pipeline[:-1].transform(x)
    total = np.full(len(x), float(last.intercept_))
    for column, weight in enumerate(last.coef_):
        total += prepared[:, column] * weight
    return total


@cache
def _pools() -> ThreadpoolController:
    """The thread pools of BLAS and OpenMP, looked up once: all that a fit can use are loaded by now."""
    return ThreadpoolController()


def _pipeline(params: ScorerParams, rows: int) -> Pipeline:
    if params.model == "ridge":
        return Pipeline(
            [
                # The medians are those of the training rows, and so is the list of columns that get an indicator.
                ("impute", SimpleImputer(strategy="median", add_indicator=True)),
                ("standardise", StandardScaler()),
                # As strong as the data, whatever the number of rows: returns are mostly noise, and labels overlap.
                ("ridge", Ridge(alpha=float(rows), solver="cholesky")),
            ]
        )
    return Pipeline(
        [
            (
                "boost",
                HistGradientBoostingRegressor(
                    learning_rate=0.05,
                    max_iter=60,
                    max_leaf_nodes=6,
                    min_samples_leaf=max(10, rows // 20),
                    l2_regularization=float(rows) / 20,
                    max_bins=63,
                    early_stopping=False,
                    random_state=params.seed,
                ),
            )
        ]
    )

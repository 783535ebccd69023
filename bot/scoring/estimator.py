"""The scikit-learn pipelines. Imported only when a model is fitted: scikit-learn takes a second to load."""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

import numpy as np
import sklearn
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import ThreadpoolController

from bot.core.panel import Floats
from bot.scoring.params import ScorerParams

VERSION: str = sklearn.__version__
_one_at_a_time = threading.Lock()  # the number of BLAS threads belongs to the process


class MedianImputer(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Fills gaps with the column's median, and appends a column of zeros and ones for each that had gaps in training.

    What scikit-learn's SimpleImputer gives with a median and indicators, to the bit, in a fifth of its time: that one
    sorts every column with its gaps masked. Each column of the training rows must hold a number.
    """

    def fit(self, x: Floats, y: Floats | None = None) -> MedianImputer:
        """Learns medians and gaps of x (M, F)."""
        gaps = np.isnan(x)
        self.gappy_ = np.flatnonzero(gaps.any(axis=0))
        columns = np.ascontiguousarray(x.T)
        self.medians_ = np.array([_median(column) for column in columns])
        return self

    def transform(self, x: Floats) -> Floats:
        """(M, F + columns with gaps in training)."""
        gaps = np.isnan(x)
        filled = np.empty((len(x), x.shape[1] + len(self.gappy_)))
        filled[:, : x.shape[1]] = np.where(gaps, self.medians_, x)
        filled[:, x.shape[1] :] = gaps[:, self.gappy_]
        return filled


def _median(column: Floats) -> float:
    known = column[~np.isnan(column)]
    half = len(known) // 2
    if len(known) % 2:
        return float(np.partition(known, half)[half])
    parted = np.partition(known, (half - 1, half))
    return float((parted[half - 1] + parted[half]) / 2.0)


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
                ("impute", MedianImputer()),
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

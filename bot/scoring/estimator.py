"""The scikit-learn pipelines. Imported only when a model is fitted: scikit-learn takes a second to load."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
import sklearn
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import ThreadpoolController

from bot.core.panel import Floats, Times
from bot.scoring.params import ModelName, ScorerParams

VERSION: str = sklearn.__version__
STACKED: Final[tuple[ModelName, ...]] = ("past_return", "ridge", "hist_gradient_boosting")
_SHRINKAGE: Final = 0.25  # of the stack's weights towards equal ones, in units of what its members' forecasts vary
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


@dataclass(frozen=True, slots=True)
class Blend:
    """A weighted sum of pipelines, each over columns of its own: a stack, one column, or with no member at all zero."""

    members: tuple[Any, ...]  # pipelines
    columns: tuple[tuple[int, ...], ...]  # of x, by member
    weights: tuple[float, ...]


def fitted(x: Floats, y: Floats, params: ScorerParams, names: tuple[str, ...] = (), at: Times | None = None) -> Any:
    """A pipeline or blend fitted on x (M, F), which may hold NaN, and y (M,). The same bits for the same arguments.

    On one thread: sums over several are split, and so rounded, differently from machine to machine. `names` (F,): of
    the columns, for what reads one by its name; `at` (M,): the rows' times, rising, for what must split them by time.
    """
    if params.model == "zero":
        return Blend((), (), ())
    if params.model == "past_return":
        column = past_return_column(names)
        return Blend((_fit_one(x[:, [column]], y, "ridge", params),), ((column,),), (1.0,))
    if params.model == "stack":
        return _stack(x, y, params, names, at)
    return _fit_one(x, y, params.model, params)


def past_return_column(names: tuple[str, ...]) -> int:
    """Where the return over the last month stands: what the baseline of past returns reads."""
    return names.index("return_28d")


def _stack(x: Floats, y: Floats, params: ScorerParams, names: tuple[str, ...], at: Times | None) -> Blend:
    """Members fitted on all rows; their weights learned where members fitted on earlier rows had not looked.

    Weights are the least squares of the returns on the members' forecasts, drawn towards equal ones and never negative.
    Where the later part is too short to tell, equal weights remain (D. Wolpert, Stacked Generalization, 1992; that
    equal weights are hard to beat: R. Clemen, Combining Forecasts, 1989).
    """
    columns = tuple(
        (past_return_column(names),) if name == "past_return" else tuple(range(x.shape[1])) for name in STACKED
    )
    kinds = ["ridge" if name == "past_return" else name for name in STACKED]
    count = len(STACKED)
    weights = np.full(count, 1.0 / count)
    if at is not None and len(at):
        begin = int(at[0] + (at[-1] - at[0]) * 2 // 3)
        late, early = at >= begin, at + params.gap <= begin
        enough = min(np.count_nonzero(early), np.count_nonzero(late)) >= params.least_rows
        if enough and len(np.unique(at[early])) >= params.least_times:
            inner = [_fit_one(x[early][:, c], y[early], kind, params) for c, kind in zip(columns, kinds, strict=True)]
            said = np.column_stack([predicted(each, x[late][:, c]) for each, c in zip(inner, columns, strict=True)])
            weights = _weights(said, y[late])
    members = tuple(_fit_one(x[:, c], y, kind, params) for c, kind in zip(columns, kinds, strict=True))
    return Blend(members, columns, tuple(weights.tolist()))


def _weights(said: Floats, y: Floats) -> Floats:
    """(K,): least squares of y (M,) on forecasts (M, K), shrunk towards 1 / K, none below zero."""
    count = said.shape[1]
    equal = np.full(count, 1.0 / count)
    gram = np.array([[_sum(said[:, i] * said[:, j]) for j in range(count)] for i in range(count)])
    missed = np.array([_sum(said[:, i] * (y - _sum_columns(said, equal))) for i in range(count)])
    ridge = _SHRINKAGE * np.trace(gram) + 1e-12
    return np.asarray(np.maximum(equal + np.linalg.solve(gram + ridge * np.eye(count), missed), 0.0))


def _sum(values: Floats) -> float:
    return float(np.sort(values).sum())


def _sum_columns(values: Floats, weights: Floats) -> Floats:
    total = np.zeros(len(values))
    for column, weight in enumerate(weights.tolist()):
        total += values[:, column] * weight
    return total


def _fit_one(x: Floats, y: Floats, model: str, params: ScorerParams) -> Any:
    unheard = np.isnan(x).all(axis=0)  # constant instead: no estimator learns anything from such a column
    with one_thread():
        return _pipeline(model, params.seed, len(x)).fit(np.where(unheard, 0.0, x), y)


def fitted_classifier(x: Floats, hit: Floats, params: ScorerParams) -> Any:
    """A pipeline that tells how likely a row is a hit, fitted on x (M, F) and hit (M,): zeros and ones, both there."""
    unheard = np.isnan(x).all(axis=0)
    boosted = params.model == "hist_gradient_boosting"
    with one_thread():
        return _classifier(boosted, params.seed, len(x)).fit(np.where(unheard, 0.0, x), hit.astype(np.int64))


def log_odds(pipeline: Any, x: Floats) -> Floats:
    """(M,): the classifier's log odds of a hit for x (M, F), by row alone, to the bit, as `predicted`."""
    last = pipeline[-1]
    if isinstance(last, LogisticRegression):
        return _linear(pipeline, x, last.coef_[0], float(last.intercept_[0]))
    with one_thread():
        return np.asarray(pipeline.decision_function(x), dtype=np.float64)


def predicted(pipeline: Any, x: Floats) -> Floats:
    """What a pipeline or blend expects of x (M, F). A row's answer does not depend, by a bit, on the rows beside it.

    That is why the linear model is summed here, feature after feature: a matrix product groups its sums by shape.
    """
    if isinstance(pipeline, Blend):
        total = np.zeros(len(x))
        for member, columns, weight in zip(pipeline.members, pipeline.columns, pipeline.weights, strict=True):
            total += predicted(member, x[:, columns]) * weight
        return total
    last = pipeline[-1]
    if isinstance(last, Ridge):
        return _linear(pipeline, x, last.coef_, float(last.intercept_))
    with one_thread():  # waiting threads spin: several are slower on a busy machine
        return np.asarray(pipeline.predict(x), dtype=np.float64)


def _linear(pipeline: Any, x: Floats, weights: Floats, intercept: float) -> Floats:
    prepared = pipeline[:-1].transform(x)
    total = np.full(len(x), intercept)
    for column, weight in enumerate(weights):
        total += prepared[:, column] * weight
    return total


@contextmanager
def one_thread() -> Iterator[None]:
    """All that scikit-learn does within is done by one thread, and by nobody else meanwhile.

    Sums over several threads are split, and so rounded, differently from machine to machine. Entering costs more than a
    tree does: enter it once for many.
    """
    with _one_at_a_time, _pools().limit(limits=1):
        yield


@cache
def _pools() -> ThreadpoolController:
    """The thread pools of BLAS and OpenMP, looked up once: all that a fit can use are loaded by now."""
    return ThreadpoolController()


def _pipeline(model: str, seed: int, rows: int) -> Pipeline:
    if model == "ridge":
        return Pipeline(
            [
                # The medians are those of the training rows, and so is the list of columns that get an indicator.
                ("impute", MedianImputer()),
                ("standardise", StandardScaler()),
                # As strong as the data, whatever the number of rows: returns are mostly noise, and labels overlap.
                ("ridge", Ridge(alpha=float(rows), solver="cholesky")),
            ]
        )
    return Pipeline([("boost", HistGradientBoostingRegressor(**_boosting(seed, rows)))])


def _classifier(boosted: bool, seed: int, rows: int) -> Pipeline:
    if boosted:
        return Pipeline([("boost", HistGradientBoostingClassifier(**_boosting(seed, rows)))])
    # The log loss of a row curves by a quarter: so strong a penalty shrinks as the ridge's does.
    logistic = LogisticRegression(C=4.0 / rows, solver="newton-cholesky", max_iter=100)
    return Pipeline([("impute", MedianImputer()), ("standardise", StandardScaler()), ("logistic", logistic)])


def _boosting(seed: int, rows: int) -> dict[str, Any]:
    return {
        "learning_rate": 0.05,
        "max_iter": 60,
        "max_leaf_nodes": 6,
        "min_samples_leaf": max(10, rows // 20),
        "l2_regularization": float(rows) / 20,
        "max_bins": 63,
        "early_stopping": False,
        "random_state": seed,
    }

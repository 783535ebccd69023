"""A fitted model of topics: how likely one is among the top by growth, what growth is expected, and between what.

Members are classifiers that learned different horizons; their mean log odds, and those of a linear model, are stacked
by a logistic regression on later rows that none of them had seen (D. Wolpert, Stacked Generalization, 1992), which
makes probabilities of them. Intervals are conformalised quantile regression: Y. Romano, E. Patterson and E. Candès,
2019.
The score of a calibration row is how far growth was outside the two quantiles, in units of their distance, so that
intervals widen where growth is uncertain. The promise of coverage is for exchangeable rows: it is measured, not given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bot.core.panel import Floats
from bot.scoring.conformal import order_of
from bot.scoring.trends.growth import OFFSET
from bot.scoring.trends.params import DAY, TopicParams
from bot.scoring.trends.training import Rows, TopicTraining

QUANTILES: Final = (0.1, 0.9)  # that the trees learn; other coverages widen or narrow what lies between
_THINNEST: Final = 0.01  # log units that are added to the distance of the quantiles: topics that stand still have none
_WINSOR: Final = 0.005  # of growth at either end, pulled in before its mean is learned


@dataclass(frozen=True, slots=True)
class TopicModel:
    """`parts`: fitted pipelines by name: ``member:<days>``, ``logistic``, ``stack``, ``growth``, ``low``, ``high``.
    `arrays`: ``widths`` (C,), what each coverage adds at either side in units of the quantiles' distance; ``medians``
    (F,), of the final rows. `facts`: all else, in plain JSON types.
    """

    digest: str
    parts: Mapping[str, Any]
    arrays: Mapping[str, NDArray[np.float64]]
    facts: Mapping[str, Any]

    @classmethod
    def from_kept(
        cls, parts: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]
    ) -> TopicModel:
        """The model again, from what it was made of. Raises KeyError where something is missing."""
        return cls(facts["digest"], dict(parts), dict(arrays), dict(facts))


@dataclass(frozen=True, slots=True)
class Foretold:
    """For M topics: `probability`, `expected` (M,) and the intervals' ends `low`, `high` (C, M), by coverage."""

    probability: Floats
    expected: Floats
    low: Floats
    high: Floats


def fit(training: TopicTraining, params: TopicParams) -> TopicModel:
    """The model of a training set. The same bits for the same rows."""
    from bot.scoring.estimator import one_thread
    from bot.scoring.trends.estimators import fitted, stack

    inner, final = (_members(rows, params) for rows in (training.inner, training.final))
    late = training.calibration
    with one_thread():
        odds, ends = _odds(inner, late.x), _ends(inner, late.x)
    parts = dict(final)
    parts["stack"] = fitted(stack(), odds, late.top)
    outside = np.maximum(ends[0] - late.growth, late.growth - ends[1]) - _half_a_star(training.names, late.x)
    beyond = np.sort(outside / _distance(ends))
    widths = np.array([_conformal(beyond, each) for each in params.coverage])
    whole = training.final[params.horizon]
    facts = {
        "kind": "topics",
        "digest": training.digest,
        "fit_time": training.fit_time,
        "names": list(training.names),
        "rows": len(whole.top),
        "calibration_rows": len(late.top),
        "params": asdict(params)
        | {"coverage": list(params.coverage), "members": list(params.members)}
        | {"beside": list(params.beside)},
    }
    return TopicModel(training.digest, parts, {"widths": widths, "medians": _medians(whole.x)}, facts)


def foretold(model: TopicModel, x: Floats) -> Foretold:
    """What the model says of x (M, F). A row's answer does not depend, by a bit, on the rows beside it."""
    from scipy.special import expit

    from bot.scoring.estimator import one_thread
    from bot.scoring.trends.estimators import said

    with one_thread():
        chance = np.asarray(expit(_log_odds(model, x)), dtype=np.float64)
        ends = _ends(model.parts, x)
        growth = said(model.parts["growth"], x)
    grain = _half_a_star(model.facts["names"], x)
    room = model.arrays["widths"][:, None] * _distance(ends)
    low, high = ends[0] - room, ends[1] + room
    middle = (low + high) / 2  # a negative width may turn a thin interval inside out: it is then a point
    low, high = np.minimum(low, middle) - grain, np.maximum(high, middle) + grain
    return Foretold(chance, np.clip(growth, low[0], high[0]), low, high)


def log_odds_of(model: TopicModel, x: Floats) -> Floats:
    """(M,): the calibrated log odds alone, of x (M, F)."""
    from bot.scoring.estimator import one_thread

    with one_thread():
        return _log_odds(model, x)


def _log_odds(model: TopicModel, x: Floats) -> Floats:
    from bot.scoring.trends.estimators import said

    return said(model.parts["stack"], _odds(model.parts, x))


def _members(rows: dict[int, Rows], params: TopicParams) -> dict[str, Any]:
    from bot.scoring.trends.estimators import boosted_classifier, boosted_growth, fitted, logistic

    whole = rows[params.horizon]
    count = len(whole.top)
    found: dict[str, Any] = {}
    if params.model != "logistic":
        for span, part in rows.items():
            tree = boosted_classifier(params.seed, len(part.top))
            found[f"member:{span / DAY:g}"] = fitted(tree, part.x, part.top)
    if params.model != "hist_gradient_boosting":
        found["logistic"] = fitted(logistic(), whole.x, whole.top)
    tame = np.clip(whole.growth, *np.quantile(whole.growth, [_WINSOR, 1.0 - _WINSOR]))
    found["growth"] = fitted(boosted_growth(params.seed, count, None), whole.x, tame)
    for name, quantile in zip(("low", "high"), QUANTILES, strict=True):
        found[name] = fitted(boosted_growth(params.seed, count, quantile), whole.x, whole.growth)
    return found


def _odds(parts: Mapping[str, Any], x: Floats) -> Floats:
    """(M, 1 or 2): the members' mean log odds, and those of the linear model, whichever there are."""
    from bot.scoring.trends.estimators import said

    columns = []
    names = sorted(name for name in parts if name.startswith("member:"))
    if names:
        total = np.zeros(len(x))
        for name in names:
            total += said(parts[name], x)
        columns.append(total / len(names))
    if "logistic" in parts:
        columns.append(said(parts["logistic"], x))
    return np.column_stack(columns)


def _ends(parts: Mapping[str, Any], x: Floats) -> tuple[Floats, Floats]:
    """(M,) and (M,): the two quantiles; trees learned apart may cross."""
    from bot.scoring.trends.estimators import said

    low, high = said(parts["low"], x), said(parts["high"], x)
    return np.minimum(low, high), np.maximum(low, high)


def _half_a_star(names: Sequence[str], x: Floats) -> Floats:
    """(M,): log units by which half a unit changes the level. Levels are whole numbers: an end within half a star of
    one counts as that star, or a topic that stands still would be outside by nothing."""
    level = np.exp(x[:, list(names).index("size")]) - OFFSET
    half: Floats = 0.5 / np.maximum(level, 1.0)
    return half


def _distance(ends: tuple[Floats, Floats]) -> Floats:
    distance: Floats = ends[1] - ends[0] + _THINNEST
    return distance


def _conformal(beyond: Floats, coverage: float) -> float:
    """The least width that held `coverage` of the sorted scores, with the finite-sample correction."""
    return float(beyond[min(order_of(len(beyond), coverage), len(beyond)) - 1])


def _medians(x: Floats) -> Floats:
    """(F,): of the known values of each column, NaN where there are none."""
    rising = np.sort(x, axis=0)  # what is unknown comes last
    known = np.isfinite(x).sum(axis=0)
    place = np.maximum(known - 1, 0) // 2
    return np.where(known > 0, np.take_along_axis(rising, place[None, :], axis=0)[0], np.nan)

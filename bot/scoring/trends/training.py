"""What one fit of a model of topics may see: rows whose labels were known by then, and nothing beside them.

A fit at time f sees

    |<---------------------------- train ---------------------------->|
    f - train                     c                                   f
    |  inner rows    |   gap      |    calibration rows    |   gap     |
    |  final rows                                          |   gap     |

where gap = horizon + embargo. Inner estimators learn what was known at c, and calibration rows tell how far they can be
believed; the final ones learn all that is known at f, and are believed as far. A member that learns a shorter horizon
has a shorter gap: it sees newer rows.
"""

from __future__ import annotations

import hashlib
from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray

from bot.core.panel import Floats
from bot.core.topic_panel import TopicPanel
from bot.scoring.trends.labels import TopicLabels, sampled, topic_labels
from bot.scoring.trends.params import TopicParams

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Rows:
    """Topics at times, ordered by time, then name: x (M, F), `growth` (M,) log units, `top` (M,) zeros and ones."""

    x: Floats
    growth: Floats
    top: Floats


@dataclass(frozen=True, slots=True)
class TopicTraining:
    """`inner` and `final`: a member's rows, by its horizon in seconds; the parameters' horizon is among them."""

    fit_time: int
    names: tuple[str, ...]
    inner: dict[int, Rows]
    final: dict[int, Rows]
    calibration: Rows
    digest: str  # of everything that the fitted model depends on


@dataclass(frozen=True, slots=True)
class Learnable:
    """What can be learned from: x (T, K, F), and the labels of every member by its horizon in seconds. `oldest`: unix
    seconds of the first row of which anything is known."""

    names: tuple[str, ...]
    x: Floats
    labels: dict[int, TopicLabels]
    oldest: int


def horizons(params: TopicParams) -> tuple[int, ...]:
    """Seconds that the members look ahead, rising; the last is the horizon itself."""
    return tuple(sorted({int(params.horizon * share) for share in params.members}))


def learnable(panel: TopicPanel, params: TopicParams, names: tuple[str, ...], x: Floats) -> Learnable:
    """The labels of every member beside features x (T, K, F)."""
    heard = np.flatnonzero(np.isfinite(x[:, :, names.index("size")]).any(axis=1))
    oldest = int(panel.times[heard[0]]) if len(heard) else 0
    return Learnable(names, x, {span: topic_labels(panel, params, span) for span in horizons(params)}, oldest)


def calibration_start(fit_time: int, oldest: int, params: TopicParams) -> int:
    """Where the calibration rows of a fit at `fit_time` begin; `oldest`: the first row of which anything is known."""
    begin = max(fit_time - params.train, oldest)
    return fit_time - params.gap - int(params.calibration * max(fit_time - params.gap - begin, 0))


def training_of(
    panel: TopicPanel, known: Learnable, fit_time: int, params: TopicParams, kept: Mask | None = None
) -> TopicTraining | None:
    """What the fit at `fit_time` sees; None when it is too little to learn from. `kept` (K,): the topics that may be
    learned from, all by default."""
    if not len(panel):
        return None
    order = np.argsort(np.array(panel.topics))
    order = order if kept is None else order[kept[order]]
    start = calibration_start(fit_time, known.oldest, params)
    within = (panel.times >= fit_time - params.train) & sampled(panel.times, params.sample)
    inner, final = ({}, {})  # type: tuple[dict[int, Rows], dict[int, Rows]]
    for span, labels in known.labels.items():
        for part, by in ((inner, start), (final, fit_time)):
            part[span] = _rows(known.x, labels, within & (labels.known_at + params.embargo <= by), order)
    whole = known.labels[params.horizon]
    late = within & (panel.times >= start) & (whole.known_at + params.embargo <= fit_time)
    calibration = _rows(known.x, whole, late, order)
    if len(calibration.top) < params.least_calibration_rows or _one_sided(calibration.top):
        return None
    for rows in (*inner.values(), *final.values()):
        if len(rows.top) < params.least_rows or _one_sided(rows.top):
            return None
    digest = _digest(params, known.names, fit_time, (calibration, *inner.values(), *final.values()))
    return TopicTraining(fit_time, known.names, inner, final, calibration, digest)


def _rows(x: Floats, labels: TopicLabels, times: Mask, order: NDArray[np.intp]) -> Rows:
    rows = np.flatnonzero(times)
    usable = np.isfinite(labels.top[np.ix_(rows, order)])
    row, place = np.nonzero(usable)
    cell = (rows[row], order[place])
    return Rows(x[cell], labels.growth[cell], labels.top[cell])


def _one_sided(top: Floats) -> bool:
    return bool((top == 0.0).all() or (top == 1.0).all())


def _digest(params: TopicParams, names: tuple[str, ...], fit_time: int, parts: tuple[Rows, ...]) -> str:
    from bot.scoring.estimator import VERSION

    digest = hashlib.sha256(repr((astuple(params), names, fit_time, VERSION)).encode())
    for rows in parts:
        for array in (rows.x, rows.growth, rows.top):
            digest.update(len(array).to_bytes(8))
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()

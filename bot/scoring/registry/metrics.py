"""How good a fit and the fits before it were, in plain JSON, for a manifest: small enough to read, with intervals.

Sums are exact (`math.fsum`), so that the same scores give the same digits on any machine. Intervals are of 95 %. Rows
closer together than the horizon share what came of them, so only rows a horizon apart are counted as independent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bot.core.panel import Floats, Times
from bot.core.score import Scores
from bot.scoring.labels import Labels
from bot.scoring.skill import rank_information_coefficient

Figure = dict[str, float | int | None]
Rows = NDArray[np.int64]
_SIDE: Final = 1.96
RESAMPLES: Final = 200
BINS: Final = 10


def asset_metrics(scores: Scores, truth: Labels, times: Times, horizon: int) -> dict[str, Any]:
    """Of scores (T, N) as they would have been told: rank correlation with what came, and how often the interval held.

    `calibration`: venues at times in bins of equal numbers by what was expected, beside the mean of what came.
    """
    apart = _apart(times, horizon)
    known = np.isfinite(scores.expected) & np.isfinite(truth.returns)
    inside = known & (truth.returns >= scores.low) & (truth.returns <= scores.high)
    held = [float(row.sum()) / int(one.sum()) for row, one in zip(inside, known, strict=True) if one.any()]
    apart_held = [
        float(row.sum()) / int(one.sum()) for row, one in zip(inside[apart], known[apart], strict=True) if one.any()
    ]
    correlation = rank_information_coefficient(scores, truth)
    found = {
        "rank_correlation": _figure(correlation[np.isfinite(correlation)], correlation[apart]),
        "coverage": _figure(np.array(held), np.array(apart_held)) | {"nominal": scores.coverage},
        "calibration": reliability(scores.expected[known], truth.returns[known]),
    }
    return {"walk_forward": found | {"scored": int(np.count_nonzero(known))}}


def topic_metrics(
    said: Floats, top: Floats, inside: dict[float, NDArray[np.bool_]], topic: NDArray[np.int64], seed: int
) -> dict[str, Any]:
    """Of probabilities (M,) that a topic would be at the top, told by the fit a horizon earlier, and what came (M,).

    `inside`: coverage -> (M,), whether the growth was in that interval. `topic` (M,): which topic a row is of;
    intervals are a bootstrap over topics.
    """
    draws = np.random.default_rng(seed)
    members = [np.flatnonzero(topic == each) for each in np.unique(topic)]
    drawn = [
        np.concatenate([members[each] for each in draws.integers(0, len(members), len(members))])
        for _ in range(RESAMPLES if len(members) > 1 else 0)
    ]

    def figure(told: Callable[[Rows], float | None]) -> Figure:
        known = [value for value in map(told, drawn) if value is not None]
        low, high = np.quantile(known, [0.025, 0.975]).tolist() if known else (None, None)
        return {"value": told(np.arange(len(top))), "low": low, "high": high, "independent": len(members)}

    return {
        "out_of_time": {
            "area_under_curve": figure(lambda rows: area_under_curve(said[rows], top[rows])),
            "base_rate": _mean(top),
            "rows": len(top),
            "coverage": {f"{nominal:g}": figure(partial(_share_of, held)) for nominal, held in inside.items()},
            "calibration": reliability(said, top),
        }
    }


def reliability(said: Floats, came: Floats) -> list[dict[str, float | int | None]]:
    """Bins of equal numbers of rows by what was said (M,): its mean beside the mean of what came (M,)."""
    order = np.argsort(said, kind="stable")
    parts = [part for part in np.array_split(order, BINS) if len(part)]
    return [{"said": _mean(said[part]), "came": _mean(came[part]), "rows": len(part)} for part in parts]


def area_under_curve(said: Floats, hit: Floats) -> float | None:
    """The probability that a hit was given more than a miss, ties counting half; None where either is missing."""
    from scipy.stats import rankdata

    hits = int(np.count_nonzero(hit > 0.5))
    misses = len(hit) - hits
    if not hits or not misses:
        return None
    ranks = rankdata(said)[hit > 0.5]
    return (math.fsum(ranks.tolist()) - hits * (hits + 1) / 2) / (hits * misses)


def _figure(values: Floats, independent: Floats) -> Figure:
    """Mean of all values (M,), and an interval as wide as the independent ones allow."""
    sample = independent[np.isfinite(independent)].tolist()
    mean, count = _mean(values), len(sample)
    if mean is None or count < 3:
        return {"value": mean, "low": None, "high": None, "independent": count}
    middle = math.fsum(sample) / count
    side = _SIDE * math.sqrt(math.fsum((each - middle) ** 2 for each in sample) / (count - 1) / count)
    return {"value": mean, "low": mean - side, "high": mean + side, "independent": count}


def _share_of(held: NDArray[np.bool_], rows: Rows) -> float | None:
    return _mean(held[rows])


def _mean(values: Floats | NDArray[np.bool_] | Sequence[float]) -> float | None:
    listed = [float(each) for each in values]
    return math.fsum(listed) / len(listed) if listed else None


def _apart(times: Times, horizon: int) -> NDArray[np.intp]:
    """The first row of each span of a horizon, counted from the epoch."""
    span = times // horizon
    return np.flatnonzero(np.append(True, span[1:] != span[:-1])) if len(times) else np.zeros(0, dtype=np.intp)

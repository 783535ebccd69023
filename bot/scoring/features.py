"""What is known about each venue at each time: growth over calendar spans, alone and against the other venues.

Rows are found by time, never by counting, so a row's features depend on nothing but the rows at most `lookback_days`
before it: not on where the panel begins or ends, and, bit for bit, not on the order of its columns.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from bot.core.panel import Floats, Panel
from bot.scoring.feature import Feature
from bot.scoring.market_features import MARKET_LOOKBACK_DAYS, field_features, market_features
from bot.scoring.params import FeatureSet
from bot.scoring.spans import DAY, log_of, past, sum_of_past

LOOKBACK_DAYS: Final = 28  # of the basic set
VOLATILITY: Final = "volatility_28d"

# `<source>` stands for the name of any signal field. Each feature comes three times, see `features`.
BASIC_FEATURES: Final = (
    Feature("return_1d", "log(close / close 1 d ago)", 1, "log ratio", "What just happened, and often reverses."),
    Feature("return_7d", "log(close / close 7 d ago)", 7, "log ratio", "Momentum or reversal over a week."),
    Feature("return_28d", "log(close / close 28 d ago)", 28, "log ratio", "Momentum over a month."),
    Feature(
        VOLATILITY,
        "root of the mean square of the 28 daily log returns",
        28,
        "log ratio per day",
        "How far the venue moves by itself; also the unit of the risk-adjusted target.",
    ),
    Feature(
        "volume_change_7d",
        "log(volume of 7 d / volume of the 7 d before)",
        14,
        "log ratio",
        "Whether trading picks up.",
    ),
    Feature(
        "signal:<source>:growth_7d", "log((1 + level) / (1 + level 7 d ago))", 7, "log ratio", "How fast a topic grows."
    ),
    Feature("signal:<source>:growth_14d", "log((1 + level) / (1 + level 14 d ago))", 14, "log ratio", "Calmer."),
    Feature("signal:<source>:growth_28d", "log((1 + level) / (1 + level 28 d ago))", 28, "log ratio", "Calmest."),
    Feature(
        "signal:<source>:acceleration",
        "2 × growth of 7 d - growth of 14 d",
        14,
        "log ratio",
        "This week's growth less last week's: whether it speeds up.",
    ),
)


def lookback_days(chosen: FeatureSet = "basic") -> int:
    """How far back, in days, a row's features may look."""
    return MARKET_LOOKBACK_DAYS if chosen == "market" else LOOKBACK_DAYS


def features(panel: Panel, bar_seconds: int, chosen: FeatureSet = "basic") -> tuple[tuple[str, ...], Floats]:
    """Names (F,) and values (T, N, F), NaN where unknown. Column 0, idle, is all NaN.

    Returns and growths are logarithmic; the volatility is that of daily log returns, not annualised. Each one comes
    three times: as it is, less its mean over the venues of the row, and as its rank among them within [-0.5, 0.5].
    `bar_seconds` is the length of a bar; volumes are summed over the bars of a week. What a panel's optional fields
    tell (`trend:`, `pool:`, `income:`) is there in either set, where they are.
    """
    base = _base_features(panel, bar_seconds) | field_features(panel, bar_seconds)
    if chosen == "market":
        base |= market_features(panel, bar_seconds)
    names: list[str] = []
    values: list[Floats] = []
    for name, column in base.items():
        known = np.where(np.isfinite(column) & panel.listed, column, np.nan)
        known[:, 0] = np.nan
        names += [name, f"{name}:demeaned", f"{name}:rank"]
        values += [known, demeaned(known), ranked(known)]
    return tuple(names), np.stack(values, axis=2)


def _base_features(panel: Panel, bar_seconds: int) -> dict[str, Floats]:
    times = panel.times
    price = log_of(panel.close)
    daily = price - past(times, price, DAY)
    found = {f"return_{days}d": price - past(times, price, days * DAY) for days in (1, 7, LOOKBACK_DAYS)}
    found[VOLATILITY] = np.sqrt(sum_of_past(times, daily**2, DAY, LOOKBACK_DAYS) / LOOKBACK_DAYS)
    week = log_of(sum_of_past(times, panel.volume, bar_seconds, 7 * DAY // bar_seconds))
    found["volume_change_7d"] = week - past(times, week, 7 * DAY)
    for name in panel.signals:
        # The 1 keeps a count of zero defined; for an index of around 100 it hardly matters.
        level = log_of(panel.fields[name] + 1.0)
        growth = {days: level - past(times, level, days * DAY) for days in (7, 14, LOOKBACK_DAYS)}
        found |= {f"{name}:growth_{days}d": value for days, value in growth.items()}
        found[f"{name}:acceleration"] = 2.0 * growth[7] - growth[14]
    return found


def demeaned(values: Floats) -> Floats:
    """(T, N): each row less the mean of its known values.

    Summed in sorted order: float addition is not associative, and the order of columns must not matter.
    """
    known = np.isfinite(values)
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    total = np.sort(np.where(known, values, 0.0), axis=1).sum(axis=1, keepdims=True)
    centred: Floats = values - total / count
    return centred


def ranked(values: Floats) -> Floats:
    """(T, N): ranks within each row, scaled to [-0.5, 0.5], ties sharing their mean rank; 0 for a lone value."""
    known = np.isfinite(values)
    order = np.argsort(values, axis=1)  # what is unknown comes last, and never next to an equal
    rising = np.take_along_axis(values, order, axis=1)
    place = np.arange(values.shape[1])
    starts, ends = np.ones(values.shape, dtype=bool), np.ones(values.shape, dtype=bool)
    starts[:, 1:] = ends[:, :-1] = rising[:, 1:] != rising[:, :-1]
    below = np.maximum.accumulate(np.where(starts, place, 0), axis=1)
    last = np.minimum.accumulate(np.where(ends, place, values.shape[1])[:, ::-1], axis=1)[:, ::-1]
    mean_place = np.empty(values.shape)
    np.put_along_axis(mean_place, order, below + 0.5 * (last - below), axis=1)
    others = known.sum(axis=1, keepdims=True) - 1
    scaled = mean_place / np.maximum(others, 1) - 0.5
    return np.where(known, np.where(others > 0, scaled, 0.0), np.nan)

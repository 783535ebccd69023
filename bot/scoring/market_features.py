"""What a market says about itself beyond its basic returns, and what a panel's optional fields say.

`market_features` reads prices and volumes only. `field_features` reads fields that a panel may have or not: scores of
topics (`trend:`), the venue's own pool (`pool:depth`, `pool:fees`) and what a token has earned (`income:`). All are
causal, and rows are found by time.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from bot.core.panel import Floats, Panel
from bot.scoring.feature import Feature
from bot.scoring.spans import DAY, log_of, past, sum_of_past

MARKET_LOOKBACK_DAYS: Final = 84
SOURCES: Final = "trend:sources"  # how many sources speak: a gate for strategies, and no forecast of anything
_WEEK, _MONTH = 7, 28

MARKET_FEATURES: Final = (
    Feature(
        "momentum_84d",
        "log(close / close 84 d ago)",
        84,
        "log ratio",
        "Momentum over a quarter (Liu, Tsyvinski and Wu, Common Risk Factors in Cryptocurrency, 2022, use one to four "
        "weeks; longer spans reverse).",
    ),
    Feature(
        "momentum_28d_less_7d",
        "log(close 7 d ago / close 28 d ago)",
        28,
        "log ratio",
        "Momentum without the week that reverses (Jegadeesh, 1990).",
    ),
    Feature(
        "reversal_3d",
        "-log(close / close 3 d ago)",
        3,
        "log ratio",
        "What fell within days tends to come back a little: pay for liquidity.",
    ),
    Feature(
        "volatility_7d",
        "root of the mean square of the 7 daily log returns",
        7,
        "log ratio per day",
        "How far the venue moves now.",
    ),
    Feature(
        "volatility_change",
        "log(volatility_7d / volatility_28d)",
        28,
        "log ratio",
        "Whether it moves more than it did: a change of regime shows here first.",
    ),
    Feature(
        "illiquidity_28d",
        "log of the mean over 28 d of |daily log return| / volume of the day",
        28,
        "log of 1 / money",
        "What a unit of money moves (Amihud, 2002).",
    ),
)
FIELD_FEATURES: Final = (
    Feature("trend:<name>", "the field as it is", 0, "as the field's", "What the scores of its topics say."),
    Feature("pool:depth", "log(depth)", 0, "log of money", "How much the venue's pool can take."),
    Feature(
        "pool:depth_change_7d",
        "log(depth / depth 7 d ago)",
        7,
        "log ratio",
        "Whether others come or leave.",
    ),
    Feature(
        "pool:fee_yield_7d", "fees of 7 d / depth", 7, "fraction per week", "What providing liquidity has been paid."
    ),
    Feature(
        "income:<name>:yield_28d",
        "income of 28 d / close",
        28,
        "fraction per 28 days",
        "Realised income of a media asset against its price.",
    ),
    Feature(
        "income:<name>:growth_14d",
        "log(income of 14 d / income of the 14 d before)",
        28,
        "log ratio",
        "Whether it earns more than it did.",
    ),
)


def market_features(panel: Panel, bar_seconds: int) -> dict[str, Floats]:
    """Name -> (T, N), NaN where unknown: the features of `MARKET_FEATURES`. `bar_seconds`: the length of a bar."""
    times = panel.times
    price = log_of(panel.close)
    daily = price - past(times, price, DAY)
    week_ago, month_ago = past(times, price, _WEEK * DAY), past(times, price, _MONTH * DAY)
    short, long = (np.sqrt(sum_of_past(times, daily**2, DAY, days) / days) for days in (_WEEK, _MONTH))
    volume = sum_of_past(times, panel.volume, bar_seconds, DAY // bar_seconds)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        moved = np.where(volume > 0.0, np.abs(daily) / volume, np.nan)
    return {
        "momentum_84d": price - past(times, price, MARKET_LOOKBACK_DAYS * DAY),
        "momentum_28d_less_7d": week_ago - month_ago,
        "reversal_3d": past(times, price, 3 * DAY) - price,
        "volatility_7d": short,
        "volatility_change": log_of(short) - log_of(long),
        "illiquidity_28d": log_of(sum_of_past(times, moved, DAY, _MONTH) / _MONTH),
    }


def field_features(panel: Panel, bar_seconds: int) -> dict[str, Floats]:
    """Name -> (T, N) of the optional fields that this panel has: the features of `FIELD_FEATURES`.

    `pool:fees` and `income:` fields hold money earned within each bar, income that of one whole token, as a price is;
    `pool:depth` is money at the bar's close.
    """
    times, fields = panel.times, panel.fields
    found = {name: fields[name] for name in sorted(fields) if name.startswith("trend:") and name != SOURCES}
    if "pool:depth" in fields:
        depth = log_of(fields["pool:depth"])
        found["pool:depth"] = depth
        found["pool:depth_change_7d"] = depth - past(times, depth, _WEEK * DAY)
        if "pool:fees" in fields:
            week = sum_of_past(times, fields["pool:fees"], bar_seconds, _WEEK * DAY // bar_seconds)
            found["pool:fee_yield_7d"] = _share(week, fields["pool:depth"])
    for name in sorted(field for field in fields if field.startswith("income:")):
        month, half = (
            sum_of_past(times, fields[name], bar_seconds, days * DAY // bar_seconds) for days in (_MONTH, _MONTH // 2)
        )
        found[f"{name}:yield_28d"] = _share(month, panel.close)
        found[f"{name}:growth_14d"] = log_of(half) - past(times, log_of(half), _MONTH // 2 * DAY)
    return found


def _share(part: Floats, whole: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(whole > 0.0, part / whole, np.nan)

"""What is known about a topic, in words: the features that `features.py` computes, by name."""

from __future__ import annotations

from typing import Final

from bot.scoring.feature import Feature
from bot.scoring.trends.growth import MEMORY_DAYS, MOST

# Growth, the usual increments before it, and observations late by a span at either end.
LOOKBACK_DAYS: Final = 28 + MEMORY_DAYS + 2 * 28
GROWTH_DAYS: Final = (1, 3, 7, 14, 28)
RANKED_DAYS: Final = (3, 7, 14, 28)
_JUMP = f"increments cut at {MOST:g} and at what is usual"

FEATURES: Final[tuple[Feature, ...]] = (
    *(
        Feature(
            f"growth_{days}d",
            f"sum of increments over {days} d, scaled to the time seen; {_JUMP}",
            LOOKBACK_DAYS,
            "log ratio",
            "adoption velocity",
        )
        for days in GROWTH_DAYS
    ),
    *(
        Feature(
            f"growth_{days}d:rank",
            f"rank of growth_{days}d within the date",
            LOOKBACK_DAYS,
            "rank in ±0.5",
            "velocity against the others, whatever the season",
        )
        for days in RANKED_DAYS
    ),
    Feature(
        "acceleration_7d", "2·growth_7d − growth_14d", LOOKBACK_DAYS, "log ratio", "whether a week beats the one before"
    ),
    Feature("acceleration_14d", "2·growth_14d − growth_28d", LOOKBACK_DAYS, "log ratio", "the same over a month"),
    Feature(
        "growth_life",
        "bounded log growth since the topic was first seen, at most 28 d ago, a day",
        LOOKBACK_DAYS,
        "log ratio a day",
        "velocity of what is too young for a month",
    ),
    Feature(
        "growth_life:rank",
        "rank of growth_life within the date",
        LOOKBACK_DAYS,
        "rank in ±0.5",
        "the same against the others",
    ),
    Feature(
        "gain_7d", "asinh(growth_7d · level)", LOOKBACK_DAYS, "asinh units a week", "velocity in stars, not in shares"
    ),
    Feature(
        "share_7d",
        "ln share of the topic in the positive gains of all topics over 7 d",
        LOOKBACK_DAYS,
        "log ratio",
        "share of attention",
    ),
    Feature("size", "ln(level + 5)", 7, "log units", "small topics grow faster"),
    Feature("size:rank", "rank of size within the date", 7, "rank in ±0.5", "size whatever the season"),
    Feature("age", "days since first published, unknown where that was on the series' first day", 0, "days", "novelty"),
    Feature("newborn", "1 if first published less than 28 d ago", 0, "0 or 1", "novelty"),
    Feature(
        "volatility",
        "root mean square of bounded increments over 28 d",
        LOOKBACK_DAYS,
        "log units a day",
        "steady growth against one jump",
    ),
    Feature(
        "largest_share",
        "largest bounded increment of 28 d over growth_28d's absolute increments",
        LOOKBACK_DAYS,
        "fraction",
        "one burst, bought or earned",
    ),
    Feature(
        "breadth",
        "share of topics whose growth_7d exceeds half of growth_14d",
        LOOKBACK_DAYS,
        "fraction",
        "whether the whole kind accelerates",
    ),
    Feature(
        "kin_size",
        "ln(sum of levels of the same owner's other topics + 5)",
        7,
        "log units",
        "an audience that a new topic finds waiting",
    ),
    Feature(
        "kin_growth",
        "mean growth_7d of the same owner's other topics",
        LOOKBACK_DAYS,
        "log ratio",
        "breadth within an owner",
    ),
    Feature(
        "agreement",
        "mean rank of the same topic's growth_7d in the series beside",
        LOOKBACK_DAYS,
        "rank in ±0.5",
        "cross-source agreement",
    ),
    Feature("idle_days", "ln(1 + days since the last commit)", 0, "log days", "whether somebody still works on it"),
    Feature("staleness", "days since the level was observed", 7, "days", "how old the knowledge is"),
)

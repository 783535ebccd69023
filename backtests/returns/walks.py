"""What each model would have said, walked forward over a recorded panel, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from backtests.returns.association import interval
from bot.core.panel import Panel
from bot.core.strategy import load
from bot.scoring.calibration import calibration_error
from bot.scoring.labels import labels
from bot.scoring.params import ModelName, ScorerParams
from bot.scoring.skill import covered_by_regime, covered_share, rank_information_coefficient, regimes_of
from bot.scoring.walkforward import FittedModel, score_rows


@dataclass(frozen=True, slots=True)
class Walk:
    """One model over one panel. `skill`: mean rank correlation of scores with returns and its 95 % interval, NaN where
    every venue is scored alike. `covered`: by regime, `all` among them. `width`: mean half width of the intervals.
    `calibration`: error of the probability of clearing costs, and `rate` how often they were cleared. `drifted`: the
    share of scored days that would open nothing. `deployed`: mean share that trend_edge holds on scored days.
    """

    name: str
    days: int
    skill: float
    low: float
    high: float
    covered: Mapping[str, float]
    width: float
    calibration: float
    rate: float
    drifted: float
    deployed: float
    models: tuple[FittedModel, ...]


def walk(name: str, panel: Panel, params: ScorerParams, seed: int) -> Walk:
    """`params` must ask for the probability of clearing costs, and for drift."""
    cache: dict[int, FittedModel] = {}
    scores = score_rows(panel, params, 0, cache)
    truth = labels(panel, params.horizon)
    spoke = np.array([bool(digest) for digest in scores.model])
    daily = rank_information_coefficient(scores, truth)
    daily = daily[np.isfinite(daily)]
    apart = params.horizon // params.bar_seconds
    low, high = interval(daily, 2.0 * apart, seed) if len(daily) > 2 * apart else (np.nan, np.nan)
    assert scores.clears is not None
    assert params.costs is not None
    cleared = np.where(np.isfinite(truth.returns), truth.returns > params.costs, np.nan)
    cleared = np.where(np.isfinite(scores.clears), cleared, np.nan)
    regimes = covered_by_regime(scores, truth, regimes_of(panel))
    weights = load("trend_edge").weights(panel, scores)
    return Walk(
        name,
        int(spoke.sum()),
        float(daily.mean()) if len(daily) else float("nan"),
        float(low),
        float(high),
        {"all": covered_share(scores, truth), **regimes},
        float(np.nanmean((scores.high - scores.low) / 2.0)),
        calibration_error(scores.clears.ravel(), cleared.ravel()),
        float(np.nanmean(cleared)),
        float(scores.drifted[spoke].mean()),
        float(1.0 - weights[spoke, 0].mean()),
        tuple(cache[time] for time in sorted(cache)),
    )


def variants(base: ScorerParams) -> dict[str, ScorerParams]:
    """What is compared: every model on the basic features, and what else the scorer can be asked, one at a time."""
    models: tuple[ModelName, ...] = ("zero", "past_return", "ridge", "hist_gradient_boosting", "stack")
    found = {model: replace(base, model=model) for model in models}
    return found | {
        "ridge, market features": replace(base, features="market"),
        "ridge, risk-adjusted": replace(base, target="risk_adjusted"),
        "ridge, rolling interval": replace(base, interval="rolling"),
        "ridge, risk-adjusted, rolling": replace(base, target="risk_adjusted", interval="rolling"),
    }

"""What a sweep found, and how much of it is luck. Reads the results as a stream: memory does not grow with them."""

from __future__ import annotations

import heapq
import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from backtests.fast import run_fast
from backtests.gas import gas_of
from backtests.metrics import FLAT, returns_of
from backtests.overfitting import (
    Interval,
    Moments,
    Overfitting,
    bootstrap_interval,
    deflated_sharpe,
    effective_trials,
    expected_best_sharpe,
    mean_correlation,
    probabilistic_sharpe,
    probability_of_overfitting,
)
from backtests.run import Run
from backtests.sweep.evaluate import METRICS, OK
from backtests.sweep.results import Store
from backtests.sweep.runner import Sweep
from bot.config import Config
from bot.core.panel import Floats
from bot.errors import ConfigError

# What may be looked for, and whether more of it is better.
OBJECTIVES: Final = {
    **dict.fromkeys(("sharpe", "sortino", "calmar", "cagr", "total_return"), 1),
    **dict.fromkeys(("max_drawdown", "volatility"), -1),
}
SHOWN: Final = 10  # of the best
CONFIDENT: Final = 0.95  # a deflated Sharpe ratio from which a result is called more than luck
OVERFIT: Final = 0.2  # a probability of overfitting up to which it is


@dataclass(frozen=True, slots=True)
class Found:
    """The stream's sums. `top`: the best by the objective, best first; `variance` and the rest speak of annual Sharpe
    ratios across trials.
    """

    trials: int
    refused: int
    reasons: Mapping[str, int]
    top: tuple[Mapping[str, Any], ...]
    variance: float
    correlation: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Honesty:
    """What the best is worth after all that was tried. Sharpe ratios are annual; probabilities from 0 to 1.

    `luck`: the Sharpe ratio that the best of as many worthless trials shows on average. `deflated_effective`: with the
    number of independent trials that the mean correlation leaves, which is kinder and less sure. `notes`: why a figure
    is None.
    """

    trials: int
    effective: float | None
    luck: float
    probabilistic: float | None
    deflated: float | None
    deflated_effective: float | None
    interval: Interval | None
    overfitting: Overfitting | None
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """One sentence for people."""
        if self.deflated is None or self.overfitting is None:
            return "too little to tell skill from luck"
        if self.deflated >= CONFIDENT and self.overfitting.probability <= OVERFIT:
            return "better than the luck of so many trials explains; it may still not last"
        return "not to be told from luck: do not deploy on the strength of this sweep"


def look(store: Store, objective: str) -> Found:
    """The sums over all rows in the folder. Raises ConfigError when nothing has the objective."""
    sign = OBJECTIVES[objective]
    trials, refused, with_sharpe, mean, apart = 0, 0, 0, 0.0, 0.0
    reasons: Counter[str] = Counter()
    top: list[tuple[float, str, dict[str, Any]]] = []
    for batch in store.read(["key", "status", "reason", "values", *METRICS]):
        for row in batch.to_pylist():
            if row["status"] != OK:
                refused += 1
                if row["reason"] in reasons or len(reasons) < 1_000:  # a reason may hold the value that it is about
                    reasons[row["reason"]] += 1
                continue
            trials += 1
            if row["sharpe"] is not None:
                with_sharpe += 1
                step = row["sharpe"] - mean
                mean += step / with_sharpe
                apart += step * (row["sharpe"] - mean)
            if row[objective] is not None:
                entry = (sign * row[objective], row["key"], row)
                heapq.heappush(top, entry)
                if len(top) > SHOWN:
                    heapq.heappop(top)
    if not top:
        common = reasons.most_common(1)
        raise ConfigError(
            f"no combination has a {objective.replace('_', ' ')}: {refused} refused, {trials} run"
            + (f"; most often: {common[0][0]}" if common else "")
        )
    return Found(
        trials,
        refused,
        dict(reasons.most_common(SHOWN)),
        tuple({**row, "values": json.loads(row["values"])} for _, _, row in sorted(top, reverse=True)),
        apart / (with_sharpe - 1) if with_sharpe > 1 else 0.0,
        mean_correlation(store.trials),
    )


def best_run(sweep: Sweep, config: Config) -> Run:
    """The whole run of one combination, on the rung that the sweep ran on."""
    settings, heard, panel, scores, first, last = sweep.settings(config)
    gas = gas_of(heard, sweep.loaded.source.catalogue, panel.times)
    return run_fast(settings, heard, panel, scores, first, last, gas=gas)


def judge(store: Store, found: Found, run: Run, yearly: float, seed: int = 0) -> Honesty:
    """The honesty figures of `run`, the best of all in the store. `yearly`: returns in a year."""
    returns = returns_of(run.equity)
    notes = []
    try:
        moments: Moments | None = Moments.of(returns)
    except ValueError as error:
        moments = None
        notes.append(f"Sharpe ratios: {error}")
    effective = effective_trials(found.trials, found.correlation) if found.correlation is not None else None
    variance = found.variance / yearly
    overfitting = None
    if found.trials > 1:
        overfitting = probability_of_overfitting(store.trials)
    else:
        notes.append("probability of overfitting: needs two trials")
    return Honesty(
        trials=found.trials,
        effective=effective,
        luck=expected_best_sharpe(found.variance, found.trials),
        probabilistic=probabilistic_sharpe(moments) if moments else None,
        deflated=deflated_sharpe(moments, variance, found.trials) if moments else None,
        deflated_effective=deflated_sharpe(moments, variance, effective) if moments and effective else None,
        interval=bootstrap_interval(returns, lambda drawn: _annual_sharpe(drawn, yearly), seed=seed)
        if moments
        else None,
        overfitting=overfitting,
        notes=tuple(notes),
    )


def _annual_sharpe(returns: Floats, yearly: float) -> float:
    spread = float(returns.std(ddof=1))
    return float(returns.mean()) / spread * math.sqrt(yearly) if spread > FLAT else 0.0

"""What to do about a target, given what is held. One source for live and backtest.

`rebalance_into` is plain Python over arrays and is compiled as it stands by the backtest kernels, so it uses only what
both can run, and calls nothing of ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.core.panel import Floats


@dataclass(frozen=True, slots=True)
class PolicyParams:
    """Fractions of the portfolio's value, all in [0, 1]."""

    band: float = 0.01  # smallest change of a weight worth trading
    max_turnover: float = 0.2  # one-way, per cycle
    max_venue: float = 0.25
    min_idle: float = 0.1
    drawdown_brake: float = 0.15  # at this drawdown entries stop, exits go on
    drawdown_window: int = 90 * 86_400  # seconds over which the high-water mark is taken


def rebalance(
    target: Floats,
    held: Floats,
    tradable: NDArray[np.bool_],
    band: float,
    max_turnover: float,
    max_venue: float,
    min_idle: float,
    entries: bool,
) -> Floats:
    """Weights to move to, (N,), from `target` (N,) and `held` (N,); index 0 is idle. They sum to 1."""
    out = np.empty(target.shape[0])
    rebalance_into(target, held, tradable, band, max_turnover, max_venue, min_idle, entries, out)
    return out


def rebalance_into(
    target: Floats,
    held: Floats,
    tradable: NDArray[np.bool_],
    band: float,
    max_turnover: float,
    max_venue: float,
    min_idle: float,
    entries: bool,
    out: Floats,
) -> None:
    """Writes into `out` (N,) the weights to move to, for callers with no memory to spare for each of many cycles.

    In this order: caps per venue and minimum idle bound the target; a venue that cannot be traded keeps what it holds;
    changes within the band are not made; without `entries` (brake on) nothing grows; turnover (the larger of all buys
    and all sells) is bounded by scaling every change alike; buys are scaled so that idle keeps its minimum.
    """
    n = target.shape[0]
    wanted = 0.0
    for i in range(1, n):
        wanted += min(target[i], max_venue)
    room = 1.0 - min_idle
    scale = room / wanted if wanted > room else 1.0
    buys = 0.0
    sells = 0.0
    # Until the end, `out` holds changes.
    for i in range(1, n):
        out[i] = 0.0
        if not tradable[i]:
            continue
        move = min(target[i], max_venue) * scale - held[i]
        leaving = target[i] == 0.0 and held[i] > 0.0
        if abs(move) < band and not leaving:
            continue
        if move > 0.0 and not entries:
            continue
        out[i] = move
        if move > 0.0:
            buys += move
        else:
            sells -= move
    turnover = max(buys, sells)
    if turnover > max_turnover:
        brake = max_turnover / turnover
        for i in range(1, n):
            out[i] *= brake
        buys *= brake
        sells *= brake
    spendable = held[0] + sells - min_idle
    if buys > 0.0 and buys > spendable:
        shrink = max(0.0, spendable) / buys
        for i in range(1, n):
            if out[i] > 0.0:
                out[i] *= shrink
    risky = 0.0
    for i in range(1, n):
        out[i] = max(0.0, held[i] + out[i])
        risky += out[i]
    out[0] = max(0.0, 1.0 - risky)

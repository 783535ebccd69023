"""Why a run ended elsewhere than its backtest: the difference in final equity as a sum of named causes.

Between two rows a side gains Σ units · Δprice, less what its trades cost. So the difference of two sides splits without
a remainder into what was paid (pool fees, price impact, gas), what prices did to the backtest's holdings, and what the
units that only one of them held went on to earn. Those units are booked by the cause of the trade that made them, and
earn under it until a trade takes them back. What the reports do not account for is the rest, and is shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from backtests.compare.grid import NOWHERE, Grid, Side
from bot.core.panel import Floats

CAPITAL, START = "another capital at the start", "other holdings at the start"
FEES, IMPACT, GAS = "pool fees", "price impact", "gas"
PRICES: Final = "prices of the pools"
REVISED: Final = "prices of other data"  # where the digests of the data differ
MISSED, REFUSED, TIMING = "cycles that only one had", "refused or skipped, with a reason", "traded a cycle apart"
DECISION, SIZE = "decided on other weights", "traded another size"
REST: Final = "not explained"
ORDER: Final = (CAPITAL, START, FEES, IMPACT, GAS, PRICES, REVISED, MISSED, REFUSED, TIMING, DECISION, SIZE, REST)
SAME_TARGET: Final = 0.0005  # weights closer than this are the same decision: 5 bps of the portfolio
DUST: Final = 1e-9  # of a trade: the digits of decimals in which a report is written


@dataclass(frozen=True, slots=True)
class Difference:
    """A trade that one side made otherwise than the other. Units and money are the run's less the backtest's.

    `effect`: money that those units earned or lost until the end; costs are told apart from it.
    """

    time: int
    venue: str
    run_units: float
    backtest_units: float
    money: float
    cause: str
    why: str
    effect: float


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """`causes` in money, in the order of ORDER, summing to `difference` (run less backtest, final equity)."""

    difference: float
    causes: dict[str, float]
    trades: tuple[Difference, ...]
    rows: int
    same_trades: int  # legs that both made alike, to DUST


def explain(grid: Grid) -> Explanation:
    """The causes of the difference between the two sides of a grid."""
    run, backtest = grid.run, grid.backtest
    causes = dict.fromkeys(ORDER, 0.0)
    causes[CAPITAL] = _nav(run, 0) - _nav(backtest, 0)
    causes[FEES] = float(backtest.fee[:-1].sum() - run.fee[:-1].sum())
    causes[IMPACT] = float(backtest.impact[:-1].sum() - run.impact[:-1].sum())
    causes[GAS] = float(backtest.gas[:-1].sum() - run.gas[:-1].sum())
    moved = _moves(run.prices)
    held = backtest.start + np.cumsum(backtest.traded, axis=0)
    data = [side.told.facts.get("data_digest") for side in (run, backtest)]
    causes[PRICES if data[0] == data[1] else REVISED] = float((held[:-1] * (moved - _moves(backtest.prices))).sum())
    # What a unit bought at a row is worth at the end beyond its price at that row.
    earned = np.vstack((moved[::-1].cumsum(axis=0)[::-1], np.zeros((1, moved.shape[1]))))
    causes[START] = float(((run.start - backtest.start)[1:] * earned[0, 1:]).sum())
    trades, same = [], 0
    for row, column in np.argwhere((run.traded != 0.0) | (backtest.traded != 0.0)).tolist():
        ours, theirs = float(run.traded[row, column]), float(backtest.traded[row, column])
        if abs(ours - theirs) <= DUST * max(abs(ours), abs(theirs)):
            same += 1
        if ours == theirs:
            continue
        cause, why = _cause(grid, row, column)
        effect = (ours - theirs) * float(earned[row, column])
        causes[cause] += effect
        if abs(ours - theirs) > DUST * max(abs(ours), abs(theirs)):
            money = (ours - theirs) * float(run.prices[row, column])
            trades.append(
                Difference(int(grid.times[row]), run.told.venues[column], ours, theirs, money, cause, why, effect)
            )
    difference = _equity(run) - _equity(backtest)
    causes[REST] = difference - sum(causes.values())
    return Explanation(difference, causes, tuple(trades), len(grid.times), same)


def _cause(grid: Grid, row: int, column: int) -> tuple[str, str]:
    """The cause of a trade that the sides made differently, and a sentence for a reader."""
    run, backtest = grid.run, grid.backtest
    for side, name in ((run, "the run"), (backtest, "the backtest")):
        if side.cycle[row] == NOWHERE:
            return MISSED, f"{name} had no cycle here"
    one_sided = run.traded[row, column] == 0.0 or backtest.traded[row, column] == 0.0
    if one_sided:
        idle, busy, name = (
            (run, backtest, "the run") if run.traded[row, column] == 0.0 else (backtest, run, "the backtest")
        )
        if reason := _reason(idle, row, column):
            return REFUSED, f"{name}: {reason}"
        for near in (row - 1, row + 1):
            inside = 0 <= near < len(grid.times) and busy.traded[near, column] == 0.0
            if inside and idle.traded[near, column] * busy.traded[row, column] > 0.0:
                return TIMING, f"{name} traded at the cycle {'before' if near < row else 'after'}"
    apart = abs(_target(run, row, column) - _target(backtest, row, column))
    if apart > SAME_TARGET:
        return DECISION, f"weights after the policy {apart:.2%} apart"
    return SIZE, "the same weight of another portfolio, or below the smallest trade" if one_sided else "the same weight"


def _reason(side: Side, row: int, column: int) -> str:
    """Why the side traded nothing in this venue at its cycle, if its report says so."""
    at, venue = int(side.told.times[side.cycle[row]]), side.told.venues[column]
    for time, reason in side.told.reasons:
        subject = reason.split(":")[0]
        if time == at and ":" in reason and (subject == venue or subject not in side.told.venues):
            return reason
    return ""


def _target(side: Side, row: int, column: int) -> float:
    return float(side.told.target[side.cycle[row], column])


def _nav(side: Side, row: int) -> float:
    return float(side.told.nav[side.cycle[row]])


def _equity(side: Side) -> float:
    """Net asset value at the last row, less the gas of the rows before it."""
    return _nav(side, -1) - float(side.gas[:-1].sum())


def _moves(prices: Floats) -> Floats:
    """(G - 1, N): what each price moved by to the next row; nothing where it is not known."""
    return np.nan_to_num(np.diff(prices, axis=0), nan=0.0)

"""Two runs on one time line: which cycle of one is which of the other, and what each held and traded on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backtests.compare.told import Told
from backtests.run import BUY
from bot.core.panel import Floats, Times
from bot.errors import DataError

NOWHERE = -1


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One run on the common rows: (G,) its own cycle or NOWHERE; (G, N) prices, and the rest zero where it has none."""

    told: Told
    cycle: NDArray[np.int64]
    prices: Floats
    traded: Floats  # units bought less sold
    fee: Floats  # money, the pool-fee part of the cost
    impact: Floats  # money, what is left of the cost against the price before the trade
    gas: Floats  # (G,)
    start: Floats  # (N,) units held at the first row


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Rows from the later start to the earlier end. `times` are the backtest's where it has a cycle, else the run's."""

    times: Times
    run: Side
    backtest: Side


def grid_of(run: Told, backtest: Told) -> Grid:
    """Both on one time line. A run's cycle is the backtest's nearest one, if less than half a cadence away.

    A real block is never at the bar's own second. Raises DataError where they have no venue order, money or two cycles
    in common.
    """
    if run.venues != backtest.venues or run.money != backtest.money:
        raise DataError(
            f"{run.path} and {backtest.path} are of different universes: "
            f"{', '.join(run.venues)} in {run.money}, and {', '.join(backtest.venues)} in {backtest.money}"
        )
    pairs = _matched(run.times, backtest.times)
    if len(pairs) < 2:
        raise DataError(f"{run.path} and {backtest.path} have {len(pairs)} cycles in common: two are needed")
    (run_first, first), (run_last, last) = pairs[0], pairs[-1]
    matched = dict(pairs)
    rows = [(int(backtest.times[own]), NOWHERE, own) for own in range(first, last + 1)]
    place = {own: row for row, (_, _, own) in enumerate(rows)}
    extra = []
    for cycle in range(run_first, run_last + 1):
        if cycle in matched:
            at, _, own = rows[place[matched[cycle]]]
            rows[place[matched[cycle]]] = (at, cycle, own)
        else:
            extra.append((int(run.times[cycle]), cycle, NOWHERE))
    rows = sorted(rows + extra)
    cycles = np.array(rows, dtype=np.int64)
    own_prices = [_prices(run, cycles[:, 1]), _prices(backtest, cycles[:, 2])]
    return Grid(
        cycles[:, 0],
        _side(run, cycles[:, 1], _filled(*own_prices)),
        _side(backtest, cycles[:, 2], _filled(*own_prices[::-1])),
    )


def _matched(run: Times, backtest: Times) -> list[tuple[int, int]]:
    """(run's cycle, backtest's cycle) in order, each at most once."""
    if len(run) < 2 or len(backtest) < 2:
        return []
    reach = int(min(np.median(np.diff(run)), np.median(np.diff(backtest)))) // 2
    pairs: list[tuple[int, int]] = []
    after = np.searchsorted(backtest, run)
    for cycle, place in enumerate(after.tolist()):
        at = int(run[cycle])
        around = [p for p in (place - 1, place) if 0 <= p < len(backtest)]
        near = min(around, key=lambda p: abs(int(backtest[p]) - at))
        if abs(int(backtest[near]) - at) <= reach and (not pairs or near > pairs[-1][1]):
            pairs.append((cycle, near))
    return pairs


def _prices(told: Told, cycle: NDArray[np.int64]) -> Floats:
    known = np.where(cycle[:, None] == NOWHERE, np.nan, told.prices[np.maximum(cycle, 0)])
    known[:, 0] = 1.0
    return np.asarray(known)


def _filled(own: Floats, other: Floats) -> Floats:
    """`own` prices; where a row has none, the other's move since the last row at which both were known."""
    filled = own.copy()
    for row in range(1, len(filled)):
        with np.errstate(divide="ignore", invalid="ignore"):  # a price that was written off is nothing to move from
            moved = filled[row - 1] * other[row] / other[row - 1]
        kept = np.where(np.isfinite(moved), moved, filled[row - 1])
        filled[row] = np.where(np.isfinite(filled[row]), filled[row], kept)
    return filled


def _side(told: Told, cycle: NDArray[np.int64], prices: Floats) -> Side:
    rows, columns = prices.shape
    row_of = {int(own): row for row, own in enumerate(cycle) if own != NOWHERE}
    traded, fee, impact = (np.zeros((rows, columns)) for _ in range(3))
    names = {venue: column for column, venue in enumerate(told.venues)}
    trades = told.trades
    numbers = (trades[name].to_numpy(dtype=np.float64) for name in ("money", "units", "fee"))
    own = np.searchsorted(told.times, trades["time"].to_numpy(), side="right") - 1
    for cycle_of, venue, side, money, units, pool_fee in zip(
        own, trades["venue"], trades["side"], *numbers, strict=True
    ):
        row = row_of.get(int(cycle_of))
        if row is None:
            continue
        column, sign = names[venue], 1.0 if side == BUY else -1.0
        cost = sign * (money - units * prices[row, column])
        known = min(cost, pool_fee) if np.isfinite(pool_fee) else 0.0
        traded[row, column] += sign * units
        fee[row, column] += known
        impact[row, column] += cost - known
    here = cycle != NOWHERE
    gas = np.where(here, told.gas[np.maximum(cycle, 0)], 0.0)
    first = int(cycle[np.flatnonzero(here)[0]])
    return Side(told, cycle, prices, traded, fee, impact, np.asarray(gas), told.units[first])

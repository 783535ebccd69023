"""What a cycle does to a portfolio: it is valued, and legs trade towards the policy's weights. Compiled.

Everything is written in place: a path's desk are the rows of `floats` and `whole` and the places of `purse`, so no
cycle allocates, and functions take plain arrays, which the compiled code passes on without counting references.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from backtests.kernels.pool import fit_nb
from bot.core.listing import WRITE_OFF
from bot.core.panel import Floats, Times
from bot.core.policy import rebalance_into

NONE, OBSERVE, ACT, EXITS = 0, 1, 2, 3  # at a bar: nothing, the books are read, a whole cycle, or one without entries
NO_IDLE, TOO_DEAR, NO_PRICE = 1, 2, 3  # why a venue was skipped
PARTS = 1_000_000_000.0  # the grain of a weight when it becomes money
# Rows of `floats` (13, N). A leg's numbers stand in the column of its turn, all else in that of its venue. MARKED are
# the prices at which the portfolio was valued; OWNED are the units counted anew from the legs alone.
PRICES, MARKED, UNITS, OWNED, VALUES, HELD, WANTED, WEIGHTS, CHANGE, AMOUNT, RECEIVED, VALUE, COST = range(13)
VENUE, ENTRY, SKIPPED, QUEUE, SEEN = range(5)  # rows of `whole` (5, N), likewise
# Places of `purse`. EXPECTED is what capital, prices and costs alone make of the portfolio.
IDLE, NAV, FEES, TURNOVER, EXPECTED, HIGHEST, WORST = range(7)
Flags = NDArray[np.bool_]

rebalance_nb = njit(cache=True, error_model="numpy")(rebalance_into)


class Rules(NamedTuple):
    """Policy, limits and gas as plain numbers; money in whole tokens, `window` in seconds."""

    capital: float
    band: float
    max_turnover: float
    max_venue: float
    min_idle: float
    brake: float
    window: int
    min_trade: float
    keep: float  # the least part of a quote that a fill must pay: 1 - slippage
    max_loss_bps: float
    gas_base: float  # money per cycle that trades
    gas_leg: float  # money per leg
    fees: float = 1.0  # what a leg's pool fee is multiplied by; the band of arbitrage stays
    taken: float = 0.0  # part of each quote that the fill does not pay


@njit(cache=True, error_model="numpy", no_cfunc_wrapper=True)
def listing_nb(
    times: Times, close: Floats, first: int, t: int, seen: Times, s: int, known: Flags, lost: Flags, k: int
) -> None:
    """Writes into row `k` of known and lost (K, N) who has a close in row `t`, and who has had none for `WRITE_OFF`.

    `first`: the row behind the last one that was looked at. Row `s` of `seen`: the rows of the newest closes, -1 for
    none.
    """
    for i in range(1, close.shape[1]):
        row = t
        while row >= first and close[row, i] != close[row, i]:
            row -= 1
        seen[s, i] = row if row >= first else seen[s, i]
        known[k, i] = row == t
        lost[k, i] = seen[s, i] >= 0 and times[t] - times[seen[s, i]] > WRITE_OFF


@njit(cache=True, error_model="numpy", no_cfunc_wrapper=True, forceinline=True)
def value_nb(floats: Floats, purse: Floats, lost: Flags, k: int) -> None:
    """Values the portfolio at the pools' prices, and keeps the second count of it: what prices alone have earned."""
    n = floats.shape[1]
    nav, earned = purse[IDLE], 0.0
    for i in range(1, n):
        price = 0.0 if lost[k, i] else floats[PRICES, i]
        units, owned = floats[UNITS, i], floats[OWNED, i]
        value = units * price if units > 0.0 else 0.0
        gained = owned * (price - floats[MARKED, i]) if owned > 0.0 else 0.0
        floats[VALUES, i] = value
        floats[MARKED, i] = price
        nav += value
        earned += gained
    scale = nav if nav > 0.0 else math.inf
    for i in range(1, n):
        floats[HELD, i] = floats[VALUES, i] / scale
    floats[HELD, 0] = max(0.0, purse[IDLE] / nav) if nav > 0.0 else 1.0
    purse[NAV] = nav
    purse[EXPECTED] += earned
    purse[HIGHEST] = max(purse[HIGHEST], nav)
    gap = abs(purse[EXPECTED] - nav) / purse[HIGHEST]
    if not gap <= purse[WORST]:  # also where it is no number
        purse[WORST] = gap


@njit(cache=True, error_model="numpy", no_cfunc_wrapper=True, forceinline=True)
def trade_nb(floats: Floats, whole: Times, purse: Floats, known: Flags, k: int, rules: Rules, pools: Floats) -> int:
    """How many legs the cycle trades towards WEIGHTS; units, prices and idle money are changed in place.

    `pools` charge what legs pay. Only what exits are sure to bring may be spent again. Nothing is looked for where
    the policy moved nothing, or less than the smallest trade.
    """
    n, nav = floats.shape[1], purse[NAV]
    exits, entries = 0, n
    for i in range(1, n):
        weight, value = floats[WEIGHTS, i], floats[VALUES, i]
        if not known[k, i] or (weight == floats[HELD, i] and weight > 0.0):
            continue
        change = nav * (math.floor(min(1.0, weight) * PARTS) / PARTS) - value
        floats[CHANGE, i] = change
        if change > 0.0:
            entries -= 1
            whole[QUEUE, entries] = i
        elif change < 0.0 and (weight == 0.0 or -change >= rules.min_trade):
            whole[QUEUE, exits] = i
            exits += 1
    sure, brought, sold, bought, costs, leg = 0.0, 0.0, 0.0, 0.0, 0.0, 0
    spendable = 0.0
    for turn in range(exits + n - entries):
        entry = turn >= exits
        if turn == exits:
            spendable = purse[IDLE] + sure - nav * rules.min_idle
        i = whole[QUEUE, n - 1 - (turn - exits) if entry else turn]
        price, change = floats[PRICES, i], floats[CHANGE, i]
        if entry:
            amount = min(change, max(0.0, spendable))
            if amount < rules.min_trade or amount <= 0.0:
                if change >= rules.min_trade:
                    whole[SKIPPED, i] = NO_IDLE
                continue
        elif floats[WEIGHTS, i] == 0.0:
            amount = floats[UNITS, i]
        else:
            amount = floats[UNITS, i] * (-change / floats[VALUES, i])
        amount, received, value, cost, after = fit_nb(
            pools, i, price, entry, amount, rules.max_loss_bps, rules.min_trade
        )
        if amount == 0.0:
            whole[SKIPPED, i] = TOO_DEAR
            continue
        got = received * (1.0 - rules.taken)
        if entry:
            cost += (received - got) * price
            floats[UNITS, i] += got
            spendable -= amount
            bought += amount
        else:
            cost += received - got
            floats[UNITS, i] = max(0.0, floats[UNITS, i] - amount)
            sure += received * rules.keep
            brought += got
            sold += value
        floats[PRICES, i] = after
        costs += cost
        whole[VENUE, leg], whole[ENTRY, leg] = i, 1 if entry else 0
        floats[AMOUNT, leg], floats[RECEIVED, leg] = amount, got
        floats[VALUE, leg], floats[COST, leg] = value, cost
        leg += 1
    purse[FEES] = costs
    purse[TURNOVER] = max(bought, sold) / nav if nav > 0.0 else 0.0
    purse[IDLE] = purse[IDLE] + brought - bought
    return leg


@njit(cache=True, error_model="numpy", no_cfunc_wrapper=True, forceinline=True)
def count_nb(floats: Floats, whole: Times, purse: Floats, legs: int) -> None:
    """Counts the cycle's legs a second time, from what was written down about them alone."""
    for leg in range(legs):
        i = whole[VENUE, leg]
        if whole[ENTRY, leg]:
            floats[OWNED, i] += floats[RECEIVED, leg]
        else:
            floats[OWNED, i] = max(0.0, floats[OWNED, i] - floats[AMOUNT, leg])
        purse[EXPECTED] -= floats[COST, leg]

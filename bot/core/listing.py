"""What becomes of a venue whose asset has no price any more: no trade, its last price for a while, then nothing.

A backtest's pool stands still when nobody knows a price, so whatever it would pay there is made up. The rule is the
same for a hole in the data, an asset that was delisted and one whose series just ends, because on that day nobody can
tell them apart. It looks at the past only: when a price comes back, so do value and trades. Benchmarks are held to it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from bot.core.dates import DAY, moment
from bot.core.market import Market
from bot.core.panel import Panel, Times
from bot.core.universe import Universe

WRITE_OFF: Final = 30 * DAY  # seconds without a price after which a holding is worth nothing
NO_PRICE, WRITTEN_OFF = "no price since", "written off: no price since"


def last_known(panel: Panel) -> Times:
    """(T, N): the time of the newest row, up to each, in which the venue had a price; -1 while it had none."""
    return np.maximum.accumulate(np.where(panel.listed, panel.times[:, np.newaxis], -1), axis=0)


def with_halts(market: Market, universe: Universe, known: Times, at: int) -> Market:
    """`market` with its venues halted, and worthless, where the rule says so.

    `known` (N,): a row of `last_known`, `at` its time (unix seconds). The pools stay as they are.
    """
    halted, worthless = dict(market.halted), set(market.worthless)
    for column, venue in enumerate(universe.risky, start=1):
        since = int(known[column])
        if since == at:
            continue
        if since < 0:
            halted[venue.id] = "no price yet"
        elif at - since <= WRITE_OFF:
            halted[venue.id] = f"{NO_PRICE} {moment(since)}"
        else:
            halted[venue.id] = f"{WRITTEN_OFF} {moment(since)}"
            worthless.add(venue.id)
    if len(halted) == len(market.halted):
        return market
    return replace(market, halted=halted, worthless=frozenset(worthless))

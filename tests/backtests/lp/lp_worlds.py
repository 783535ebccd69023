"""Small generated pools for the provider's tests, played by the plain Python machine."""

from __future__ import annotations

from typing import Any

import numpy as np

from backtests.lp.config import CostsConfig
from backtests.lp.counterfactual import Calls, Player
from backtests.lp.engine import Setup
from backtests.lp.made_log import MadeMarket, made_log
from backtests.lp.path import recorded_path
from backtests.lp.replay import EXACT_IN, EXACT_OUT, TO_LIMIT
from backtests.lp.result import Market
from bot.core.amm.events import Disagreement, Kind, apply_snapshot_event, quote_by_snapshot, swap_call
from bot.core.amm.pool_state import PoolState
from bot.pool_log import PoolLog

DOLLAR = 10**6
COSTS: dict[str, Any] = {"gas_price": "5 gwei", "native_price": "3000 USDC"}


def python_calls(log: PoolLog) -> Calls:
    """The calls behind a log, by the mirror: the reference of the compiled ones."""
    machine = PoolState(log.facts.fee_pips, log.facts.tick_spacing)
    style, zero_for_one = np.zeros(len(log), dtype=np.int8), np.zeros(len(log), dtype=np.bool_)
    for row, event in enumerate(log.events()):
        if event.kind is Kind.SWAP:
            call = swap_call(machine, event, quote_by_snapshot)
            assert not isinstance(call, Disagreement)
            zero_for_one[row], amount, limit = call
            style[row] = TO_LIMIT if limit is not None else EXACT_IN if amount > 0 else EXACT_OUT
            machine.swap(*call, event.time)
        else:
            assert apply_snapshot_event(machine, event) is None
    return Calls(style, zero_for_one)


def python_player(log: PoolLog, calls: Calls, arbitrage: bool) -> Player:
    return Player(log, calls, PoolState(log.facts.fee_pips, log.facts.tick_spacing), arbitrage)


def market_of(log: PoolLog, quote: int = 1) -> Market:
    facts = log.facts
    symbols, decimals = (facts.token0.symbol, facts.token1.symbol), (facts.token0.decimals, facts.token1.decimals)
    return Market("a pool", symbols, decimals, quote, facts.fee_pips, facts.tick_spacing)


def setup_of(
    seed: int = 1,
    swaps: int = 600,
    capital: int = 100_000 * DOLLAR,
    quote: int = 1,
    log: PoolLog | None = None,
    every: int = 1_800,
    made: MadeMarket | None = None,
    **costs: Any,
) -> Setup:
    """Everything for a run over the whole of a generated log, or of `log`."""
    log = log if log is not None else made_log(seed, swaps, made)
    market = market_of(log, quote)
    return Setup(
        log=log,
        calls=python_calls(log),
        market=market,
        path=recorded_path(log, market),
        costs=CostsConfig(**(COSTS | costs)),
        capital=capital,
        every=every,
        since=int(log.time[0]),
        until=int(log.time[-1]),
        player=python_player,
    )

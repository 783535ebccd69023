"""A backtest file's event log as everything that a run needs: the pool's facts, the window, the capital, the calls."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from backtests.lp.compiled import calls_of
from backtests.lp.config import LpConfig, Unfit, final_second, first_second
from backtests.lp.engine import Setup
from backtests.lp.path import recorded_path
from backtests.lp.result import Market
from bot.core.amm.events import PoolFacts
from bot.core.dates import moment
from bot.pool_log import PoolLog, read_pool_log

HOUR = 3_600


def read_setup(config: LpConfig, beside: Path) -> tuple[Setup, tuple[str, ...]]:
    """(what runs share, notes for the reader) of a configuration with a log; `beside`: the folder that it is in.

    Raises DataError for a log that is malformed or that the pool machine does not reproduce to the last unit; Unfit
    where the settings do not go with it.
    """
    assert config.log is not None
    path = beside / config.log
    log = read_pool_log(path)
    market = market_of(log.facts, config)
    since, until, notes = window(config, log)
    capital = config.capital.raw(market.decimals[market.quote])
    if not capital:
        raise Unfit(
            "capital", f"less than one unit of {market.money}, which has {market.decimals[market.quote]} decimals"
        )
    calls = calls_of(log, path)
    prices = recorded_path(log, market)
    return Setup(log, calls, market, prices, config.costs, capital, config.every, since, until), notes


def market_of(facts: PoolFacts, config: LpConfig) -> Market:
    """The pool for a backtest; the quote is the token in which the capital is written. Raises Unfit."""
    symbols = (facts.token0.symbol, facts.token1.symbol)
    return Market(
        label=f"{symbols[0]}/{symbols[1]} {facts.fee_pips / 10_000:g} %",
        symbols=symbols,
        decimals=(facts.token0.decimals, facts.token1.decimals),
        quote=quote_of(symbols, config),
        fee_pips=facts.fee_pips,
        tick_spacing=facts.tick_spacing,
    )


def quote_of(symbols: tuple[str, str], config: LpConfig) -> int:
    """Which token (0, 1) everything is reckoned in. Raises Unfit."""
    if config.quote is not None:
        if symbols[config.quote] != config.capital.symbol:
            raise Unfit(
                "quote", f"token {config.quote} is {symbols[config.quote]}, but capital is in {config.capital.symbol}"
            )
        return config.quote
    meant = [token for token in (0, 1) if symbols[token] == config.capital.symbol]
    if len(meant) == 2:
        raise Unfit("quote", f"both tokens are called {symbols[0]}: write 0 or 1")
    if not meant:
        raise Unfit("capital", f"in {config.capital.symbol}, but the pool's tokens are {symbols[0]} and {symbols[1]}")
    return meant[0]


def window(config: LpConfig, log: PoolLog) -> tuple[int, int, tuple[str, ...]]:
    """(first second, last second, notes): `from` and `to`, cut to what the log covers. Raises Unfit when empty."""
    begins, ends = int(log.time[0]), int(log.time[-1])
    since, until, notes = begins, ends, []
    if config.first is not None:
        wanted = first_second(config)
        row = min(int(np.searchsorted(log.block, config.first)), len(log) - 1) if wanted is None else 0
        since = int(log.time[row]) if wanted is None else wanted
        if (wanted is None and int(config.first) > int(log.block[-1])) or since >= ends:
            raise Unfit("from", f"the log ends on {moment(ends)}, in block {int(log.block[-1])} (got {config.first})")
        if since < begins:
            since = begins
            notes.append(f"the pool began on {moment(begins)}, after `from`")
    if config.last is not None:
        wanted = final_second(config)
        row = int(np.searchsorted(log.block, config.last, side="right")) - 1 if wanted is None else 0
        until = (int(log.time[row]) if row >= 0 else begins) if wanted is None else wanted
        if until <= since:
            raise Unfit(
                "to", f"nothing is between it and {moment(since)}, when the backtest begins (got {config.last})"
            )
        if until > ends + HOUR:
            notes.append(f"the log ends on {moment(ends)}, before `to`")
        until = min(until, ends)
    if until <= since:
        raise Unfit("log", f"all of its events are within one second, on {moment(begins)}")
    return since, until, tuple(notes)

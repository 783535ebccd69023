"""A liquidity provider's backtest from minute bars: the strategies, books and metrics of the exact one, fees by share.

The strategy looks at the closes of bars, sees nothing later, and acts before the next bar. Two assumptions frame the
result, as in the exact backtest: the recorded fees are shared with us (everybody trades what he traded), or they grow
with our liquidity (arbitrage keeps the recorded prices, so a deeper pool trades more). What bars cannot show is how far
our liquidity would have held the price back: the recorded price stands in both. See `backtests.kernels.amm.bars` for
the approximation and `backtests.lp.bar_error` for its measured size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from backtests.kernels.amm.bars import Bars, accrue_nb
from backtests.lp.account import Account
from backtests.lp.bar_pool import BarPool, bars_of, owed_of, positions_of
from backtests.lp.config import CostsConfig, LpConfig, Unfit, facts_of, final_second, first_second
from backtests.lp.counterfactual import LpMachine
from backtests.lp.desk import Desk
from backtests.lp.engine import sample_times
from backtests.lp.exposure import Exposure
from backtests.lp.metrics import beside_full_range, worst_of
from backtests.lp.minutes import MINUTE, Minutes, load_minutes
from backtests.lp.path import PricePath
from backtests.lp.recorded import quote_of
from backtests.lp.result import MINUTE_BARS, LpResult, LpRun, Market
from backtests.lp.strategies import FullRange, LpStrategy
from backtests.metrics import Metric
from bot.config_venues import SPACING
from bot.core.dates import minute
from bot.core.panel import Floats, Times

MINUTE_BARS_SAME_PRICE: Final = f"{MINUTE_BARS}, same price"
MODES: Final = (MINUTE_BARS, MINUTE_BARS_SAME_PRICE)
BAR_ASSUMPTIONS: Final[Mapping[str, str]] = {
    MINUTE_BARS: "the recorded volume stays as it was, and we get our liquidity's share of its fees; the price is the "
    "recorded one",
    MINUTE_BARS_SAME_PRICE: "the volume grows with the pool, so that a unit of liquidity earns what it did without "
    "us; the price is the recorded one",
}


@dataclass(frozen=True, slots=True)
class BarSetup:
    """What runs share. capital: raw units of the quote token. every: seconds between two looks."""

    minutes: Minutes
    market: Market
    costs: CostsConfig
    capital: int
    every: int
    fee_protocol: int = 0
    bars: Bars = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "bars", bars_of(self.minutes, self.market.fee_pips, self.fee_protocol))


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Bars as a desk's rows: each is a block of its own, known at its close."""

    time: Times
    block: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class _Shared:
    market: Market
    path: PricePath
    log: _Rows
    capital: int


class _NoEvents:
    """A tally of events, of which bars have none."""

    def as_dict(self) -> dict[str, int]:
        return {}


@dataclass(slots=True)
class _BarPlayer:
    """Lives through bars where the exact backtest plays events."""

    pool: BarPool
    flow: _NoEvents = field(default_factory=_NoEvents)

    @property
    def machine(self) -> LpMachine:
        # It has all that an account and a desk use; what events do to a pool, which nobody asks of it, it has not.
        return cast(LpMachine, self.pool)

    @property
    def at(self) -> int:
        return self.pool.at

    def play(self, until: int) -> Floats:
        return self.pool.play(until)


def backtest_minutes(config: LpConfig, folder: Path) -> LpResult:
    """The backtest that a file with `minutes` asks for; file names are looked for in `folder`.

    Raises DataError for bad bars, Unfit for settings that do not go with them.
    """
    assert config.minutes is not None
    minutes = load_minutes([folder / name for name in config.minutes])
    last = final_second(config)
    minutes = minutes.window(first_second(config), None if last is None else last + 1)
    market = market_of(config)
    capital = config.capital.raw(market.decimals[market.quote])
    if not capital:
        raise Unfit("capital", f"less than one unit of {market.money}")
    setup = BarSetup(minutes, market, config.costs, capital, config.every)
    result = backtest_bars(setup, config.strategy_model)
    return replace(result, facts={**facts_of(config, market.label), **result.facts})


def market_of(config: LpConfig) -> Market:
    """The pool that the file describes. Raises Unfit where the capital is in neither of its tokens."""
    pool = config.pool
    assert pool is not None
    symbols = (pool.token0.symbol, pool.token1.symbol)
    label, decimals = f"{symbols[0]}/{symbols[1]} {pool.fee / 10_000:g} %", (pool.token0.decimals, pool.token1.decimals)
    return Market(label, symbols, decimals, quote_of(symbols, config), pool.fee, SPACING[pool.fee])


def backtest_bars(setup: BarSetup, strategy: LpStrategy, notes: tuple[str, ...] = ()) -> LpResult:
    """The strategy under both assumptions, the full range beside each. The headline is the worse one."""
    runs = [run_bars(setup, strategy, mode, notes) for mode in MODES]
    is_full = isinstance(strategy, FullRange)
    full = runs if is_full else [run_bars(setup, FullRange(), mode) for mode in MODES]
    compared = tuple(
        replace(mine, metrics=beside_full_range(mine, other)) for mine, other in zip(runs, full, strict=True)
    )
    minutes = setup.minutes
    facts = {
        "minute files": ", ".join(minutes.files),
        "minutes": f"{len(minutes):,}",
        "missing minutes": f"{int(minutes.missing.sum()):,} in {len(minutes.gaps):,} gaps",
        "first and last minute": f"{minute(int(minutes.times[0]))} to {minute(int(minutes.times[-1]))} UTC",
        "looks": f"every {setup.every} s",
        "data digest": minutes.digest,
    }
    return LpResult(compared, compared if is_full else tuple(full), worst_of(compared), facts)


def run_bars(setup: BarSetup, strategy: LpStrategy, mode: str, notes: tuple[str, ...] = ()) -> LpRun:
    """One strategy under one of `MODES`. Raises Unfit, and InvariantBroken where the books do not close."""
    minutes, market = setup.minutes, setup.market
    player = _BarPlayer(BarPool(minutes, setup.bars, market.fee_pips, market.tick_spacing, mode == MINUTE_BARS))
    closes = minutes.times + MINUTE
    path = PricePath(closes, market.price(np.asarray(1.0001 ** (minutes.close / 2.0))))
    shared = _Shared(market, path, _Rows(closes, np.arange(len(minutes))), setup.capital)
    deposited = (setup.capital, 0) if market.quote == 0 else (0, setup.capital)
    account = Account(market, player.machine, setup.costs, deposited)
    desk = Desk(shared, strategy, player, account, Exposure(market, path), deposited)
    times = sample_times(int(closes[0]), int(closes[-1]), setup.every)
    for time in times[:-1].tolist():
        desk.play(time)
        desk.sample(time)
        desk.decide(time)
    done = desk.finish(int(times[-1]), mode, (*minutes.notes(), *notes))
    return replace(done, metrics=_on_bars(done))


def sweep(bars: Bars, ranges: Sequence[tuple[int, int]], liquidities: Sequence[int], diluted: bool = True) -> Sweep:
    """What static positions would have earned, each alone in the pool, all of them in one pass over the bars."""
    positions = positions_of(list(ranges), list(liquidities))
    accrue_nb(bars, positions, 0, len(bars.volume), diluted)
    return Sweep(tuple(owed_of(positions)), tuple((positions.rows_in / len(bars.volume)).tolist()))


@dataclass(frozen=True, slots=True)
class Sweep:
    """Per position: raw units of both tokens earned, and the share of closes within its range."""

    fees: tuple[tuple[int, int], ...]
    in_range: tuple[float, ...]


def _on_bars(run: LpRun) -> dict[str, Metric]:
    """The metrics, said of bars: what traded against us within a bar is known by its fees only."""
    found = dict(run.metrics)
    fees = found["fees"].value or 0.0
    note = "traded against us: the fees over the fee rate"
    found["volume"] = Metric(fees * 1_000_000 / run.market.fee_pips, run.market.money, note)
    found["lvr_per_block"] = replace(found["lvr_per_block"], note="with a hedge at the close of each bar")
    for name in [name for name in found if name.startswith("markout")]:
        found[name] = replace(found[name], note=f"{found[name].note}; of each bar's net trade")
    return found

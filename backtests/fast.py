"""The fast rung: a strategy over its whole history in milliseconds, by compiled arrays.

What it leaves out, and the exact rungs have: noise trades, whole raw units, refusals by the risk check, and gas as the
chain counts it (here: the paper market's units, times the strategy file's gas price, or the recorded one). A cycle
trades all its legs here, however many; there the largest sixteen. Pools are seeded at the first price of the run, so
bars before the run serve features only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtests.gas import constant_gas
from backtests.kernels.cycle import ACT, EXITS, NO_IDLE, NO_PRICE, NONE, OBSERVE, TOO_DEAR, Rules
from backtests.kernels.plain import plain
from backtests.kernels.pool import Pools
from backtests.kernels.portfolio import Books, path_nb, portfolio_path
from backtests.run import BUY, SELL, TRADE_COLUMNS, Run, trades_frame
from backtests.stress import CALM, Stress
from bot.config import Config
from bot.core.dates import moment
from bot.core.mirror import seeding
from bot.core.panel import Floats, Panel
from bot.core.score import Scores, no_scores
from bot.core.strategy import equal_weight, load
from bot.core.units import BPS
from bot.core.universe import HOLD, LP, Universe, Venue
from bot.errors import DataError, InvariantBroken
from bot.paper import GAS_BASE, GAS_PER_LEG, SETTLING
from bot.replay import Schedule
from bot.settings import Settings, mirror_params

PoolsOf = Callable[[Universe, Panel, int, int, int], Pools]  # (universe, panel, first row, row behind the last, depth)
FAST: Final = "fast"
IMBALANCE: Final = 1e-9  # of the portfolio's value: float sums of many legs, and nothing else
REASONS: Final = {
    NO_IDLE: "no idle money left above the minimum",
    TOO_DEAR: "costs more than max_loss at any size",
    NO_PRICE: "no price: nothing can be traded",
}


@dataclass(frozen=True, slots=True, eq=False)
class Costs:
    """What legs pay: who makes the pools, money per unit of gas at each row of the panel (None: as the rules say), and
    how much worse than that."""

    pools: PoolsOf
    gas: Floats | None = None
    stress: Stress = CALM


def run_fast(
    settings: Settings,
    config: Config,
    panel: Panel,
    scores: Scores,
    first: int,
    last: int,
    *,
    compiled: bool = True,
    label: str = "",
    pools: PoolsOf | None = None,
    gas: Floats | None = None,
    stress: Stress = CALM,
) -> Run:
    """The run of `settings` over the bars with first <= time <= last (unix seconds), by the schedule that replay uses.

    `panel` may begin earlier, for features; `scores` has its rows. `compiled=False` interprets the same source and
    gives the same bits. `pools` makes the pools instead of `pools_of`. `gas`: money per unit of gas at each row of the
    panel, instead of the strategy file's constant. `stress`: costs that are worse than assumed. Raises DataError for a
    price that is not one, targets that are not weights, or no cycle at all, InvariantBroken when the books do not
    balance.
    """
    acts = checked_acts(settings, config, panel, first, last, scores)
    try:
        target = settings.strategy.weights(panel, scores)
    except ValueError as error:
        raise DataError(f"strategy {settings.strategy.name}: {error}") from None
    costs = Costs(pools or pools_of, gas, stress)
    name = label or settings.strategy.name
    return _run(
        settings,
        config,
        panel,
        scores,
        acts,
        target,
        rules_of(settings, config, gas is not None),
        costs,
        name,
        compiled,
    )


def buy_and_hold(
    settings: Settings,
    config: Config,
    panel: Panel,
    first: int,
    last: int,
    *,
    gas: Floats | None = None,
    stress: Stress = CALM,
) -> Run:
    """The capital split equally over what is listed at the first cycle, and never touched again.

    Entry pays pool fees and price impact as any run does, but no limit of the strategy file holds it back: it goes all
    in at once. Venues listed later are not bought. Raises DataError as `run_fast`.
    """
    acts = checked_acts(settings, config, panel, first, last)
    acts[(acts == ACT) | (acts == EXITS)] = OBSERVE
    buyable = np.flatnonzero((acts == OBSERVE) & panel.listed[:, 1:].any(axis=1))
    acts[buyable[:1]] = ACT
    rules = rules_of(settings, config, gas is not None)._replace(
        band=0.0, max_turnover=1.0, max_venue=1.0, min_idle=0.0, brake=2.0, min_trade=0.0, max_loss_bps=float(BPS)
    )
    scores = no_scores(len(panel), len(panel.venues))
    costs = Costs(pools_of, gas, stress)
    return _run(settings, config, panel, scores, acts, equal_weight(panel), rules, costs, "buy and hold")


def benchmarks(
    settings: Settings,
    config: Config,
    panel: Panel,
    first: int,
    last: int,
    *,
    gas: Floats | None = None,
    stress: Stress = CALM,
) -> tuple[Run, Run]:
    """(equal weight under the same policy, limits and costs; buy and hold): what a strategy has to beat.

    A venue of liquidity holds its token here: what the capital would have become without providing liquidity. Where a
    wide band or a large smallest trade would keep equal weight from its small shares, both are a quarter of a share.
    """
    tokens = replace(settings, universe=_as_tokens(settings.universe))
    rival = replace(_finer(tokens, config), strategy=load("equal_weight"))
    scores = no_scores(len(panel), len(panel.venues))
    same_rules = run_fast(rival, config, panel, scores, first, last, label="equal weight", gas=gas, stress=stress)
    if (rival.policy, rival.limits) != (tokens.policy, tokens.limits):
        note = "band and smallest trade at most a quarter of an equal share: else it would stay idle"
        same_rules = replace(same_rules, notes=(note, *same_rules.notes))
    return same_rules, buy_and_hold(tokens, config, panel, first, last, gas=gas, stress=stress)


def _finer(settings: Settings, config: Config) -> Settings:
    """With a band and a smallest trade that let equal weight fill three quarters of each share at least.

    Otherwise whoever widens his band has a rival that holds nothing, and any share of a rising market beats it.
    """
    policy, limits = settings.policy, settings.limits
    quarter = 0.25 / max(1, len(settings.universe) - 1)
    least = int(config.capital.raw(settings.universe.money.decimals) * quarter * policy.max_turnover)
    limits = replace(limits, min_trade=min(limits.min_trade, least))
    return replace(settings, policy=replace(policy, band=min(policy.band, quarter)), limits=limits)


def _as_tokens(universe: Universe) -> Universe:
    held = (replace(venue, kind=HOLD, width_bps=0) if venue.kind == LP else venue for venue in universe.venues)
    return replace(universe, venues=tuple(held))


def cycle_bars(schedule: Schedule) -> NDArray[np.int8]:
    """(T,) ACT on the rows of the schedule's cycles, NONE elsewhere. Raises DataError when there is no cycle."""
    times, rows = schedule.panel.times, schedule.rows
    acts = np.full(len(times), NONE, dtype=np.int8)
    since = times[rows.start : rows.stop] - times[rows.start : rows.start + 1]
    acts[rows.start : rows.stop] = np.where(since % schedule.every == 0, ACT, NONE)
    if not acts.any():
        known = f"bars from {moment(int(times[0]))} to {moment(int(times[-1]))}" if len(times) else "no bars at all"
        raise DataError(f"no bar between {moment(schedule.first)} and {moment(schedule.last)}; the data has {known}")
    return acts


def check_prices(panel: Panel, start: int, stop: int) -> None:
    """Raises DataError naming asset and time of the first close in rows start..stop that is no price.

    NaN means not listed and is legal everywhere but for idle, whose price is 1.
    """
    close = panel.close[start:stop]
    bad = np.isinf(close) | (close <= 0.0)
    bad[:, 0] = close[:, 0] != 1.0
    if bad.any():
        row, column = (int(found[0]) for found in np.nonzero(bad))
        rule = "the price of idle is 1" if column == 0 else "a price is a finite number above zero"
        where = f"{panel.venues[column]}: close at {moment(int(panel.times[start + row]))}"
        raise DataError(f"{where}: {rule} (got {close[row, column]})")


def pools_of(universe: Universe, panel: Panel, start: int, stop: int, depth: int) -> Pools:
    """The pools as the made market seeds them, each at its first close in rows start..stop. `depth`: raw money."""
    facts = np.zeros((5, len(universe)))
    for column, venue in enumerate(universe.risky, start=1):
        known = np.flatnonzero(panel.listed[start:stop, column])
        if not known.size:
            continue
        price = float(panel.close[start + known[0], column])
        try:
            facts[:, column] = _pool(venue, universe.money.decimals, price, depth)
        except (ValueError, ZeroDivisionError) as error:
            raise DataError(f"{venue.id}: no pool can be made at a price of {price:g}: {error}") from None
    return Pools(*facts)


def checked_acts(
    settings: Settings, config: Config, panel: Panel, first: int, last: int, scores: Scores | None = None
) -> NDArray[np.int8]:
    """What happens at each row, once universe, schedule and prices are known to be sound.

    Where the newest bar of any venue is older than `max_staleness`, or `scores` have drifted, entries are closed as
    they are live.
    """
    universe = settings.universe
    for venue in universe.risky:
        if venue.kind == LP:
            raise DataError(f"venues.{venue.id}: {LP} runs on the replay rung only: use --rung replay")
    if panel.venues != universe.ids:
        raise DataError(f"the panel's venues are {', '.join(panel.venues)}, the universe's {', '.join(universe.ids)}")
    acts = cycle_bars(Schedule(panel, first, last, config.every))
    check_prices(panel, *span_of(acts))
    stale = panel.times + SETTLING - panel.newest > settings.limits.max_staleness
    drifted = scores.drifted if scores is not None else np.zeros(len(panel), dtype=bool)
    acts[(acts == ACT) & (stale | drifted)] = EXITS
    return acts


def span_of(acts: NDArray[np.int8]) -> tuple[int, int]:
    """Rows from the first cycle to behind the last."""
    due = np.flatnonzero(acts)
    return int(due[0]), int(due[-1]) + 1


def _pool(venue: Venue, money_decimals: int, price: float, depth: int) -> tuple[float, float, float, float, float]:
    """(fee, full liquidity, wide liquidity, low, high): the seeding's integers in human units."""
    full, wide = seeding(venue, money_decimals, price, depth).positions
    tokens = venue.token.decimals
    scale = 10.0 ** ((tokens + money_decimals) / 2)
    shift = 10.0 ** ((tokens - money_decimals) / 2)
    ticks = wide[:2] if venue.base_is_token0 else (-wide[1], -wide[0])
    low, high = (1.0001 ** (tick / 2) * shift for tick in ticks)
    return venue.fee_pips / 1_000_000, full[2] / scale, wide[2] / scale, low, high


def rules_of(settings: Settings, config: Config, recorded_gas: bool = False) -> Rules:
    """The strategy file's numbers as the kernel reads them; gas in units of gas where its price is recorded."""
    policy, limits = settings.policy, settings.limits
    one = 10.0**settings.universe.money.decimals
    unit = 1.0 if recorded_gas else constant_gas(config.costs)
    return Rules(
        capital=float(config.capital),
        band=policy.band,
        max_turnover=policy.max_turnover,
        max_venue=policy.max_venue,
        min_idle=policy.min_idle,
        brake=policy.drawdown_brake,
        window=policy.drawdown_window,
        min_trade=limits.min_trade / one,
        keep=1.0 - limits.slippage_bps / BPS,
        max_loss_bps=float(limits.max_loss_bps),
        gas_base=GAS_BASE * unit,
        gas_leg=GAS_PER_LEG * unit,
    )


def _run(
    settings: Settings,
    config: Config,
    panel: Panel,
    scores: Scores,
    acts: NDArray[np.int8],
    target: Floats,
    rules: Rules,
    costs: Costs,
    label: str,
    compiled: bool = True,
) -> Run:
    universe = settings.universe
    start, stop = span_of(acts)
    pools = costs.pools(universe, panel, start, stop, mirror_params(config).depth)
    rules = costs.stress.of_rules(rules, settings.limits, pools)
    pools = costs.stress.of_pools(pools)
    # Copies: read-only arrays would be another type to the compiler, and compiled anew.
    books = portfolio_path(
        panel.times[start:stop].copy(),
        np.array(panel.close[start:stop], order="C"),
        acts[start:stop].copy(),
        np.array(target[start:stop], order="C"),
        pools,
        rules,
        None if compiled else plain(path_nb),
    )
    if not books.imbalance <= IMBALANCE:
        raise InvariantBroken(
            f"{label}: capital, prices and costs leave {books.imbalance:.1e} of the value unexplained"
        )
    cycles = start + np.flatnonzero(acts[start:stop])
    notes = []
    if costs.gas is None and (config.costs.gas_series or config.costs.native_asset):
        notes.append("gas at the strategy file's constant: recorded prices were not given to this run")
    never = [venue for i, venue in enumerate(panel.venues) if not panel.listed[start:stop, i].any()]
    if never:
        notes.append(f"never listed in this window: {', '.join(never)}")
    return Run(
        label=label,
        rung=FAST,
        venues=universe.ids,
        money=universe.money.symbol,
        times=panel.times[cycles],
        nav=books.nav,
        gas=books.gas if costs.gas is None else books.gas * costs.gas[cycles],
        fees=books.fees,
        turnover=books.turnover,
        held=books.held,
        target=books.weights,
        prices=books.prices,
        trades=_trades(books, panel, cycles, scores, pools.fee * rules.fees),
        notes=tuple(notes),
        reasons=tuple(
            (int(panel.times[cycles[k]]), f"{panel.venues[i]}: {REASONS[int(books.skipped[k, i])]}")
            for k, i in np.argwhere(books.skipped)
        ),
    )


def _trades(books: Books, panel: Panel, cycles: NDArray[np.intp], scores: Scores, fees: Floats) -> pd.DataFrame:
    cycle, venue, entry = books.leg_cycle, books.leg_venue, books.leg_entry
    amount, received = books.leg_amount, books.leg_received
    money, units = np.where(entry, amount, received), np.where(entry, received, amount)
    if not len(cycle):
        return trades_frame(())
    frame = pd.DataFrame(
        {
            "time": panel.times[cycles[cycle]],
            "venue": np.array(panel.venues, dtype=object)[venue],
            "side": np.where(entry, BUY, SELL).astype(object),
            "money": money,
            "units": units,
            "price": money / units,
            "cost": books.leg_cost,
            "fee": books.leg_value * fees[venue],
            "cost_bps": books.leg_cost / books.leg_value * BPS,
            "score": scores.expected[cycles[cycle], venue],
        }
    )
    return frame[list(TRADE_COLUMNS)]

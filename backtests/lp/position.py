"""A position that somebody really held, beside what other ranges would have made of the same money in the same time.

The pool's log is replayed and verified; the position is then taken out of it and put back as ours, where it must be
paid what the chain paid it, to the unit. In the same emptied log other ranges are tried, with the tokens of the first
deposit, from the end of its block on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Final

import numpy as np

from backtests.lp.account import Account
from backtests.lp.compiled import calls_of, compiled_player
from backtests.lp.config import CostsConfig, Unfit
from backtests.lp.desk import Desk
from backtests.lp.engine import MODES, MakePlayer, Setup, sample_times
from backtests.lp.exposure import Exposure
from backtests.lp.metrics import beside_full_range, worst_of
from backtests.lp.path import recorded_path
from backtests.lp.relived import Lived, live_again, rows_of, taken_out
from backtests.lp.result import SAME_PRICE, LpResult, LpRun, Market
from backtests.lp.strategies import Decision, FullRange, LpStrategy, Provide, View, aligned, around, usable
from bot.core.amm.events import Kind
from bot.core.amm.held_position import HeldPosition, Pair, quote_of, worth
from bot.errors import DataError
from bot.pool_log import PoolLog

LOOKS: Final = 500  # at most so far apart that a short life has as many looks
HOUR: Final = 3_600


class FixedTicks(LpStrategy):
    """One range of ticks, set once."""

    name: ClassVar[str] = "fixed"
    lower: int
    upper: int

    def decide(self, view: View) -> Decision:
        return None if view.held else Provide(self.lower, self.upper, reason="start")


class FollowingTicks(LpStrategy):
    """A range of `half` ticks on either side of the price, set anew when the price has left it."""

    name: ClassVar[str] = "following"
    half: int

    def decide(self, view: View) -> Decision:
        fresh = around(view.tick, self.half, view.tick_spacing)
        if view.held is None:
            return Provide(*fresh, reason="start")
        if view.held[0] <= view.tick < view.held[1] or fresh == view.held:
            return None
        return Provide(*fresh, reason="out of range")


class Untouched(LpStrategy):
    """The tokens as they are, outside the pool."""

    name: ClassVar[str] = "untouched"
    provides: ClassVar[bool] = False

    def decide(self, view: View) -> Decision:
        return None


@dataclass(frozen=True, slots=True, eq=False)
class Alternative:
    """One use of the money, under each assumption of the engine. `ticks`: its range, None where it moves or has none.

    `worst` is the run that counts, the one with the lower net profit.
    """

    name: str
    ticks: Pair | None
    runs: tuple[LpRun, ...]

    @property
    def worst(self) -> LpRun:
        return self.runs[worst_of(self.runs)]


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """A position and its alternatives over since..until (unix seconds), `capital` in raw units of the quote token."""

    held: HeldPosition
    lived: Lived
    market: Market
    since: int
    until: int
    deposited: Pair
    capital: int
    alternatives: tuple[Alternative, ...]
    notes: tuple[str, ...]

    @property
    def result(self) -> LpResult:
        """The position's own range beside the full range, as a backtest: what the report is written from."""
        own = next(each for each in self.alternatives if each.name == "your range")
        wide = next((each for each in self.alternatives if each.name == "full range"), own)
        runs = tuple(
            replace(mine, metrics=beside_full_range(mine, full)) for mine, full in zip(own.runs, wide.runs, strict=True)
        )
        facts = {
            "title": f"position {self.held.token_id} in {self.market.label}",
            "pool": self.held.facts.pool,
            "chain_id": self.held.facts.chain_id,
            "ticks": f"{self.held.lower} to {self.held.upper}",
            "notes": list(self.notes),
        }
        return LpResult(runs, runs if wide is own else wide.runs, worst_of(runs), facts)


def compare(held: HeldPosition, log: PoolLog, name: object = "log", player: MakePlayer = compiled_player) -> Comparison:
    """The position beside half and twice its width, the full range, one that follows the price, and no pool at all.

    `name` of the log is for errors. Raises DataError when the log is of another pool, ends before the position begins,
    is not reproduced by the pool machine, or does not say of the position what the chain says.
    """
    calls = calls_of(log, name)
    rows = rows_of(held, log, name)
    lived = live_again(held, log, calls, rows, name, player)
    emptied, left, _ = taken_out(log, calls, rows)
    market, first = _market(held), held.history[0]
    deposited = (first.amount0, first.amount1)
    since, ends = first.time, int(log.time[-1])
    until = ends if held.closed is None else min(held.closed, ends)
    if until <= since:
        raise DataError(f"{name}: nothing happens in it after position {held.token_id} was opened: fetch it again")
    path = recorded_path(log, market)
    capital = worth(deposited, _price_at(log, since), market.quote)
    if not capital:
        raise DataError(f"position {held.token_id}: its first deposit is worth less than one unit of {market.money}")
    swaps = {"swap": "external", "swap_cost": f"{held.facts.fee_pips / 100:g} bps"}
    costs = CostsConfig.model_validate({"gas_price": "0 gwei"} | swaps)
    every = max(1, min(HOUR, (until - since) // LOOKS))
    setup = Setup(emptied, left, market, path, costs, capital, every, since, until, player)
    notes = list(_notes(held, log, lived))
    alternatives = []
    for label, strategy in _choices(held):
        try:
            runs = tuple(_run(setup, strategy, mode, deposited, label) for mode in MODES)
        except Unfit as unfit:
            notes.append(f"{label} is left out: {unfit.problem}")
            continue
        ticks = (runs[0].ranges[0].lower, runs[0].ranges[0].upper) if len(runs[0].ranges) == 1 else None
        alternatives.append(Alternative(label, None if isinstance(strategy, FollowingTicks) else ticks, runs))
    if not any(each.name == "your range" for each in alternatives):
        raise DataError(f"position {held.token_id}: its first deposit cannot be put back into the pool: {notes[-1]}")
    return Comparison(held, lived, market, since, until, deposited, capital, tuple(alternatives), tuple(notes))


def _choices(held: HeldPosition) -> list[tuple[str, LpStrategy]]:
    """Labels and strategies, each range once."""
    spacing = held.facts.tick_spacing
    middle, half = (held.lower + held.upper) / 2, (held.upper - held.lower) / 2
    widest = usable(spacing)
    ranges = {(held.lower, held.upper): "your range"}
    for label, factor in (("half the width", 0.5), ("twice the width", 2.0)):
        ranges.setdefault(aligned(middle - half * factor, middle + half * factor, spacing), label)
    if (held.lower, held.upper) != widest:
        ranges.pop(widest, None)  # the full range under another name
    fixed: list[tuple[str, LpStrategy]] = [
        (label, FixedTicks(lower=lower, upper=upper)) for (lower, upper), label in ranges.items()
    ]
    if widest not in ranges:
        fixed.append(("full range", FullRange()))
    if (held.lower, held.upper) != widest:
        fixed.append(("following the price", FollowingTicks(half=int(half))))
    return [*fixed, ("held, no pool", Untouched())]


def _notes(held: HeldPosition, log: PoolLog, lived: Lived) -> Sequence[str]:
    notes = []
    if not lived.to_the_unit:
        notes.append(f"the log ends with block {lived.block}, before the chain's {held.block}")
    if lived.slack:
        notes.append(
            "the manager holds other positions in this very range: the pool rounds for all of them together, "
            f"so up to {lived.slack} raw units are not told apart"
        )
    changes = [event for event in held.history[1:] if event.liquidity and event.block <= log.last_block]
    if any(event.kind is Kind.MINT for event in changes) or (changes and held.closed is None) or len(changes) > 1:
        notes.append("compared is the first deposit, left alone: later deposits and withdrawals are not in the table")
    return notes


def _run(setup: Setup, strategy: LpStrategy, mode: str, deposited: Pair, label: str) -> LpRun:
    """A run of the engine whose wallet begins with both tokens."""
    player = setup.player(setup.log, setup.calls, mode == SAME_PRICE)
    account = Account(setup.market, player.machine, setup.costs, deposited)
    desk = Desk(setup, strategy, player, account, Exposure(setup.market, setup.path), deposited)
    times = sample_times(setup.since, setup.until, setup.every)
    for time in times[:-1].tolist():
        desk.play(time)
        desk.sample(time)
        desk.decide(time)
    return replace(desk.finish(int(times[-1]), mode, ()), label=label)


def _market(held: HeldPosition) -> Market:
    facts = held.facts
    return Market(
        label=f"{facts.token0.symbol}/{facts.token1.symbol} {facts.fee_pips / 10_000:g} %",
        symbols=(facts.token0.symbol, facts.token1.symbol),
        decimals=(facts.token0.decimals, facts.token1.decimals),
        quote=quote_of(facts),
        fee_pips=facts.fee_pips,
        tick_spacing=facts.tick_spacing,
    )


def _price_at(log: PoolLog, time: int) -> int:
    """The recorded square root price after everything up to `time`."""
    rows = int(np.searchsorted(log.time, time, side="right"))
    priced = np.flatnonzero(np.isin(log.kind[:rows], (Kind.INITIALIZE, Kind.SWAP)))
    return log.event(int(priced[-1])).sqrt_price_x96

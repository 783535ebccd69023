"""One run's desk: where the recorded events, the strategy and the account meet, one look after the other.

At each sample time t every event of blocks up to t has happened; the strategy sees that and no more, and what it
decides is done between blocks, before the next event.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from backtests.lp.account import Account, CannotEnter
from backtests.lp.config import Unfit
from backtests.lp.counterfactual import LpMachine
from backtests.lp.exposure import Exposure, shape_of
from backtests.lp.metrics import Trades, lp_metrics
from backtests.lp.path import PricePath
from backtests.lp.result import LpRun, Market, Pair, Series
from backtests.lp.strategies import LpStrategy, Provide, View
from bot.core.fixedpoint import Q96
from bot.core.panel import Floats, Times


class Rows(Protocol):
    """Recorded rows in order of time: events, or bars."""

    @property
    def time(self) -> Times: ...
    @property
    def block(self) -> NDArray[np.int64]: ...


class Tally(Protocol):
    def as_dict(self) -> dict[str, int]: ...


class Plays(Protocol):
    """Moves a machine on through recorded rows. `at`: the next row; `flow`: counts of what became of them."""

    @property
    def machine(self) -> LpMachine: ...
    @property
    def at(self) -> int: ...
    @property
    def flow(self) -> Tally: ...
    def play(self, until: int) -> Floats:
        """Square root prices (not scaled) of the pool after each of the rows from `at` to until - 1."""


class Shared(Protocol):
    """What a desk needs to know of its backtest. capital: raw units of the quote token."""

    @property
    def market(self) -> Market: ...
    @property
    def path(self) -> PricePath: ...
    @property
    def log(self) -> Rows: ...
    @property
    def capital(self) -> int: ...


@dataclass(slots=True)
class Desk:
    """A run under way. `kept`: the first deposit, left alone; `acted`: when the strategy last did something."""

    setup: Shared
    strategy: LpStrategy
    player: Plays
    account: Account
    exposure: Exposure
    kept: Pair
    acted: int | None = None
    first_entry: bool = True
    shares: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    samples: list[dict[str, float]] = field(default_factory=list)
    now: int = 0

    def play(self, time: int) -> None:
        """All events up to `time`, our position lived through them."""
        log, player, held = self.setup.log, self.player, self.account.position
        rows = slice(player.at, int(np.searchsorted(log.time, time, side="right")))
        before = player.machine.sqrt_price_x96 / Q96
        roots = player.play(rows.stop)
        if held is not None:
            ends = _ends_of_blocks(log.block, rows)
            shape = shape_of(held.lower, held.upper, held.liquidity)
            self.exposure.add(shape, self.now, time, rows, before, roots, ends)
        self.now = time

    def sample(self, time: int) -> None:
        market, account, machine = self.setup.market, self.account, self.player.machine
        inside, owed = account.holdings()
        earned = (account.fees[0] + owed[0], account.fees[1] + owed[1])
        price = float(self.setup.path.at(np.array([time]))[0])
        owned = (inside[0] + owed[0] + account.wallet[0], inside[1] + owed[1] + account.wallet[1])
        held = account.position
        working = held is not None and held.lower <= machine.tick < held.upper
        if held is not None and working:
            self.shares.append(held.liquidity / machine.liquidity)
        fees, amounts, idle = (_whole(market, raw) for raw in (earned, inside, account.wallet))
        gas = account.gas_paid()
        self.samples.append(
            {
                "time": time,
                "price": price,
                "pool_price": float(market.price(np.array([machine.sqrt_price_x96 / Q96]))[0]),
                "tick": machine.tick,
                "value": market.worth(_whole(market, owned), price) - gas,
                "hold": market.worth(_whole(market, self.kept), price),
                "fees0": fees[0],
                "fees1": fees[1],
                "amount0": amounts[0],
                "amount1": amounts[1],
                "idle0": idle[0],
                "idle1": idle[1],
                "in_range": working,
                "gas": gas,
                "swap_costs": account.swap_costs,
                "lvr": self.exposure.lvr,
            }
        )

    def decide(self, time: int) -> None:
        """Asks the strategy, and does what it says."""
        setup, account = self.setup, self.account
        held = account.position
        view = View(
            time=time,
            tick=self.player.machine.tick,
            tick_spacing=setup.market.tick_spacing,
            quote=setup.market.quote,
            held=(held.lower, held.upper) if held else None,
            since=self.acted,
            price_to_tick=setup.market.tick_of,
            volatility=lambda lookback: setup.path.volatility(time, lookback),
        )
        try:
            wanted = self.strategy.decide(view)
        except ValueError as error:
            raise Unfit("strategy.params", str(error)) from None
        if wanted is None:
            return
        if held is not None:
            account.leave(time, wanted.reason)
        if isinstance(wanted, Provide):
            self._enter(wanted, time)
        else:
            account.convert(wanted.base_share, time, wanted.reason)
            self._keep((0, 0), time)

    def finish(self, time: int, mode: str, notes: tuple[str, ...]) -> LpRun:
        """Plays on to the end, gets out, closes the books."""
        setup, account, market = self.setup, self.account, self.setup.market
        self.play(time)
        self.sample(time)
        if account.position is not None:
            before = account.gas_paid()
            account.leave(time, "end")
            exit_gas = account.gas_paid() - before
            self.samples[-1]["value"] -= exit_gas
            self.samples[-1]["gas"] += exit_gas
        if self.strategy.provides and not account.ranges:
            raise Unfit("strategy", f"no position could ever be opened: {self.failures[0]}")
        series = _series(self.samples)
        capital = market.whole(setup.capital, market.quote)
        late = (f"{len(self.failures)} times no position could be opened: {self.failures[0]}",) if self.failures else ()
        exposure = self.exposure
        trades = Trades(
            volume=exposure.volume,
            inside=exposure.inside,
            share=sum(self.shares) / len(self.shares) if self.shares else None,
            lvr_per_look=exposure.lvr_per_look,
            markouts={name: (gained, exposure.unknown[name]) for name, gained in exposure.markouts.items()},
        )
        return LpRun(
            label=label_of(self.strategy),
            mode=mode,
            market=market,
            capital=capital,
            series=series,
            ranges=tuple(account.ranges),
            actions=tuple(account.actions),
            metrics=lp_metrics(market, capital, series, account.actions, trades),
            books=account.books(),
            flow=self.player.flow.as_dict(),
            notes=(*notes, *late),
        )

    def _enter(self, wanted: Provide, time: int) -> None:
        account = self.account
        paid = account.minted
        try:
            account.enter(wanted.lower, wanted.upper, time, wanted.reason)
        except CannotEnter as refusal:
            self.failures.append(str(refusal))
            return
        except ValueError as error:  # liquidity above uint128, or above what one tick may carry
            raise Unfit("capital", f"too large for {wanted.lower}..{wanted.upper}: {error}") from None
        self._keep((account.minted[0] - paid[0], account.minted[1] - paid[1]), time)

    def _keep(self, minted: Pair, time: int) -> None:
        self.acted = time
        if self.first_entry:
            wallet = self.account.wallet
            self.kept, self.first_entry = (wallet[0] + minted[0], wallet[1] + minted[1]), False


def label_of(strategy: LpStrategy) -> str:
    """The strategy's name with the parameters that were set, such as ``recentre width=1000``."""
    given = strategy.model_dump(exclude_unset=True)
    return " ".join([strategy.name, *(f"{name}={value}" for name, value in given.items())])


def _whole(market: Market, raw: Pair) -> tuple[float, float]:
    return market.whole(raw[0], 0), market.whole(raw[1], 1)


def _series(samples: list[dict[str, float]]) -> Series:
    whole: dict[str, Any] = {"time": np.int64, "tick": np.int64, "in_range": np.bool_}
    names = [each.name for each in fields(Series)]
    return Series(**{name: np.array([row[name] for row in samples], whole.get(name, np.float64)) for name in names})


def _ends_of_blocks(block: NDArray[np.int64], rows: slice) -> NDArray[np.intp]:
    """Which of the rows, counted from the first, are the last of their block."""
    blocks = block[rows]
    return np.flatnonzero(np.append(blocks[1:] != blocks[:-1], len(blocks) > 0)[: len(blocks)])

"""A recorded log played into a pool that differs from the recorded one: with our liquidity in it.

What the traders asked for is taken from the log by replaying it once, verified to the last unit (`compiled`). Then the
same calls are made in the changed pool:

- same amounts: an exact input sends the recorded input, an exact output asks for the recorded output, and a swap that
  ended at its price limit goes to the same limit, or is left out where the price is beyond it already. Mints, burns and
  everything else are made as recorded.
- same price: as above, and after the last event of each block that has a swap an arbitrageur compares the pool with the
  price P that the block left in the record. Paying the pool's fee f and nothing else, he gains by buying while the
  price is below P * (1 - f) and by selling while it is above P / (1 - f), so he trades it to the nearer end and
  does nothing in between.

Without liquidity of ours both reproduce the log exactly.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from backtests.kernels.amm.events import EXACT_IN, EXACT_OUT, TO_LIMIT
from bot.core.amm.concentrated import Pool
from bot.core.amm.events import Kind, PoolEvent, PoolMachine
from bot.core.amm.reverts import PoolReverted
from bot.core.amm.swap_math import PIPS
from bot.core.amm.tick_math import MAX_SQRT_RATIO, MIN_SQRT_RATIO
from bot.core.fixedpoint import INT256_MAX, Q128
from bot.core.panel import Floats
from bot.pool_log import PoolLog

Q96_FLOAT: Final = float(1 << 96)


class TickLike(Protocol):
    @property
    def net(self) -> int: ...


class LpMachine(PoolMachine, Protocol):
    """A pool machine with what a provider in it needs to know."""

    @property
    def fee_pips(self) -> int: ...
    @property
    def tick_spacing(self) -> int: ...
    def initialized_ticks(self) -> tuple[int, ...]: ...
    def tick_info(self, tick: int) -> TickLike: ...
    def fees_owed(self, owner: str, lower: int, upper: int) -> tuple[int, int]: ...


@dataclass(frozen=True, slots=True)
class Calls:
    """What the traders of a log asked for, per row: `style` (EXACT_IN, EXACT_OUT, TO_LIMIT) and direction of swaps."""

    style: NDArray[np.int8]
    zero_for_one: NDArray[np.bool_]

    def rows(self, kept: NDArray[np.intp]) -> Calls:
        """Only these rows."""
        return Calls(self.style[kept], self.zero_for_one[kept])


@dataclass(slots=True)
class Flow:
    """Counts of what became of the events. `refused`: the pool with us in it would not take them."""

    swaps: int = 0
    refused: int = 0
    arbitrages: int = 0

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


@dataclass(slots=True)
class Player:
    """Plays a log's rows into one machine, in order: the reference of `compiled.CompiledPlayer`, for any machine.

    `arbitrage`: whether the price is the recorded one (see above).
    """

    log: PoolLog
    calls: Calls
    machine: LpMachine
    arbitrage: bool
    flow: Flow = field(default_factory=Flow)
    at: int = 0

    def play(self, until: int) -> Floats:
        """Square root prices (not scaled) of the pool after each of the rows from the last stop to until - 1."""
        roots = np.empty(until - self.at)
        recorded = 0  # the price that the block's last swap left in the record
        machine, block = self.machine, self.log.block
        for index, event in enumerate(self.log.events(self.at, until)):
            row = self.at + index
            if event.kind is Kind.SWAP:
                recorded = event.sqrt_price_x96
                self._swap(event, row)
            else:
                self._other(event)
            if row + 1 == len(self.log) or block[row + 1] != block[row]:
                if self.arbitrage and recorded:
                    self._arbitrage(recorded, event.time)
                recorded = 0
            roots[index] = machine.sqrt_price_x96 / Q96_FLOAT
        self.at = until
        return roots

    def _swap(self, event: PoolEvent, row: int) -> None:
        style = int(self.calls.style[row])
        limit = event.sqrt_price_x96 if style == TO_LIMIT else None
        chosen = INT256_MAX if style == TO_LIMIT else 0
        if style == EXACT_IN:
            chosen = max(event.amount0, event.amount1)
        elif style == EXACT_OUT:
            chosen = min(event.amount0, event.amount1)
        try:
            self.machine.swap(bool(self.calls.zero_for_one[row]), chosen, limit, event.time)
            self.flow.swaps += 1
        except PoolReverted:  # the price is beyond the trader's limit, or at the end of all prices
            self.flow.refused += 1

    def _other(self, event: PoolEvent) -> None:
        machine, place = self.machine, (event.owner, event.lower, event.upper)
        try:
            if event.kind is Kind.INITIALIZE:
                machine.initialize(event.sqrt_price_x96, event.time)
            elif event.kind is Kind.MINT:
                machine.mint(*place, event.liquidity, event.time)
            elif event.kind is Kind.BURN:
                machine.burn(*place, event.liquidity, event.time)
            elif event.kind is Kind.COLLECT:
                machine.collect(*place, event.amount0, event.amount1)
            elif event.kind is Kind.FLASH:
                machine.flash(event.amount0, event.amount1)
            elif event.kind is Kind.SET_FEE_PROTOCOL:
                machine.set_fee_protocol(event.amount0, event.amount1)
            elif event.kind is Kind.COLLECT_PROTOCOL:
                machine.collect_protocol(event.amount0, event.amount1)
            else:
                machine.increase_observation_cardinality_next(event.amount1)
        except PoolReverted:  # no room on a tick beside us, or nothing in range to lend
            self.flow.refused += 1

    def _arbitrage(self, recorded: int, time: int) -> None:
        low, high = no_arbitrage_band(recorded, self.machine.fee_pips)
        price = self.machine.sqrt_price_x96
        if low <= price <= high:
            return
        self.machine.swap(price > high, INT256_MAX, high if price > high else low, time)
        self.flow.arbitrages += 1


def roots_of_fee(fee_pips: int) -> tuple[int, int]:
    """(sqrt(1 - f) rounded down, 1 / sqrt(1 - f) rounded up), both times 2^128."""
    left = PIPS - fee_pips
    return math.isqrt(left * Q128 * Q128 // PIPS), math.isqrt((PIPS * Q128 * Q128 - 1) // left) + 1


def no_arbitrage_band(sqrt_price_x96: int, fee_pips: int) -> tuple[int, int]:
    """Square root prices (low, high) between which nobody gains by trading a pool against an outer price.

    sqrt(P (1 - f)) rounded down and sqrt(P / (1 - f)) rounded up, cut to the legal prices.
    """
    down, up = roots_of_fee(fee_pips)
    low, high = sqrt_price_x96 * down >> 128, -(-sqrt_price_x96 * up >> 128)
    return max(low, MIN_SQRT_RATIO + 1), min(high, MAX_SQRT_RATIO - 1)


def snapshot(machine: LpMachine) -> Pool:
    """The machine as an immutable pool to try swaps on."""
    ticks = tuple((tick, machine.tick_info(tick).net) for tick in machine.initialized_ticks())
    return Pool(machine.sqrt_price_x96, machine.tick, machine.liquidity, machine.fee_pips, machine.tick_spacing, ticks)

"""A generated log of one pool: a random walk, arbitrage that follows it, noise trades, liquidity that comes and goes.

The numbers are those of a pool machine that really made each call, so a generated log replays to the last unit. The
economics are plain: a reference price without drift, arbitrageurs who trade the pool to the edge of its fee band, and
uninformed traders who pay the fees. Deterministic in its seed.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from bot.core.amm.events import Kind, PoolEvent, PoolFacts, PoolMachine
from bot.core.amm.liquidity_math import liquidity_for_amounts
from bot.core.amm.pool_state import PoolState
from bot.core.amm.tick_math import MAX_TICK, MIN_TICK, tick_at_sqrt_ratio
from bot.core.fixedpoint import INT256_MAX, UINT128_MAX, price_to_sqrt_x96
from bot.core.units import Token
from bot.pool_log import PoolLog, pool_log_of

_YEAR: Final = 365 * 86_400
_DOLLAR: Final = 10**6  # raw units of token1
_FIRST_BLOCK: Final = 1_000_000
_WIDTHS: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)  # half a range, as a fraction of the price
ETHER: Final = Token(31_337, "0x" + "0e" * 20, "WETH", 18)
DOLLAR: Final = Token(31_337, "0x" + "d0" * 20, "USDC", 6)


class MadeMachine(PoolMachine, Protocol):
    """A machine that can be tried out on a copy, as `PoolState` and `ExactPool` can."""

    def copy(self) -> MadeMachine: ...


@dataclass(frozen=True, slots=True)
class MadeMarket:
    """What a generated market is like. Prices in whole dollars per whole ether, sizes in whole dollars."""

    fee_pips: int = 3_000
    tick_spacing: int = 60
    price: float = 3_000.0
    volatility: float = 0.8  # per root year
    block_seconds: int = 12
    active_blocks: float = 0.4  # share of blocks with a trade in this pool
    full_range: int = 2_000_000  # dollars of token1 in the position that never leaves
    providers: int = 24  # positions beside it, about
    provider_size: int = 150_000  # median dollars of token1
    trade_size: int = 1_000  # median dollars
    liquidity_actions: float = 0.02  # per active block
    start: int = 1_700_000_000  # unix seconds


def made_log(
    seed: int,
    swaps: int,
    market: MadeMarket | None = None,
    machine: Callable[[int, int], MadeMachine] = PoolState,
) -> PoolLog:
    """The log of a pool with so many swaps. `machine` (fee pips, spacing) makes the pool whose numbers it holds."""
    return made(seed, swaps, market, machine)[0]


def made(
    seed: int,
    swaps: int,
    market: MadeMarket | None = None,
    machine: Callable[[int, int], MadeMachine] = PoolState,
) -> tuple[PoolLog, MadeMachine]:
    """The log and the machine as it is after the last event."""
    chosen = market or MadeMarket()
    maker = _Maker(chosen, random.Random(f"made log {seed}"), machine(chosen.fee_pips, chosen.tick_spacing))
    maker.open()
    while maker.swaps < swaps:
        maker.next_block(swaps)
    pool = "0x" + f"{seed % (1 << 160):040x}"
    facts = PoolFacts(ETHER.chain_id, pool, ETHER, DOLLAR, chosen.fee_pips, chosen.tick_spacing)
    return pool_log_of(facts, maker.events, name=f"made log {seed}"), maker.pool


@dataclass(slots=True)
class _Maker:
    market: MadeMarket
    draw: random.Random
    pool: MadeMachine
    events: list[PoolEvent] = field(default_factory=list)
    swaps: int = 0
    block: int = _FIRST_BLOCK
    log_index: int = 0
    reference: float = 0.0
    held: list[tuple[str, int, int, int]] = field(default_factory=list)  # owner, lower, upper, liquidity

    @property
    def time(self) -> int:
        return self.market.start + (self.block - _FIRST_BLOCK) * self.market.block_seconds

    def open(self) -> None:
        """The pool's first block: a price, room for observations, and the first positions."""
        self.reference = self.market.price
        price = price_to_sqrt_x96(self.reference, ETHER.decimals, DOLLAR.decimals, base_is_token0=True)
        tick = self.pool.initialize(price, self.time)
        self._tell(Kind.INITIALIZE, sqrt_price_x96=price, tick=tick)
        before = self.pool.observation_cardinality_next
        self.pool.increase_observation_cardinality_next(120)
        self._tell(Kind.INCREASE_OBSERVATION_CARDINALITY_NEXT, amount0=before, amount1=120)
        spacing = self.market.tick_spacing
        lower, upper = -(-MIN_TICK // spacing) * spacing, MAX_TICK // spacing * spacing
        self._mint(_owner(0), lower, upper, self.market.full_range * _DOLLAR)
        for _ in range(self.market.providers):
            self._new_position()

    def next_block(self, swaps: int) -> None:
        """The next block with something in it: arbitrage if it pays, noise trades, now and then liquidity."""
        draw, market = self.draw, self.market
        gap = 1 + int(math.log(1.0 - draw.random()) / math.log(1.0 - market.active_blocks))
        self.block, self.log_index = self.block + gap, draw.randrange(40)
        step = market.volatility * math.sqrt(gap * market.block_seconds / _YEAR)
        self.reference *= math.exp(draw.gauss(-step * step / 2, step))
        self._arbitrage()
        for _ in range(1 + (draw.random() < 0.3)):
            if self.swaps < swaps:
                self._noise()
        if draw.random() < market.liquidity_actions:
            self._change_liquidity()
        if draw.random() < 0.004:
            self._change_settings()

    def _arbitrage(self) -> None:
        fee = self.market.fee_pips / 1_000_000
        price = self.pool.sqrt_price_x96
        high = _root(self.reference / (1 - fee))
        low = _root(self.reference * (1 - fee))
        if low <= price <= high:
            return
        down, edge = price > high, high if price > high else low
        if self.draw.random() < 0.2:
            self._swap(down, INT256_MAX, edge)
        else:  # most know beforehand what it takes
            paid = max(self.pool.copy().swap(down, INT256_MAX, edge, self.time))
            self._swap(down, paid, None)

    def _noise(self) -> None:
        draw, price = self.draw, self.pool.sqrt_price_x96
        dollars = int(self.market.trade_size * _DOLLAR * draw.lognormvariate(0.0, 1.2)) + 1
        ether = (dollars << 192) // (price * price) + 1
        zero_for_one, style = draw.random() < 0.5, draw.random()
        bearable = price * 4 // 5 if zero_for_one else price * 6 // 5  # nobody trades further than that
        if style < 0.8:
            self._swap(zero_for_one, ether if zero_for_one else dollars, bearable)
        elif style < 0.95:
            self._swap(zero_for_one, -dollars if zero_for_one else -ether, bearable)
        else:  # more than it takes to move the price by a tenth of a thousandth
            limit = price * (19_999 if zero_for_one else 20_001) // 20_000
            self._swap(zero_for_one, 1_000 * (ether if zero_for_one else dollars), limit)

    def _swap(self, zero_for_one: bool, amount: int, limit: int | None) -> None:
        pool = self.pool
        amount0, amount1 = pool.swap(zero_for_one, amount, limit, self.time)
        self.swaps += 1
        self._tell(
            Kind.SWAP,
            amount0=amount0,
            amount1=amount1,
            sqrt_price_x96=pool.sqrt_price_x96,
            liquidity=pool.liquidity,
            tick=pool.tick,
        )

    def _change_liquidity(self) -> None:
        """A provider leaves, shrinks, pokes or comes; the number of positions stays about the same."""
        draw = self.draw
        if len(self.held) < self.market.providers or draw.random() < 0.35:
            self._new_position()
            return
        chosen = draw.randrange(len(self.held))
        owner, lower, upper, liquidity = self.held[chosen]
        style = draw.random()
        gone = liquidity if style < 0.4 else liquidity * draw.randrange(1, 90) // 100 if style < 0.7 else 0
        returned = self.pool.burn(owner, lower, upper, gone, self.time)
        place = (owner, lower, upper)
        self._tell(Kind.BURN, *place, gone, *returned)
        if draw.random() < 0.9:
            paid = self.pool.collect(owner, lower, upper, UINT128_MAX, UINT128_MAX)
            self._tell(Kind.COLLECT, *place, 0, *paid)
        if gone == liquidity:
            self.held.pop(chosen)
        else:
            self.held[chosen] = (owner, lower, upper, liquidity - gone)

    def _new_position(self) -> None:
        draw, spacing = self.draw, self.market.tick_spacing
        width = draw.choice(_WIDTHS)
        ends = [tick_at_sqrt_ratio(_root(self.reference * (1 + sign * width))) for sign in (-1, 1)]
        lower = ends[0] // spacing * spacing
        upper = max(-(-ends[1] // spacing), lower // spacing + 1) * spacing
        dollars = int(self.market.provider_size * _DOLLAR * draw.lognormvariate(0.0, 1.0)) + _DOLLAR
        owner = _owner(1 + draw.randrange(4 * self.market.providers))
        liquidity = self._mint(owner, lower, upper, dollars)
        if not liquidity:
            return
        for index, (other, low, high, had) in enumerate(self.held):
            if (other, low, high) == (owner, lower, upper):
                self.held[index] = (owner, lower, upper, had + liquidity)
                return
        self.held.append((owner, lower, upper, liquidity))

    def _mint(self, owner: str, lower: int, upper: int, dollars: int) -> int:
        """Liquidity that so much of token1 pays for, minted; 0 when the range is no longer at the price."""
        price = self.pool.sqrt_price_x96
        if not lower <= self.pool.tick < upper:
            return 0
        liquidity = liquidity_for_amounts(price, lower, upper, UINT128_MAX, dollars)
        paid = self.pool.mint(owner, lower, upper, liquidity, self.time)
        place = (owner, lower, upper)
        self._tell(Kind.MINT, *place, liquidity, *paid)
        return liquidity

    def _change_settings(self) -> None:
        draw, pool = self.draw, self.pool
        style = draw.random()
        if style < 0.4:
            paid = draw.randrange(10**15), draw.randrange(3 * _DOLLAR)
            pool.flash(*paid)
            self._tell(Kind.FLASH, amount0=paid[0], amount1=paid[1])
        elif style < 0.7:
            shares = draw.choice((0, 4, 6, 10)), draw.choice((0, 4, 5, 10))
            pool.set_fee_protocol(*shares)
            self._tell(Kind.SET_FEE_PROTOCOL, amount0=shares[0], amount1=shares[1])
        else:
            taken = pool.collect_protocol(UINT128_MAX, UINT128_MAX)
            self._tell(Kind.COLLECT_PROTOCOL, amount0=taken[0], amount1=taken[1])

    def _tell(
        self,
        kind: Kind,
        owner: str = "",
        lower: int = 0,
        upper: int = 0,
        liquidity: int = 0,
        amount0: int = 0,
        amount1: int = 0,
        sqrt_price_x96: int = 0,
        tick: int = 0,
    ) -> None:
        self.log_index += 1 + self.draw.randrange(6)
        self.events.append(
            PoolEvent(
                kind,
                self.block,
                self.log_index,
                self.time,
                owner,
                lower,
                upper,
                liquidity,
                amount0,
                amount1,
                sqrt_price_x96,
                tick,
            )
        )


def _owner(number: int) -> str:
    return f"0x{0xA11CE:020x}{number:020x}"


def _root(price: float) -> int:
    return price_to_sqrt_x96(price, ETHER.decimals, DOLLAR.decimals, base_is_token0=True)

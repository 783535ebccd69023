"""Random operations on a pool: legal ones that move it and illegal ones that it must refuse.

One generator serves the seeded runs (volume) and Hypothesis (shrinking): it draws from any `Random` and looks
at a machine that follows along, so that amounts, ranges and limits are near what the pool holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any, Final

from bot.core.amm.pool_state import PoolState
from bot.core.amm.reverts import PoolReverted
from bot.core.amm.tick_math import (
    MAX_SQRT_RATIO,
    MAX_TICK,
    MIN_SQRT_RATIO,
    MIN_TICK,
    sqrt_ratio_at_tick,
)
from bot.core.fixedpoint import INT256_MAX, Q96, UINT128_MAX, UINT160_MAX

SHAPES: Final = ((500, 10), (3000, 60), (10000, 200), (100, 1), (50, 2), (0, 10), (999_999, 60), (30_000, 16_383))
"""Fee in pips and tick spacing: the factory's tiers, the later 0.01 % tier, and corners that a factory allows."""
OWNERS: Final = tuple(f"0x{index:040x}" for index in (0xA11CE, 0xB0B, 0xCA401))
SIZES: Final = {"dust": (0, 12), "ordinary": (20, 90), "large": (60, 127), "extreme": (0, 128)}
"""Binary orders of magnitude of liquidity."""

KINDS: Final = {
    "swap": 46,
    "mint": 17,
    "burn": 10,
    "collect": 7,
    "poke": 5,
    "flash": 4,
    "observe": 4,
    "snapshot": 3,
    "set_fee_protocol": 2,
    "collect_protocol": 2,
    "grow": 2,
    "initialize": 1,
}
"""Kinds of operations, the methods of `Generator`, and how often of about a hundred each is drawn."""

_DRAWN: Final = [kind for kind, weight in KINDS.items() for _ in range(weight)]
_WIDEST: Final = (1 << 23) - 1  # of an int24
_POSITIONS: Final = 24
_WORDS_OF_A_WALK: Final = 12


@dataclass(frozen=True, slots=True)
class Operation:
    """One call of the interface that all machines share."""

    name: str
    arguments: tuple[Any, ...]

    def __str__(self) -> str:
        return f"{self.name}{self.arguments}"


def answer(machine: Any, operation: Operation) -> Any:
    """What a machine returns for an operation, or the Revert with which it refuses."""
    try:
        return getattr(machine, operation.name)(*operation.arguments)
    except PoolReverted as refused:
        return refused.revert


class Generator:
    """Operations for one pool, after a leader that has executed every one before."""

    def __init__(self, rnd: Random, leader: PoolState, tick_spacing: int) -> None:
        self.rnd, self.leader, self.spacing = rnd, leader, tick_spacing
        self.first = -(-MIN_TICK // tick_spacing) * tick_spacing
        self.last = MAX_TICK // tick_spacing * tick_spacing
        self.size = rnd.choice(("ordinary", "ordinary", "ordinary", "large", "extreme", "dust"))
        self.now = rnd.choice((1, 1_620_000_000, 1_750_000_000, (1 << 32) - 4_000, (5 << 32) + 7))
        self.positions: list[tuple[str, int, int]] = []
        """Every position that a mint was tried for."""

    def next(self) -> Operation:
        """The next operation; while the pool has no price mostly its initialisation."""
        if self.leader.sqrt_price_x96 == 0 and self.rnd.random() < 0.8:
            return self.initialize()
        return self.make(self.rnd.choice(_DRAWN))

    def make(self, kind: str) -> Operation:
        """An operation of one kind, see KINDS."""
        made: Operation = getattr(self, kind)()
        return made

    def initialize(self) -> Operation:
        rnd = self.rnd
        price = sqrt_ratio_at_tick(rnd.randint(-120_000, 120_000))
        kind = rnd.random()
        if kind < 0.45:
            price += rnd.randint(0, price >> 15)
        elif kind < 0.6:
            tick = rnd.choice((self.first, self.last, MIN_TICK, MAX_TICK - 1)) + rnd.randint(-1, 1) * self.spacing
            price = sqrt_ratio_at_tick(min(max(tick, MIN_TICK), MAX_TICK))
        elif kind < 0.66:
            price = rnd.choice((MIN_SQRT_RATIO, MIN_SQRT_RATIO + 1, MAX_SQRT_RATIO - 1))
        elif kind < 0.7:
            price = rnd.choice((0, 1, MIN_SQRT_RATIO - 1, MAX_SQRT_RATIO, UINT160_MAX))
        return Operation("initialize", (price, self._time()))

    def mint(self) -> Operation:
        rnd = self.rnd
        crowded = len(self.positions) >= _POSITIONS
        if self.positions and (crowded or rnd.random() < 0.35):
            position = rnd.choice(self.positions)
        else:
            position = (rnd.choice(OWNERS), *self._range())
            if position not in self.positions:
                self.positions.append(position)
        return Operation("mint", (*position, self._liquidity(), self._time()))

    def burn(self) -> Operation:
        position = self._position()
        held = self.leader.position(*position).liquidity
        kind = self.rnd.random()
        if kind < 0.4:
            liquidity = held
        elif kind < 0.9:
            liquidity = self.rnd.randint(0, held)
        else:
            liquidity = self.rnd.choice((held + 1, held * 2 + 1, UINT128_MAX, 1 << 127, 1))
        return Operation("burn", (*position, min(liquidity, UINT128_MAX), self._time()))

    def poke(self) -> Operation:
        return Operation("burn", (*self._position(), 0, self._time()))

    def collect(self) -> Operation:
        position = self._position()
        requests = [self._request(owed) for owed in self.leader.position(*position).owed]
        return Operation("collect", (*position, *requests))

    def swap(self) -> Operation:
        rnd = self.rnd
        zero_for_one = rnd.random() < 0.5
        limit = self._limit(zero_for_one)
        amount = self._amount(zero_for_one) if limit is None or rnd.random() < 0.5 else self._any_amount()
        return Operation("swap", (zero_for_one, amount, limit, self._time()))

    def flash(self) -> Operation:
        top = 250 if self.size == "extreme" and self.rnd.random() < 0.1 else 100
        paid = [0 if self.rnd.random() < 0.25 else self._bits(0, top) for _ in range(2)]
        return Operation("flash", tuple(paid))

    def set_fee_protocol(self) -> Operation:
        legal = (0, 0, 4, 5, 6, 7, 8, 9, 10)
        pair = [self.rnd.choice((1, 3, 11, 16, 255) if self.rnd.random() < 0.08 else legal) for _ in range(2)]
        return Operation("set_fee_protocol", tuple(pair))

    def collect_protocol(self) -> Operation:
        return Operation("collect_protocol", tuple([self._request(fees) for fees in self.leader.protocol_fees]))

    def grow(self) -> Operation:
        rnd = self.rnd
        near = self.leader.observation_cardinality_next + rnd.randint(-1, 4)
        return Operation("increase_observation_cardinality_next", (rnd.choice((0, 1, max(near, 0), max(near, 0))),))

    def observe(self) -> Operation:
        return Operation("observe", (tuple([self._age() for _ in range(self.rnd.randint(0, 3))]), self._time()))

    def snapshot(self) -> Operation:
        lower, upper = self._range() if self.rnd.random() < 0.25 else self._position()[1:]
        return Operation("snapshot_cumulatives_inside", (lower, upper, self._time()))

    def _time(self) -> int:
        """The time of the block: most operations share one with others, some are ages apart."""
        kind = self.rnd.random()
        if kind < 0.45:
            step = self.rnd.choice((1, 12, 12, 13, 600, 86_400))
        elif kind < 0.455:
            step = self.rnd.choice((1 << 31, (1 << 32) - 1, 1 << 32, (1 << 32) + 5, 3_000_000_000))
        else:
            step = 0
        self.now += step
        return self.now

    def _bits(self, lowest: int, highest: int) -> int:
        """A number with a random count of bits."""
        return self.rnd.getrandbits(256) % (1 << self.rnd.randint(lowest, highest)) + 1

    def _liquidity(self) -> int:
        rnd = self.rnd
        if rnd.random() < 0.04:
            limit = self.leader.max_liquidity_per_tick
            return rnd.choice((0, 1, limit, limit + 1, limit // 2, 1 << 127, (1 << 127) - 1, UINT128_MAX))
        return min(self._bits(*SIZES[self.size]), self.leader.max_liquidity_per_tick // 3 + 1)

    def _range(self) -> tuple[int, int]:
        """Ticks of a position: mostly around the price, sometimes the ends, sometimes what is not allowed."""
        rnd, spacing, kind = self.rnd, self.spacing, self.rnd.random()
        if kind < 0.12:
            return self.first, self.last
        if kind < 0.16:
            return rnd.choice(((self.first, self.first + spacing), (self.last - spacing, self.last)))
        if kind < 0.2:
            tick = rnd.randint(-_WIDEST, _WIDEST)
            ends = (self.first, self.first - spacing, MIN_TICK, MIN_TICK - 1, self.last, self.last + spacing, tick)
            return rnd.choice(ends), rnd.choice((*ends, MAX_TICK, MAX_TICK + 1))
        here = self.leader.tick // spacing
        reach = rnd.choice((2, 2, 20, 300))
        if kind < 0.25:  # at the end of a word of the bitmap
            here = (here >> 8 << 8) + rnd.choice((0, 255, 256))
        lower = min(max((here + rnd.randint(-reach, reach // 2)) * spacing, self.first), self.last - spacing)
        return lower, min(lower + rnd.randint(1, reach) * spacing, self.last)

    def _position(self) -> tuple[str, int, int]:
        if self.positions and self.rnd.random() < 0.97:
            return self.rnd.choice(self.positions)
        return (self.rnd.choice(OWNERS), *self._range())

    def _request(self, owed: int) -> int:
        return self.rnd.choice((UINT128_MAX, owed, owed // 2, max(owed - 1, 0), 0, self._bits(0, 128) - 1))

    def _amount(self, zero_for_one: bool) -> int:
        """An exact input or output that moves the price of the active liquidity by a millionth to a twentieth."""
        rnd, liquidity, price = self.rnd, self.leader.liquidity, self.leader.sqrt_price_x96
        exact_in = rnd.random() < 0.6
        moved = liquidity >> rnd.randint(5, 22)
        amount = moved * Q96 // max(price, 1) if zero_for_one == exact_in else moved * price // Q96
        return max(amount, rnd.randint(1, 1000)) * (1 if exact_in else -1)

    def _any_amount(self) -> int:
        rnd = self.rnd
        if rnd.random() < 0.1:
            return rnd.choice((0, 1, -1, INT256_MAX, -INT256_MAX, -INT256_MAX - 1, 1 << 160, -(1 << 128)))
        return min(self._bits(0, 255 if rnd.random() < 0.1 else 128), INT256_MAX) * rnd.choice((1, -1))

    def _limit(self, zero_for_one: bool) -> int | None:
        """A price limit. Walks stay short, for a walk through empty words costs the EVM dearly."""
        rnd, here, way = self.rnd, self.leader.tick, -1 if zero_for_one else 1
        kind, words_left = rnd.random(), self._words_left(zero_for_one)
        if kind < 0.05:
            price = self.leader.sqrt_price_x96
            return rnd.choice((0, 1, MIN_SQRT_RATIO, MAX_SQRT_RATIO, UINT160_MAX, price, price + 1, max(price - 1, 0)))
        if kind < 0.25 and (words_left <= _WORDS_OF_A_WALK or rnd.random() < 0.5 / words_left):
            return None if rnd.random() < 0.5 else (MIN_SQRT_RATIO + 1 if zero_for_one else MAX_SQRT_RATIO - 1)
        span = _WORDS_OF_A_WALK * 256 * self.spacing
        if kind < 0.5:  # exactly where liquidity starts or ends, or next to it
            ahead = [tick for tick in self.leader.initialized_ticks() if 0 <= (tick - here) * way <= span]
            tick = rnd.choice(ahead) if ahead else here + way
        elif kind < 0.55:
            tick = ((here // self.spacing >> 8) + way) * 256 * self.spacing
        else:
            tick = here + way * (self._bits(0, span.bit_length() - 1) % span + 1)
        price = sqrt_ratio_at_tick(min(max(tick, MIN_TICK), MAX_TICK)) + rnd.choice((0, 0, 0, 1, -1, way))
        return min(max(price, MIN_SQRT_RATIO + 1), MAX_SQRT_RATIO - 1)

    def _words_left(self, zero_for_one: bool) -> int:
        """Words of the bitmap between the price and the end of all prices."""
        distance = self.leader.tick - MIN_TICK if zero_for_one else MAX_TICK - self.leader.tick
        return distance // (256 * self.spacing) + 1

    def _age(self) -> int:
        """Seconds to look back: to an observation, between two, to the oldest, beyond it."""
        rnd = self.rnd
        index = rnd.randrange(max(self.leader.observation_cardinality, 1))
        since = (self.now - self.leader.observation(index).time) % (1 << 32)
        age = rnd.choice((0, since, since, since + 1, since - 1, rnd.randint(0, since), rnd.getrandbits(32)))
        return min(max(age, 0), (1 << 32) - 1)

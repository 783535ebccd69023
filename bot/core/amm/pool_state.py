"""A whole concentrated liquidity pool as a mutable machine: every call of the contract, in exact integers.

Written from the whitepaper (sections 5 and 6) and held to the real pool bytecode by the parity tests. Each
method is one call of the pool contract: the same numbers come back, the same state stays behind, and where
the contract reverts, PoolReverted says why and nothing has changed. Amounts are raw token units, prices
Q64.96, fee growth Q128.128, fees in pips, times block timestamps in seconds (kept modulo 2^32).

What the contract lets wrap around wraps here too: fee growth modulo 2^256, what a position or the protocol is
owed modulo 2^128, the oracle's cumulatives at their widths. An argument that does not fit the contract's type
cannot be said to the contract at all and is a plain ValueError. Token balances are not kept, so a call that
only fails because a token is not paid or not there goes well here.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Final

from bot.core.amm.concentrated import Pool
from bot.core.amm.liquidity_math import amounts_for_liquidity, max_liquidity_per_tick
from bot.core.amm.oracle import UINT32_MASK, Observation, Observations
from bot.core.amm.positions import NO_POSITION, PositionInfo, credited, touched
from bot.core.amm.reverts import PoolReverted, Revert
from bot.core.amm.swap_math import PIPS
from bot.core.amm.tick_math import MAX_SQRT_RATIO, MIN_SQRT_RATIO, tick_at_sqrt_ratio
from bot.core.amm.tick_table import Moment, TickInfo, TickTable, cumulatives_inside, growth_inside, require_ticks
from bot.core.amm.walk import legal_limit, walk
from bot.core.fixedpoint import INT256_MAX, UINT128_MAX, UINT256_MAX

__all__ = ["Observation", "PoolState", "PositionInfo", "TickInfo"]

_INT128_MAX: Final = (1 << 127) - 1
_UINT16_MAX: Final = (1 << 16) - 1
_FEE_DENOMINATORS: Final = frozenset({0, 4, 5, 6, 7, 8, 9, 10})  # the protocol takes nothing, or 1/4 .. 1/10


@dataclass(slots=True)
class PoolState:
    """One pool's whole state. A new one waits for `initialize`, as a pool does that the factory just made.

    Owners are opaque strings, told apart as they are written. Two pools are equal when their whole state is.
    Attributes are to be read, not written; pairs are (token0, token1). Raises ValueError for a fee or a tick
    spacing that the factory refuses.

    sqrt_price_x96: 0 before `initialize`. tick: the price's; one less where a falling price ended on an
    initialised tick or the end of a word. liquidity: of the positions in range. fee_growth_global: per unit of
    liquidity, times 2^128. protocol_fees: what the protocol may collect. fee_protocol: denominators of its part
    of the fees, 0 for none.
    """

    fee_pips: int
    tick_spacing: int
    sqrt_price_x96: int = field(default=0, init=False)
    tick: int = field(default=0, init=False)
    liquidity: int = field(default=0, init=False)
    fee_growth_global: tuple[int, int] = field(default=(0, 0), init=False)
    protocol_fees: tuple[int, int] = field(default=(0, 0), init=False)
    fee_protocol: tuple[int, int] = field(default=(0, 0), init=False)
    _ticks: TickTable = field(init=False)
    _positions: dict[tuple[str, int, int], PositionInfo] = field(default_factory=dict, init=False)
    _observations: Observations = field(default_factory=Observations, init=False)

    def __post_init__(self) -> None:
        if not 0 <= self.fee_pips < PIPS:
            raise ValueError(f"a fee must be within 0..{PIPS - 1} pips (got {self.fee_pips})")
        if not 0 < self.tick_spacing < 16384:
            raise ValueError(f"a tick spacing must be within 1..16383 (got {self.tick_spacing})")
        self._ticks = TickTable(self.tick_spacing)

    def copy(self) -> PoolState:
        """An independent pool in the same state, to try things on."""
        other = copy(self)
        other._ticks, other._positions = self._ticks.copy(), self._positions.copy()
        other._observations = self._observations.copy()
        return other

    # What anyone may call

    def initialize(self, sqrt_price_x96: int, time: int) -> int:
        """The tick of the first price. PoolReverted AI the second time, R outside the legal prices."""
        if self.sqrt_price_x96:
            raise PoolReverted(Revert.AI, "it has a price already")
        if not MIN_SQRT_RATIO <= sqrt_price_x96 < MAX_SQRT_RATIO:
            raise PoolReverted(Revert.R, f"no pool can have the square root price {sqrt_price_x96}")
        self.sqrt_price_x96 = sqrt_price_x96
        self.tick = tick_at_sqrt_ratio(sqrt_price_x96)
        self._observations.initialize(time)
        return self.tick

    def mint(self, owner: str, lower: int, upper: int, liquidity: int, time: int) -> tuple[int, int]:
        """(amount0, amount1) that adding liquidity to a position costs, rounded up.

        PoolReverted LOK, TLU, TLM, TUM, LO, or without a reason for a liquidity of 0 or from 2^127 on and for
        ticks off the spacing.
        """
        self._require_unlocked()
        _require_uint128(liquidity)
        if not 0 < liquidity <= _INT128_MAX:
            raise PoolReverted(Revert.NO_REASON, f"a mint of liquidity {liquidity}")
        self._change_position(owner, lower, upper, liquidity, time)
        return amounts_for_liquidity(self.sqrt_price_x96, lower, upper, liquidity, round_up=True)

    def burn(self, owner: str, lower: int, upper: int, liquidity: int, time: int) -> tuple[int, int]:
        """(amount0, amount1) credited for liquidity taken out, rounded down; `collect` pays them.

        liquidity 0 only credits the fees earned (a poke). PoolReverted LOK, TLU, TLM, TUM, LS for more than is
        there, NP for a poke at nothing, or without a reason from 2^127 on.
        """
        self._require_unlocked()
        _require_uint128(liquidity)
        if liquidity > _INT128_MAX:
            raise PoolReverted(Revert.NO_REASON, f"a burn of liquidity {liquidity}")
        self._change_position(owner, lower, upper, -liquidity, time)
        if not liquidity:
            return 0, 0
        returned = amounts_for_liquidity(self.sqrt_price_x96, lower, upper, liquidity, round_up=False)
        if any(returned):
            position = self._positions[owner, lower, upper]
            self._positions[owner, lower, upper] = replace(position, owed=credited(position.owed, returned))
        return returned

    def collect(self, owner: str, lower: int, upper: int, requested0: int, requested1: int) -> tuple[int, int]:
        """(amount0, amount1) paid out of what the position is owed: what was asked for, at most all."""
        self._require_unlocked()
        _require_uint128(requested0, requested1)
        position = self.position(owner, lower, upper)
        paid = min(requested0, position.owed[0]), min(requested1, position.owed[1])
        if any(paid):
            owed = position.owed[0] - paid[0], position.owed[1] - paid[1]
            self._positions[owner, lower, upper] = replace(position, owed=owed)
        return paid

    def swap(
        self, zero_for_one: bool, amount_specified: int, sqrt_price_limit_x96: int | None, time: int
    ) -> tuple[int, int]:
        """(amount0, amount1) of a swap, positive when the pool received.

        zero_for_one: token0 in, the price falls. amount_specified > 0: exact input, fee included; < 0: exact
        output. Ends early at the limit (None: the widest legal one). PoolReverted AS, LOK or SPL.
        """
        if not amount_specified:
            raise PoolReverted(Revert.AS, "an amount of zero")
        self._require_unlocked()
        if not -INT256_MAX - 1 <= amount_specified <= INT256_MAX:
            raise ValueError(f"a swap's amount must be an int256 (got {amount_specified})")
        limit = legal_limit(self.sqrt_price_x96, zero_for_one, sqrt_price_limit_x96)
        side = 0 if zero_for_one else 1
        denominator, growth = self.fee_protocol[side], self.fee_growth_global[side]
        other = self.fee_growth_global[1 - side]
        price, tick, liquidity = self.sqrt_price_x96, self.tick, self.liquidity
        paid = received = protocol_part = 0
        crossings: list[tuple[int, int]] = []  # initialised tick, fee growth of the input token at the crossing
        ticks, spacing = self._ticks.nets, self.tick_spacing
        steps = walk(ticks, price, tick, liquidity, spacing, self.fee_pips, zero_for_one, amount_specified, limit)
        for price, tick, liquidity, active, amount_in, amount_out, fee, crossed in steps:  # noqa: B007 the last counts
            paid += amount_in + fee
            received += amount_out
            if denominator:
                part = fee // denominator
                fee -= part
                protocol_part += part
            if active:
                growth += (fee << 128) // active
            if crossed:
                crossings.append((tick + 1 if zero_for_one else tick, growth))

        growth &= UINT256_MAX
        if crossings:
            moment = self._moment(time)  # the swap's start: within one second nothing ages
            for stop, reached in crossings:
                self._ticks.cross(stop, (reached, other) if zero_for_one else (other, reached), moment)
        if tick != self.tick:
            self._observations.write(time, self.tick, self.liquidity)
        self.sqrt_price_x96, self.tick, self.liquidity = price, tick, liquidity
        if zero_for_one:
            self.fee_growth_global = growth, other
            self.protocol_fees = credited(self.protocol_fees, (protocol_part, 0))
            return paid, -received
        self.fee_growth_global = other, growth
        self.protocol_fees = credited(self.protocol_fees, (0, protocol_part))
        return -received, paid

    def flash(self, paid0: int, paid1: int) -> None:
        """Shares out what a flash loan paid above its principal.

        PoolReverted LOK, L without active liquidity, or without a reason when a fee growth leaves uint256.
        """
        self._require_unlocked()
        fees = paid0, paid1
        if not 0 <= min(fees) <= max(fees) <= UINT256_MAX:
            raise ValueError(f"a flash fee must be a uint256 (got {paid0}, {paid1})")
        if not self.liquidity:
            raise PoolReverted(Revert.L, "no liquidity to share a flash fee")
        parts = [fee // of if of else 0 for fee, of in zip(fees, self.fee_protocol, strict=True)]
        gains = [(fee - part << 128) // self.liquidity for fee, part in zip(fees, parts, strict=True)]
        if max(gains) > UINT256_MAX:
            raise PoolReverted(Revert.NO_REASON, f"{paid0}, {paid1} overflow the fee growth")
        growth0, growth1 = self.fee_growth_global
        self.fee_growth_global = growth0 + gains[0] & UINT256_MAX, growth1 + gains[1] & UINT256_MAX
        self.protocol_fees = credited(self.protocol_fees, (parts[0], parts[1]))

    def increase_observation_cardinality_next(self, cardinality_next: int) -> None:
        """Reserves room for so many observations, never less than before. PoolReverted LOK."""
        self._require_unlocked()
        if not 0 <= cardinality_next <= _UINT16_MAX:
            raise ValueError(f"a cardinality must be a uint16 (got {cardinality_next})")
        self._observations.grow(cardinality_next)

    # What the factory's owner may call; who calls is not checked here

    def set_fee_protocol(self, denominator0: int, denominator1: int) -> None:
        """Sends 1 / denominator of each token's swap fees to the protocol; 0 none.

        PoolReverted LOK, or without a reason unless both are 0 or 4..10.
        """
        self._require_unlocked()
        asked = denominator0, denominator1
        if not _FEE_DENOMINATORS.issuperset(asked):
            raise PoolReverted(Revert.NO_REASON, f"fee denominators must be 0 or 4..10, not {asked}")
        self.fee_protocol = asked

    def collect_protocol(self, requested0: int, requested1: int) -> tuple[int, int]:
        """(amount0, amount1) of the protocol's fees paid out: what was asked for, but one unit always stays.

        The contract leaves the last unit so that its storage slot never empties. PoolReverted LOK.
        """
        self._require_unlocked()
        _require_uint128(requested0, requested1)
        fees0, fees1 = self.protocol_fees
        paid0, paid1 = min(requested0, max(fees0 - 1, 0)), min(requested1, max(fees1 - 1, 0))
        self.protocol_fees = fees0 - paid0, fees1 - paid1
        return paid0, paid1

    # Views

    @property
    def observation_index(self) -> int:
        """Slot of the newest observation."""
        return self._observations.index

    @property
    def observation_cardinality(self) -> int:
        """Number of observations kept; 0 before `initialize`."""
        return self._observations.cardinality

    @property
    def observation_cardinality_next(self) -> int:
        """Number of observations that will be kept once the ring ends next."""
        return self._observations.cardinality_next

    @property
    def max_liquidity_per_tick(self) -> int:
        """Greatest gross liquidity that one tick may carry."""
        return max_liquidity_per_tick(self.tick_spacing)

    def tick_info(self, tick: int) -> TickInfo:
        """What is kept at a tick, zeros when it is not initialised."""
        return self._ticks.info(tick)

    def position(self, owner: str, lower: int, upper: int) -> PositionInfo:
        """A position as it was last touched, zeros when there never was one; see `fees_owed`."""
        return self._positions.get((owner, lower, upper), NO_POSITION)

    def observation(self, index: int) -> Observation:
        """The oracle's observation in a slot; PoolReverted outside the contract's 65,535 slots."""
        return self._observations.at(index)

    def initialized_ticks(self) -> tuple[int, ...]:
        """Ticks with liquidity, ascending."""
        return tuple(tick for tick, _ in self._ticks.nets)

    def fees_owed(self, owner: str, lower: int, upper: int) -> tuple[int, int]:
        """(amount0, amount1) that a poke and a collect of everything would pay now."""
        position = self.position(owner, lower, upper)
        if not position.liquidity:
            return position.owed
        ends = self._ticks.info(lower), self._ticks.info(upper)
        return touched(position, 0, growth_inside(lower, upper, *ends, self.tick, self.fee_growth_global)).owed

    def pool(self) -> Pool:
        """An immutable snapshot for quoting. PoolReverted LOK before `initialize`."""
        self._require_unlocked()
        nets, gross = self._ticks.listed()
        price, tick, liquidity = self.sqrt_price_x96, self.tick, self.liquidity
        return Pool(price, tick, liquidity, self.fee_pips, self.tick_spacing, nets, gross=gross)

    def observe(self, seconds_agos: Sequence[int], time: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """(tick cumulatives, seconds per liquidity times 2^128), each as of so many seconds before `time`.

        PoolReverted I before `initialize`, OLD before the oldest observation kept.
        """
        return self._observations.observe(seconds_agos, time, self.tick, self.liquidity)

    def snapshot_cumulatives_inside(self, lower: int, upper: int, time: int) -> tuple[int, int, int]:
        """(tick cumulative, seconds per liquidity times 2^128, seconds) inside a range; only differences mean anything.

        PoolReverted TLU, TLM, TUM, or without a reason when one of the ticks is not initialised.
        """
        require_ticks(lower, upper)
        below, above = self._ticks.info(lower), self._ticks.info(upper)
        if not (below.initialized and above.initialized):
            raise PoolReverted(Revert.NO_REASON, f"ticks {lower} and {upper} are not both initialised")
        return cumulatives_inside(lower, upper, below, above, self._moment(time))

    # Inside

    def _require_unlocked(self) -> None:
        if not self.sqrt_price_x96:
            raise PoolReverted(Revert.LOK, "it is not initialised")

    def _moment(self, time: int) -> Moment:
        """The values that ticks are measured against, as of this time."""
        cumulatives = self._observations.now(time, self.tick, self.liquidity)
        return Moment(self.tick, self.fee_growth_global, *cumulatives, time & UINT32_MASK)

    def _change_position(self, owner: str, lower: int, upper: int, liquidity_delta: int, time: int) -> None:
        """Credits a position's fees and changes its liquidity, its ticks and, in range, the active liquidity."""
        require_ticks(lower, upper)
        below, above = self._ticks.info(lower), self._ticks.info(upper)
        if liquidity_delta:
            moment = self._moment(time)
            below = self._ticks.updated(lower, liquidity_delta, liquidity_delta, moment)
            above = self._ticks.updated(upper, -liquidity_delta, liquidity_delta, moment)
            self._ticks.require_spacing(lower, below)
            self._ticks.require_spacing(upper, above)
        inside = growth_inside(lower, upper, below, above, self.tick, self.fee_growth_global)
        position = touched(self.position(owner, lower, upper), liquidity_delta, inside)
        # Everything that can be refused has been: from here on the state changes.
        self._positions[owner, lower, upper] = position
        if liquidity_delta:
            self._ticks.store(lower, below)
            self._ticks.store(upper, above)
            if lower <= self.tick < upper:
                self._observations.write(time, self.tick, self.liquidity)
                self.liquidity += liquidity_delta


def _require_uint128(*values: int) -> None:
    for value in values:
        if not 0 <= value <= UINT128_MAX:
            raise ValueError(f"an amount must be a uint128 (got {value})")

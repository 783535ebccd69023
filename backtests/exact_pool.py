"""A concentrated liquidity pool on compiled code, with the methods of its mirror `bot.core.amm.pool_state.PoolState`.

Exact to the wei and some forty times as fast. Python keeps the names of positions and makes room in the arrays; the
kernels do everything else. Units as in the mirror.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backtests.kernels.amm import entries, layout
from backtests.kernels.amm.concentrated import swaps_nb
from backtests.kernels.amm.layout import copied, new_pool, with_capacity
from backtests.kernels.amm.limbs import Limbs, from_limbs
from backtests.kernels.amm.oracle import MASK32, observe_nb
from backtests.kernels.amm.upkeep import grow_observations_nb, set_fee_protocol_nb
from backtests.pool_views import PoolViews, loaded
from bot.core.amm.pool_state import PoolState
from bot.core.amm.reverts import PoolReverted, Revert
from bot.core.fixedpoint import UINT128_MAX, UINT160_MAX, UINT256_MAX

Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]

_INT24_MAX: Final = (1 << 23) - 1
_UINT16_MAX: Final = (1 << 16) - 1
_ROWS: Final = 4


class ExactPool(PoolViews):
    """One pool's whole state. See `PoolState` for what each method gives and refuses.

    Not for several threads at once.
    """

    __slots__ = ("_buffer", "_io")

    def __init__(self, fee_pips: int, tick_spacing: int) -> None:
        super().__init__(new_pool(fee_pips, tick_spacing))
        self._buffer = bytearray(_ROWS * 32)
        self._io: Limbs = np.frombuffer(self._buffer, dtype=np.uint64).reshape(_ROWS, 4)

    def copy(self) -> ExactPool:
        """An independent pool in the same state, to try things on."""
        other = ExactPool.__new__(ExactPool)
        PoolViews.__init__(other, copied(self.arrays), self._ids)
        other._buffer = bytearray(_ROWS * 32)
        other._io = np.frombuffer(other._buffer, dtype=np.uint64).reshape(_ROWS, 4)
        return other

    @classmethod
    def from_state(cls, state: PoolState, positions: Iterable[tuple[str, int, int]]) -> ExactPool:
        """The pool of a mirror, with these positions (owner, lower, upper) of it."""
        pool, keys = cls(state.fee_pips, state.tick_spacing), tuple(positions)
        pool.arrays = loaded(state, keys)
        pool._ids = {key: row for row, key in enumerate(keys)}
        return pool

    # What anyone may call

    def initialize(self, sqrt_price_x96: int, time: int) -> int:
        """The tick of the first price."""
        self._put(UINT160_MAX, sqrt_price_x96)
        code = entries.pool_initialize_nb(self._handles, self._io, time & MASK32)
        if code:
            raise PoolReverted(Revert(code), f"initialise at {sqrt_price_x96}")
        return self.tick

    def mint(self, owner: str, lower: int, upper: int, liquidity: int, time: int) -> tuple[int, int]:
        """(amount0, amount1) that adding liquidity to a position costs, rounded up."""
        self._put(UINT128_MAX, liquidity)
        row = self._row(owner, lower, upper)
        slots = int(self.arrays.ints[layout.SLOTS])
        if slots + 2 > len(self.arrays.tick_ints):
            self.arrays = with_capacity(self.arrays, slots=slots + 1)
        code = entries.pool_mint_nb(self._handles, row, self._io, time & MASK32)
        if code:
            raise PoolReverted(Revert(code), f"mint of {liquidity} over {lower}..{upper}")
        self._ids[owner, lower, upper] = row
        return self._get(0), self._get(1)

    def burn(self, owner: str, lower: int, upper: int, liquidity: int, time: int) -> tuple[int, int]:
        """(amount0, amount1) credited for liquidity taken out, rounded down; liquidity 0 only credits fees."""
        self._put(UINT128_MAX, liquidity)
        row = self._row(owner, lower, upper)
        code = entries.pool_burn_nb(self._handles, row, self._io, time & MASK32)
        if code:
            raise PoolReverted(Revert(code), f"burn of {liquidity} over {lower}..{upper}")
        return self._get(0), self._get(1)

    def collect(self, owner: str, lower: int, upper: int, requested0: int, requested1: int) -> tuple[int, int]:
        """(amount0, amount1) paid out of what the position is owed: what was asked for, at most all."""
        self._put(UINT128_MAX, requested0, requested1)
        row = self._row(owner, lower, upper)
        code = entries.pool_collect_nb(self._handles, row, self._io)
        if code:
            raise PoolReverted(Revert(code), f"collect of {requested0}, {requested1}")
        return self._get(0), self._get(1)

    def swap(
        self, zero_for_one: bool, amount_specified: int, sqrt_price_limit_x96: int | None, time: int
    ) -> tuple[int, int]:
        """(amount0, amount1) of a swap, positive when the pool received."""
        self._put_order(amount_specified, sqrt_price_limit_x96)
        code = entries.pool_swap_nb(
            self._handles, zero_for_one, sqrt_price_limit_x96 is not None, self._io, time & MASK32
        )
        if code:
            raise PoolReverted(Revert(code), f"swap of {amount_specified} to {sqrt_price_limit_x96}")
        return self._get_signed(0), self._get_signed(1)

    def quote(self, zero_for_one: bool, amount_specified: int, limit: int | None = None) -> tuple[int, int]:
        """(amount0, amount1) that `swap` would give; nothing changes."""
        self._put_order(amount_specified, limit)
        code = entries.pool_quote_nb(self._handles, zero_for_one, limit is not None, self._io)
        if code:
            raise PoolReverted(Revert(code), f"quote of {amount_specified} to {limit}")
        return self._get_signed(0), self._get_signed(1)

    def swaps(self, zero_for_one: Flags, amounts: Limbs, limits: Limbs | None, times: Ints) -> tuple[Limbs, Limbs]:
        """(amount0, amount1), uint64[n, 4] in two's complement each, of n swaps one after another.

        amounts: uint64[n, 4] in two's complement; limits: uint64[n, 4], a row of zeros for none; times: seconds. The
        first swap that the contract refuses is a PoolReverted that names it; those before it have happened.
        """
        count = len(zero_for_one)
        limits = np.zeros((count, 4), dtype=np.uint64) if limits is None else limits
        for name, array, shape, kind in (
            ("zero_for_one", zero_for_one, (count,), np.bool_),
            ("amounts", amounts, (count, 4), np.uint64),
            ("limits", limits, (count, 4), np.uint64),
            ("times", times, (count,), np.int64),
        ):
            if array.shape != shape or array.dtype != kind or not array.flags.c_contiguous:
                raise ValueError(f"{name} must be contiguous {kind.__name__}{shape} (got {array.dtype}{array.shape})")
        amount0, amount1 = np.empty((count, 4), dtype=np.uint64), np.empty((count, 4), dtype=np.uint64)
        code, done = swaps_nb(self.arrays, zero_for_one, amounts, limits, times, amount0, amount1)
        if code:
            raise PoolReverted(Revert(code), f"swap {done} of {count}")
        return amount0, amount1

    def flash(self, paid0: int, paid1: int) -> None:
        """Shares out what a flash loan paid above its principal."""
        self._put(UINT256_MAX, paid0, paid1)
        code = entries.pool_flash_nb(self._handles, self._io)
        if code:
            raise PoolReverted(Revert(code), f"flash fees of {paid0}, {paid1}")

    def increase_observation_cardinality_next(self, cardinality_next: int) -> None:
        """Reserves room for so many observations, never less than before."""
        if not 0 <= cardinality_next <= _UINT16_MAX:
            raise ValueError(f"a cardinality must be a uint16 (got {cardinality_next})")
        if self.sqrt_price_x96:
            self.arrays = with_capacity(self.arrays, observations=cardinality_next)
        code = grow_observations_nb(self.arrays, cardinality_next)
        if code:
            raise PoolReverted(Revert(code), "it is not initialised")

    # What the factory's owner may call; who calls is not checked here

    def set_fee_protocol(self, denominator0: int, denominator1: int) -> None:
        """Sends 1 / denominator of each token's swap fees to the protocol; 0 none."""
        # What fits no uint8 becomes -1, which the kernel refuses like any other number out of range.
        sane = [value if 0 <= value < 256 else -1 for value in (denominator0, denominator1)]
        code = set_fee_protocol_nb(self.arrays, *sane)
        if code:
            raise PoolReverted(Revert(code), f"fee denominators {denominator0}, {denominator1}")

    def collect_protocol(self, requested0: int, requested1: int) -> tuple[int, int]:
        """(amount0, amount1) of the protocol's fees paid out: what was asked for, but one unit always stays."""
        self._put(UINT128_MAX, requested0, requested1)
        code = entries.pool_collect_protocol_nb(self._handles, self._io)
        if code:
            raise PoolReverted(Revert(code), f"collect of {requested0}, {requested1}")
        return self._get(0), self._get(1)

    def observe(self, seconds_agos: Sequence[int], time: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """(tick cumulatives, seconds per liquidity times 2^128), each as of so many seconds before `time`."""
        for seconds in seconds_agos:
            if not 0 <= seconds <= MASK32:
                raise ValueError(f"seconds ago must be a uint32 (got {seconds})")
        agos = np.array(seconds_agos, dtype=np.int64)
        cumulatives, per_liquidity = np.empty(len(agos), dtype=np.int64), np.empty((len(agos), 4), dtype=np.uint64)
        code = observe_nb(self.arrays, time & MASK32, agos, cumulatives, per_liquidity)
        if code:
            raise PoolReverted(Revert(code), f"seconds ago {list(seconds_agos)} at {time}")
        return tuple(cumulatives.tolist()), tuple(from_limbs(per_liquidity))

    def snapshot_cumulatives_inside(self, lower: int, upper: int, time: int) -> tuple[int, int, int]:
        """(tick cumulative, seconds per liquidity times 2^128, seconds) inside a range; only differences matter."""
        _require_int24(lower, upper)
        code, cumulative, seconds = entries.pool_snapshot_nb(self._handles, lower, upper, time & MASK32, self._io)
        if code:
            raise PoolReverted(Revert(code), f"snapshot of {lower}..{upper}")
        return cumulative, self._get(0), seconds

    def fees_owed(self, owner: str, lower: int, upper: int) -> tuple[int, int]:
        """(amount0, amount1) that a poke and a collect of everything would pay now."""
        row = self._row(owner, lower, upper)
        entries.pool_fees_owed_nb(self._handles, row, self._io)
        return self._get(0), self._get(1)

    # Inside

    def _row(self, owner: str, lower: int, upper: int) -> int:
        """Row of a position; of one that is not there: the next free row, zeros with its ticks. May change `arrays`."""
        row = self._ids.get((owner, lower, upper))
        if row is not None:
            return row
        _require_int24(lower, upper)
        row = len(self._ids)
        if row >= len(self.arrays.position_ticks):
            self.arrays = with_capacity(self.arrays, positions=row + 1)
        self.arrays.position_ticks[row] = lower, upper
        return row

    def _put(self, most: int, *values: int) -> None:
        """Write arguments that must be within 0..most."""
        for row, value in enumerate(values):
            if not 0 <= value <= most:
                raise ValueError(f"an argument must be within 0..{most} (got {value})")
            self._buffer[32 * row : 32 * row + 32] = value.to_bytes(32, "little")

    def _put_order(self, amount: int, limit: int | None) -> None:
        try:
            self._buffer[:32] = amount.to_bytes(32, "little", signed=True)
        except OverflowError:
            raise ValueError(f"a swap's amount must be an int256 (got {amount})") from None
        if limit is not None:
            # The kernel refuses what is no legal price; what is no uint256 either becomes such a number.
            self._buffer[32:64] = min(max(limit, 0), UINT256_MAX).to_bytes(32, "little")

    def _get(self, row: int) -> int:
        return int.from_bytes(self._buffer[32 * row : 32 * row + 32], "little")

    def _get_signed(self, row: int) -> int:
        return int.from_bytes(self._buffer[32 * row : 32 * row + 32], "little", signed=True)


def _require_int24(*ticks: int) -> None:
    for tick in ticks:
        if not -_INT24_MAX - 1 <= tick <= _INT24_MAX:
            raise ValueError(f"a tick must be an int24 (got {tick})")

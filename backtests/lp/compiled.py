"""The counterfactuals of `backtests.lp.counterfactual` on compiled code: the slice between two looks is one call."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from backtests.exact_pool import ExactPool
from backtests.kernels.amm.counterfactual import ARBITRAGES, COUNTS, REFUSED, SWAPS, play_slice_nb
from backtests.kernels.amm.layout import with_capacity
from backtests.kernels.amm.limbs import to_limbs
from backtests.lp.counterfactual import Calls, Flow, roots_of_fee
from backtests.lp.replay import event_arrays, pool_of, replay, with_room_for
from bot.core.panel import Floats
from bot.pool_log import PoolLog


def calls_of(log: PoolLog, name: object) -> Calls:
    """The calls behind a whole log, found by replaying it in compiled code.

    Raises DataError with the first event that the machine does not reproduce to the last unit.
    """
    done = replay(log, name=name)
    return Calls(done.style, done.zero_for_one)


@dataclass(slots=True)
class CompiledPlayer:
    """`Player` on compiled code; the machine knows the log's positions by the log's numbers."""

    log: PoolLog
    calls: Calls
    machine: ExactPool
    arbitrage: bool
    at: int = 0
    _counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(COUNTS, dtype=np.int64))
    _found: NDArray[np.uint64] = field(default_factory=lambda: np.zeros((2, 4), dtype=np.uint64))

    def __post_init__(self) -> None:
        # Once for the whole log, and for both ticks of our position: ticks that are left give their room back.
        with_room_for(self.machine, self.log, 0, len(self.log))
        self.machine.arrays = with_capacity(self.machine.arrays, slots=len(self.machine.arrays.tick_ints) + 2)

    @property
    def flow(self) -> Flow:
        counts = self._counts
        return Flow(int(counts[SWAPS]), int(counts[REFUSED]), int(counts[ARBITRAGES]))

    def play(self, until: int) -> Floats:
        """As `Player.play`."""
        log, calls, start = self.log, self.calls, self.at
        roots = np.empty(until - start)
        if until > start:
            play_slice_nb(
                self.machine.arrays,
                event_arrays(log),
                log.block,
                calls.style,
                calls.zero_for_one,
                self.arbitrage,
                to_limbs(roots_of_fee(self.machine.fee_pips)),
                start,
                until,
                self._found,
                roots,
                self._counts,
            )
        self.at = until
        return roots


def compiled_player(log: PoolLog, calls: Calls, arbitrage: bool) -> CompiledPlayer:
    """A player at the log's beginning, in a new pool."""
    return CompiledPlayer(log, calls, pool_of(log), arbitrage)

"""Whether the fast rung, on which all gates were reckoned, stays near the exact one."""

from __future__ import annotations

from typing import Final

import numpy as np

from backtests.run import Run
from bot.core.certificate import FAILED, PASSED, Gate

BOUND: Final = 0.05
"""Of net asset value: what the parity ladder holds the fast rung to (`tests/parity/test_fast_near_replay.py`). Noise
trades, which the fast rung leaves out, make up nearly all of the difference."""
CYCLES: Final = 90
"""Of the window's end that are replayed: the exact rung is a hundred times slower."""


def parity(fast: Run, replay: Run) -> Gate:
    """Passed where the net asset values of both rungs are never further apart than `BOUND`; brake off in both.

    The drawdown brake is a switch: two paths a thousandth apart can fall on different sides of it, and then there is no
    bound.
    """
    if len(fast) != len(replay):
        said = f"the exact rung made {len(replay)} cycles, the fast one {len(fast)}"
        return Gate("parity", FAILED, said, None, BOUND)
    apart = float(np.abs(fast.nav / replay.nav - 1.0).max())
    legs = len(replay.trades)
    said = f"over {len(fast)} cycles and {legs} legs the fast rung was at most {apart:.2%} from the exact one"
    figures = {"cycles": float(len(fast)), "legs exact": float(legs), "legs fast": float(len(fast.trades))}
    return Gate("parity", PASSED if apart <= BOUND else FAILED, said, apart, BOUND, figures)

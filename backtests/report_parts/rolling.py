"""What a run was like along its way: its Sharpe ratio over a moving window, its turnover by period, its fan of luck."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backtests.metrics import FLAT, cycles_a_year, returns_of
from backtests.overfitting import automatic_block_length, stationary_indices
from backtests.run import Run
from bot.core.dates import DAY, day
from bot.core.panel import Floats

WINDOWS: Final = (2, 7, 14, 21, 30, 60, 90, 180, 365)  # days
PARTS_OF_THE_SPAN: Final = 5  # a window is about this part of it
FEWEST_IN_A_WINDOW: Final = 20  # cycles
MOST_BARS: Final = 120
FAN_PATHS: Final = 1_000
FAN_SEED: Final = 0
FAN_SHARES: Final = (5, 25, 50, 75, 95)  # per cent of the paths that end below
FEWEST_FOR_A_FAN: Final = 20  # returns


def window_of(run: Run) -> tuple[int, int]:
    """(cycles, days) of the moving window: about a fifth of the span, at least 20 cycles; (0, 0): the run is too short.

    At most half of the span, so that there is something to see move.
    """
    if len(run) < 3:
        return 0, 0
    step = float(np.median(np.diff(run.times)))
    span = float(run.times[-1] - run.times[0]) / DAY
    # The first length that is long enough; the longest that is not too long, if it is longer.
    fits = [days for days in WINDOWS if days * DAY >= FEWEST_IN_A_WINDOW * step and days <= span / 2]
    if not fits:
        return 0, 0
    days = max([each for each in fits if each <= span / PARTS_OF_THE_SPAN], default=fits[0])
    return max(FEWEST_IN_A_WINDOW, round(days * DAY / step)), days


def rolling_sharpe(run: Run, window: int, rows: NDArray[np.intp]) -> Floats:
    """(R,) annualised Sharpe ratio of the `window` returns up to each of these cycles; NaN before there are so many,
    and where none varies.
    """
    equity = run.equity
    found = np.full(len(rows), np.nan)
    if window and np.all(equity > 0.0):
        returns, yearly = returns_of(equity), math.sqrt(cycles_a_year(run.times))
        # Each window by itself: sums that slide along leave dust behind, which a quiet window would turn into a ratio.
        for place in np.flatnonzero(rows >= window):
            seen = returns[rows[place] - window : rows[place]]
            spread = float(seen.std(ddof=1))
            if spread >= FLAT:
                found[place] = float(seen.mean()) / spread * yearly
    return found


def turnover_by_period(run: Run) -> tuple[str, list[str], list[float]]:
    """(period, first day of each, sum of one-way turnover in it): the shortest period of which so many can be seen."""
    days = run.times // DAY
    for name, length in (("day", 1), ("week", 7), ("month", 0)):
        # Weeks begin on a Monday: 1970-01-01 was a Thursday.
        starts = (days + 3) // 7 * 7 - 3 if name == "week" else days if length else _month_starts(days)
        if name == "month" or (starts[-1] - starts[0]) // length < MOST_BARS:
            break
    found, where = np.unique(starts, return_inverse=True)
    sums = np.bincount(where, weights=run.turnover, minlength=len(found))
    labels = [day(int(start) * DAY) for start in found]
    return name, labels, [float(value) for value in sums]


@dataclass(frozen=True, slots=True, eq=False)
class Fan:
    """Paths that the same returns could have taken. `bands`: (5, P) equity below which 5, 25, 50, 75, 95 % of them are.

    `rows`: (P,) the cycles of the bands. `below`: share of the paths that ended below the capital. `block`: mean
    length of the blocks of returns that were drawn, in cycles.
    """

    rows: NDArray[np.intp]
    bands: Floats
    below: float
    block: float


def fan_of(run: Run, points: int = 240) -> Fan | None:
    """The fan of the run by the stationary bootstrap of its returns; None when there are fewer than 20 of them.

    It speaks of the order and the luck of these returns, not of other markets, and not of how the strategy was chosen.
    """
    equity = run.equity
    if len(equity) <= FEWEST_FOR_A_FAN or not np.all(equity > 0.0):
        return None
    moves = np.log(equity[1:] / equity[:-1])
    block = automatic_block_length(returns_of(equity))
    random = np.random.default_rng(FAN_SEED)
    rows = np.unique(np.linspace(0, len(equity) - 1, min(points, len(equity))).astype(np.intp))
    paths = np.empty((FAN_PATHS, len(rows)))
    for path in paths:
        drawn = moves[stationary_indices(len(moves), block, random)]
        path[:] = np.concatenate(([0.0], np.cumsum(drawn)))[rows]
    bands = run.capital * np.exp(np.percentile(paths, FAN_SHARES, axis=0))
    return Fan(rows, np.asarray(bands), float(np.mean(paths[:, -1] < 0.0)), block)


def _month_starts(days: NDArray[np.int64]) -> NDArray[np.int64]:
    months = days.astype("datetime64[D]").astype("datetime64[M]")
    return np.asarray(months.astype("datetime64[D]").astype(np.int64))

"""What a machine can do at most: bytes read in a second, and steps of arithmetic that wait for each other. Compiled."""

from __future__ import annotations

from numba import njit, prange

from bot.core.panel import Floats


@njit(cache=True)
def count_nb(values: Floats) -> int:
    """How many are above 0. Counting reads as fast as the machine can: sums of floats would wait for each other."""
    found = 0
    for i in range(values.shape[0]):
        found += values[i] > 0.0
    return found


@njit(cache=True)
def again_nb(values: Floats, times: int) -> int:
    """Reads all values so often, on one core. They are changed in between, or once would do."""
    found = 0
    for k in range(times):
        values[k % values.shape[0]] = 1.0 + k
        found += count_nb(values)
    return found


@njit(cache=True, parallel=True)
def together_nb(values: Floats) -> int:
    """Reads (pieces, n) values once, on all cores."""
    found = 0
    for piece in prange(values.shape[0]):
        found += count_nb(values[piece])
    return found


@njit(cache=True)
def chain_nb(steps: int, factor: float, term: float) -> float:
    """So many multiplications and additions, each of the result before."""
    value = 1.0
    for _ in range(steps):
        value = value * factor + term
    return value

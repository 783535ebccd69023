"""The machine's bounds, which the sections about kernels are compared with. A bound is the best of several runs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numba
import numpy as np

from backtests import kernels
from backtests.benchmark.timing import seconds
from backtests.kernels.limits import again_nb, chain_nb, together_nb

assert kernels.CACHE  # chooses the folder of compiled code before numba is asked for anything
LARGE: Final = 16 << 20  # numbers: 128 MB, more than any cache here holds
SMALL: Final = 2_560  # numbers: 20 KB, the first cache of a core
RUNS: Final = 41  # short ones: on a busy machine some of them are left alone
STEPS: Final = 2_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes read per second, and dependent pairs of multiplication and addition per second."""

    cores: int
    read_one: float  # memory, one core
    read_all: float  # memory, all cores
    cached_one: float  # first cache of one core
    chain: float  # one core

    def read_time(self, size: float) -> float:
        """Seconds to read so many bytes of memory once, on all cores."""
        return size / self.read_all

    def cached_time(self, size: float) -> float:
        """Seconds to read so many bytes from the cores' first caches."""
        return size / (self.cached_one * self.cores)

    def chain_time(self, steps: float) -> float:
        """Seconds for so many multiplications or additions, each of which needs the one before."""
        return steps / (2.0 * self.chain)

    def in_steps(self, what: str, taken: float) -> str:
        """A sentence: how many dependent steps of arithmetic one of something is as long as."""
        return (
            f"{what} takes as long as {taken * 2.0 * self.chain:,.0f} multiplications or additions in a row, each of "
            "which needs the one before."
        )

    def of_reading(self, what: str, size: float, taken: float) -> str:
        """A sentence: which part of the bound is reached by what reads so many bytes once, on one core."""
        least = size / self.read_one
        return (
            f"{what} reads {size / 1e6:,.0f} MB, which one core can in {least * 1e3:.2f} ms: "
            f"{least / taken:.0%} of the bound."
        )


@cache
def limits() -> Limits:
    """The bounds of this machine, measured once a process."""
    large, small, cores = np.ones(LARGE), np.ones(SMALL), int(numba.config.NUMBA_NUM_THREADS)
    shared, repeats = large.reshape(8 * cores, -1), 10_000
    again_nb(small, 1)  # compiles, as the next two lines do
    together_nb(small.reshape(2, -1))
    chain_nb(1, 0.5, 1.0)
    one = min(seconds(lambda: again_nb(large, 1), RUNS))
    every = min(seconds(lambda: together_nb(shared), RUNS))
    near = min(seconds(lambda: again_nb(small, repeats), RUNS))
    chained = min(seconds(lambda: chain_nb(STEPS, 0.9999, 1e-3), RUNS))
    size = 8.0 * LARGE
    # On a busy machine two cores may do worse than one: that is no bound.
    return Limits(cores, size / one, size / min(one, every), 8.0 * SMALL * repeats / near, STEPS / chained)


def sections() -> dict[str, str]:
    """The section about the machine's bounds."""
    found = limits()
    return {
        "limits": f"""## What this machine can do at most

| bound | measured, best of {RUNS} |
|---|---:|
| memory read, one core | {found.read_one / 1e9:.1f} GB/s |
| memory read, {found.cores} cores | {found.read_all / 1e9:.1f} GB/s |
| first cache read, one core | {found.cached_one / 1e9:.0f} GB/s |
| dependent multiply-add, one core | {found.chain / 1e6:,.0f} million/s |

Each section below says what it is compared with.
"""
    }

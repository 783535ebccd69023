"""A pool's initialised ticks, read word by word from its bitmap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.chain.multicall import Call, aggregate
from bot.chain.rpc import Rpc
from bot.core.amm.tick_math import MAX_TICK, MIN_TICK

WHOLE_RANGE_WORDS = 130  # a pool whose bitmap has no more words is read whole: tick spacings of 60 and more
WINDOW_WORDS = 32  # else so many on each side of the price: a factor of 2 for a spacing of 1, of 3 000 for 10
CHUNK = 256  # reads in one request: on a fork of a remote node each of them is a request of its own
TIMEOUT = 60.0  # seconds for one such request


@dataclass(frozen=True, slots=True)
class TickMap:
    """Every initialised tick within lower..upper (both included), ascending, with net and gross liquidity."""

    ticks: tuple[tuple[int, int], ...]
    gross: tuple[int, ...]
    lower: int
    upper: int
    block: int  # true at this block

    def covers(self, tick: int, spacing: int) -> bool:
        """True while the price is not about to leave the window: a quarter of it remains on both sides."""
        margin = WINDOW_WORDS // 4 * 256 * spacing
        low = self.lower == MIN_TICK or tick - self.lower > margin
        return low and (self.upper == MAX_TICK or self.upper - tick > margin)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A pool whose ticks are to be read around `tick`."""

    pool: str
    tick: int
    spacing: int

    def words(self) -> range:
        first, last = (edge // self.spacing >> 8 for edge in (MIN_TICK + self.spacing - 1, MAX_TICK))
        if last - first < WHOLE_RANGE_WORDS:
            return range(first, last + 1)
        here = self.tick // self.spacing >> 8
        return range(max(first, here - WINDOW_WORDS), min(last, here + WINDOW_WORDS) + 1)

    def edges(self) -> tuple[int, int]:
        """Lowest and highest tick that the words tell about."""
        words = self.words()
        low, high = words[0] * 256 * self.spacing, (words[-1] * 256 + 255) * self.spacing
        return max(MIN_TICK, low), min(MAX_TICK, high)


async def read_ticks(rpc: Rpc, wanted: Sequence[Wanted], block: int) -> list[TickMap | None]:
    """One map per pool, all at `block`, in two requests; None where a pool does not answer."""
    spots = [(index, word) for index, want in enumerate(wanted) for word in want.words()]
    bitmaps = await aggregate(
        rpc,
        [Call(wanted[index].pool, "tickBitmap(int16)", (word,)) for index, word in spots],
        hex(block),
        TIMEOUT,
        CHUNK,
    )
    broken = {index for (index, _), answer in zip(spots, bitmaps, strict=True) if answer is None}
    found = [
        (index, (word * 256 + bit) * wanted[index].spacing)
        for (index, word), answer in zip(spots, bitmaps, strict=True)
        if answer is not None and answer[0]
        for bit in range(256)
        if answer[0] >> bit & 1
    ]
    states = await aggregate(
        rpc,
        [Call(wanted[index].pool, "ticks(int24)", (tick,), ("uint128", "int128")) for index, tick in found],
        hex(block),
        TIMEOUT,
        CHUNK,
    )
    ticks: list[list[tuple[int, int, int]]] = [[] for _ in wanted]
    for (index, tick), state in zip(found, states, strict=True):
        if state is None:
            broken.add(index)
        else:
            ticks[index].append((tick, state[1], state[0]))
    maps: list[TickMap | None] = []
    for index, want in enumerate(wanted):
        lower, upper = want.edges()
        pairs = tuple((tick, net) for tick, net, _ in ticks[index])
        gross = tuple(total for _, _, total in ticks[index])
        maps.append(None if index in broken else TickMap(pairs, gross, lower, upper, block))
    return maps

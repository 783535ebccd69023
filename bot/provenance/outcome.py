"""What became of a forecast, by the prices of the pools themselves: told where it is known, and no check of anything.

From the plan's block to the first block after the horizon, at spot. The forecast was of the recorded closes, so a
return here may differ from theirs by what pools and records differ.
"""

from __future__ import annotations

import math

from bot.chain.commitment import Decision
from bot.chain.multicall import Call, aggregate
from bot.chain.rpc import Rpc
from bot.core.dates import minute
from bot.errors import ChainError
from bot.provenance.answers import newest, time_of
from bot.provenance.checks import TOLD, Check


async def outcome(rpc: Rpc, decision: Decision, horizon: int | None) -> Check:
    """How many of the returns came to lie within their intervals. `horizon`: seconds, None where no model spoke."""
    try:
        return Check("outcome", TOLD, await _told(rpc, decision, horizon), chain=True)
    except ChainError as error:
        return Check("outcome", TOLD, f"not known: {error}", chain=True)


async def _told(rpc: Rpc, decision: Decision, horizon: int | None) -> str:
    if horizon is None:
        return "no model spoke, so nothing was forecast"
    due = decision.leaves[0].forecast.at + horizon
    block = await _first_after(rpc, due, decision.plan.block)
    if block is None:
        return f"not known before {minute(due)} UTC"
    before, after = [await _prices(rpc, decision, at) for at in (decision.plan.block, block)]
    inside, known = 0, 0
    for leaf, old, new in zip(decision.leaves, before, after, strict=True):
        record = leaf.forecast
        if old is None or new is None or record.low is None or record.high is None:
            continue
        known += 1
        inside += record.low <= new / old - 1.0 <= record.high
    coverage = decision.leaves[0].forecast.coverage
    return (
        f"{inside} of {known} returns lay within their intervals of {coverage:.0%} at {minute(due)} UTC, block {block}"
    )


async def _first_after(rpc: Rpc, time: int, block: int) -> int | None:
    """The first block from `block` on whose time is at or after `time`, None where there is none yet."""
    low, high = block, await newest(rpc)
    if await time_of(rpc, high) < time:
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if await time_of(rpc, middle) >= time else (middle + 1, high)
    return low


async def _prices(rpc: Rpc, decision: Decision, block: int) -> list[float | None]:
    """Money for a unit of what each venue holds, up to a constant; None where no pool says it."""
    adapters, at = [leaf.adapter for leaf in decision.leaves], hex(block)
    pools = await aggregate(rpc, [Call(adapter, "pool()", (), ("address",)) for adapter in adapters], at)
    sides = await aggregate(rpc, [Call(adapter, "assetIsToken0()", (), ("bool",)) for adapter in adapters], at)
    slots = await aggregate(
        rpc,
        [
            Call(pool[0] if pool else adapter, "slot0()", (), ("uint160",))
            for pool, adapter in zip(pools, adapters, strict=True)
        ],
        at,
    )
    return [_price(slot, side) for slot, side in zip(slots, sides, strict=True)]


def _price(slot: tuple[int, ...] | None, side: tuple[bool, ...] | None) -> float | None:
    """`slot`: the square root of token1 per token0, times 2⁹⁶; `side`: whether the money is token0."""
    if not slot or side is None or slot[0] == 0:
        return None
    price = math.ldexp(slot[0], -96) ** 2
    return 1.0 / price if side[0] else price

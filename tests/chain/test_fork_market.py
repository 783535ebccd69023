"""The devnet as the cycle sees it: every bar makes its block, also one in which no pool has a price."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from bot.chain.devnet.fork_market import ForkMarket
from bot.core.mirror import MirrorStep


class Blocks:
    """A devnet that only keeps time."""

    def __init__(self, time: int) -> None:
        self.time = time

    async def now(self) -> int:
        return self.time

    async def step(self, at: int, steps: Sequence[MirrorStep]) -> None:
        assert steps, "a devnet makes no block for no steps"
        self.time = at

    async def settle(self, seconds: int = 1_800) -> None:
        self.time += seconds


@pytest.mark.parametrize("steps", [(), (MirrorStep("artist-coin", (), 1, 2),)], ids=["no price", "a price"])
async def test_after_a_bar_the_chain_stands_at_the_bar_and_then_a_window_later(steps: tuple[Any, ...]) -> None:
    chain = Blocks(1_000)
    market = ForkMarket(chain, None, chain.time)  # type: ignore[arg-type]  # it reads nothing here
    await market.step(5_000, steps)
    assert (market.now(), chain.time) == (5_000, 5_000)
    await market.settle()
    assert (market.now(), chain.time) == (6_800, 6_800)

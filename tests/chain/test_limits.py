"""The vault's limits against the strategy file's: never tighter, and never looser than they need to be."""

from __future__ import annotations

import math
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bot.chain.devnet.limits import (
    DELAY,
    DEPTH_SHARE,
    EPOCH,
    LOOSEST_LOSS,
    RESALE,
    ZORA_SHARE,
    Said,
    cap_bps,
    loss_bps,
    price_rules,
    vault_limits,
)
from bot.core.units import BPS
from bot.core.universe import ZORA
from tests.chain.worlds import CAPITAL, UNIVERSE

SAID = Said(CAPITAL, 2_500, 120, 1_000, 2_000, 86_400, 3_500, CAPITAL // 20)
RENDER, FRAMES = UNIVERSE["render"], UNIVERSE["frames"]


def test_the_numbers_of_a_shipped_strategy() -> None:
    limits = vault_limits(SAID)
    assert (limits.min_idle_bps, limits.turnover_bps, limits.loss_bps) == (1_000, 4_000, 305)
    assert (limits.drawdown_bps, limits.performance_fee_bps, limits.anchor_blocks) == (8_000, 0, 1)
    assert (limits.unpriced_budget, limits.min_request) == (CAPITAL // 20, CAPITAL // 10_000)
    assert cap_bps(SAID) == 2_600
    assert (loss_bps(SAID, RENDER), loss_bps(SAID, FRAMES)) == (791, 762)
    assert loss_bps(SAID, replace(RENDER, max_loss_bps=900, toll_bps=100)) == LOOSEST_LOSS


def test_nobody_waits_longer_for_the_queue_than_for_the_timelock() -> None:
    limits = vault_limits(SAID)
    assert limits.queue_grace + limits.stale_grace <= DELAY


@given(
    st.integers(0, BPS), st.integers(0, BPS), st.integers(0, BPS), st.integers(1, 10**7), st.integers(0, BPS),
    st.integers(1, 10**15), st.integers(0, 10**12),
)  # fmt: skip
def test_what_the_file_allows_the_vault_allows_and_its_contract_takes_the_numbers(
    max_venue: int, max_loss: int, turnover: int, every: int, drawdown: int, capital: int, unpriced: int
) -> None:
    said = Said(capital, max_venue, max_loss, 500, turnover, every, drawdown, unpriced)
    limits = vault_limits(said)
    assert min(max_venue, BPS) <= cap_bps(said) <= BPS
    assert min(max_loss, LOOSEST_LOSS) <= loss_bps(said, RENDER) <= LOOSEST_LOSS
    # One cycle's turnover at any time, and as much every cycle for ever, unless all is turned over in an epoch anyway.
    assert min(BPS, turnover) <= limits.turnover_bps <= BPS
    assert limits.turnover_bps * min(every, EPOCH) >= min(BPS * min(every, EPOCH), turnover * EPOCH)
    assert min(BPS, drawdown) <= limits.drawdown_bps <= BPS
    assert all(0 <= value < 2**16 for value in limits.values()[:5])
    assert all(0 < value < 2**32 for value in limits.values()[5:10])
    assert limits.min_request >= 1


def test_the_loss_limit_lets_in_whatever_the_depth_lets_in() -> None:
    """The last money into the largest position that depth allows is worth less by what selling all of it costs."""
    band = 1 - math.exp(-1 / 2)
    assert RESALE == math.ceil(2 * DEPTH_SHARE * band) == 591


def test_a_position_is_a_small_part_of_the_depth_that_prices_it() -> None:
    coin = replace(RENDER, kind=ZORA)
    for venue, share in ((RENDER, DEPTH_SHARE), (FRAMES, DEPTH_SHARE), (coin, ZORA_SHARE)):
        rules = price_rules(SAID, venue, 1_800, 500, 0)
        assert rules.values() == (1_800, 500, 0, 10_000, share, CAPITAL // 10)
        assert share <= 1_000, "the contract takes no more"

"""Fees and gas are bounded before anything is signed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import SendError
from bot.execution.fees import GWEI, FeeLimits, fee_of

LIMITS = FeeLimits(tip=GWEI, max_fee=50 * GWEI, max_gas=1_000_000)


@given(base=st.integers(0, 49 * GWEI), estimate=st.integers(21_000, 1_000_000))
def test_a_fee_covers_the_block_and_keeps_to_its_limits(base: int, estimate: int) -> None:
    fee = fee_of(base, estimate, LIMITS)
    assert base + fee.tip <= fee.max_fee <= LIMITS.max_fee
    assert estimate <= fee.gas <= LIMITS.max_gas


def test_there_is_room_for_the_base_fee_to_double_and_for_a_third_more_gas() -> None:
    fee = fee_of(10 * GWEI, 100_000, LIMITS)
    assert (fee.max_fee, fee.tip, fee.gas) == (21 * GWEI, GWEI, 130_000)


def test_a_base_fee_above_the_limit_is_refused_in_gwei() -> None:
    with pytest.raises(SendError, match=r"gas costs 50\.5 gwei, the limit is 50: nothing was sent"):
        fee_of(495 * GWEI // 10, 100_000, LIMITS)


@pytest.mark.parametrize("estimate", [0, 20_999, 1_000_001, 30_000_000])
def test_an_absurd_estimate_is_refused(estimate: int) -> None:
    with pytest.raises(SendError, match=f"estimate of {estimate} is outside 21000 to 1000000"):
        fee_of(GWEI, estimate, LIMITS)

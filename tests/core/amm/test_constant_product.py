"""The pair's rules by hand and by property; the parity tests hold it to the real bytecode."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.core.amm.constant_product import (
    MINIMUM_LIQUIDITY,
    RESERVE_MAX,
    Pair,
    PairRevert,
    PairReverted,
    amount_in,
    amount_out,
)

reserves = st.integers(10_000, 1 << 100)
UNIT = 10**18


def pair_of(reserve0: int, reserve1: int, fee_on: bool = False) -> Pair:
    pair = Pair(fee_on)
    pair.mint(reserve0, reserve1, 0)
    return pair


def refusal(pair: Pair, method: str, *arguments: int) -> PairRevert:
    """Why a call is refused, after a look that it changed nothing."""
    before = [getattr(pair, name) for name in Pair.__slots__]
    with pytest.raises(PairReverted) as caught:
        getattr(pair, method)(*arguments)
    assert [getattr(pair, name) for name in Pair.__slots__] == before
    assert caught.value.revert.name in str(caught.value)
    return caught.value.revert


def test_first_mint_gives_the_root_of_the_product_less_what_is_locked_for_ever() -> None:
    pair = Pair()
    assert pair.mint(UNIT, 4 * UNIT, 0) == 2 * UNIT - MINIMUM_LIQUIDITY
    assert (pair.reserves, pair.total_supply) == ((UNIT, 4 * UNIT), 2 * UNIT)
    assert refusal(Pair(), "mint", 10, 10, 0) is PairRevert.SUB_UNDERFLOW
    assert refusal(Pair(), "mint", 1000, 1000, 0) is PairRevert.INSUFFICIENT_LIQUIDITY_MINTED


def test_later_mints_give_the_smaller_share() -> None:
    pair = pair_of(UNIT, 4 * UNIT)
    assert pair.mint(UNIT // 2, 4 * UNIT, 0) == UNIT
    assert refusal(pair, "mint", 0, UNIT, 0) is PairRevert.INSUFFICIENT_LIQUIDITY_MINTED


def test_burn_pays_shares_rounded_down() -> None:
    pair = pair_of(UNIT, 4 * UNIT)
    assert pair.burn(3, 0) == (1, 6)  # 1.5 and 6 units
    assert refusal(pair, "burn", 0, 0) is PairRevert.INSUFFICIENT_LIQUIDITY_BURNED
    assert refusal(pair, "burn", 2 * UNIT, 0) is PairRevert.SUB_UNDERFLOW
    assert refusal(Pair(), "burn", 0, 0) is PairRevert.NO_REASON


def test_known_swap_of_the_whitepapers_curve() -> None:
    assert amount_out(UNIT, 5 * UNIT, 10 * UNIT) == 1_662_497_915_624_478_906
    pair = pair_of(5 * UNIT, 10 * UNIT)
    assert refusal(pair, "swap", 0, 1_662_497_915_624_478_907, UNIT, 0, 0) is PairRevert.K
    pair.swap(0, 1_662_497_915_624_478_906, UNIT, 0, 0)
    assert pair.reserves == (6 * UNIT, 10 * UNIT - 1_662_497_915_624_478_906)


def test_refuses_a_swap_of_nothing_for_nothing_or_of_more_than_there_is() -> None:
    pair = pair_of(UNIT, UNIT)
    assert refusal(pair, "swap", 0, 0, UNIT, 0, 0) is PairRevert.INSUFFICIENT_OUTPUT_AMOUNT
    assert refusal(pair, "swap", 1, 0, 0, 0, 0) is PairRevert.INSUFFICIENT_INPUT_AMOUNT
    assert refusal(pair, "swap", UNIT, 0, 0, UNIT, 0) is PairRevert.INSUFFICIENT_LIQUIDITY
    assert refusal(pair, "swap", 1, 0, 0, RESERVE_MAX, 0) is PairRevert.OVERFLOW
    assert refusal(pair, "swap", 1, 0, 1 << 250, 0, 0) is PairRevert.MUL_OVERFLOW


def test_price_accumulates_over_the_time_that_it_held_and_both_clocks_wrap() -> None:
    pair = pair_of(UNIT, 4 * UNIT)
    pair.mint(UNIT, 4 * UNIT, 10)
    assert pair.price_cumulative == (10 * 4 << 112, 10 << 110)
    pair.mint(UNIT, 4 * UNIT, (1 << 32) + 5)  # five seconds before the time of the mint above, one wrap later
    assert pair.block_timestamp_last == 5
    assert pair.price_cumulative[1] == (10 + (1 << 32) - 5) << 110


def test_protocol_gets_a_sixth_of_what_the_fees_have_grown() -> None:
    pair = pair_of(UNIT, UNIT, fee_on=True)
    for _ in range(50):
        amount = amount_out(UNIT // 10, *pair.reserves)
        pair.swap(0, amount, UNIT // 10, 0, 0)
        pair.swap(amount_out(amount, *pair.reserves[::-1]), 0, 0, amount, 0)
    grown = math.isqrt(pair.reserves[0] * pair.reserves[1]) - UNIT
    pair.burn(1_000, 0)
    worth = pair.protocol_liquidity * pair.reserves[0] // pair.total_supply
    assert grown > 0
    assert abs(worth - grown // 6) < grown // 100
    pair.set_fee_on(False)
    pair.burn(1_000, 0)
    assert pair.k_last == 0


@given(reserves, reserves, st.integers(1, 1 << 100))
def test_a_quote_is_the_most_that_the_pair_pays(reserve_in: int, reserve_out: int, amount: int) -> None:
    bought = amount_out(amount, reserve_in, reserve_out)
    assume(bought > 0)
    pair = pair_of(reserve_in, reserve_out)
    if bought + 1 < reserve_out:
        assert refusal(pair, "swap", 0, bought + 1, amount, 0, 0) is PairRevert.K
    pair.swap(0, bought, amount, 0, 0)


@given(reserves, reserves, st.data())
def test_an_inverse_quote_is_enough_and_at_most_one_unit_too_much(
    reserve_in: int, reserve_out: int, data: st.DataObject
) -> None:
    wanted = data.draw(st.integers(1, reserve_out * 9 // 10))
    paid = amount_in(wanted, reserve_in, reserve_out)
    assert amount_out(paid, reserve_in, reserve_out) >= wanted
    assert paid <= 2 or amount_out(paid - 2, reserve_in, reserve_out) < wanted


@pytest.mark.parametrize(
    ("quote", "arguments", "reason"),
    [
        (amount_out, (0, 1, 1), PairRevert.INSUFFICIENT_INPUT_AMOUNT),
        (amount_out, (1, 0, 1), PairRevert.INSUFFICIENT_LIQUIDITY),
        (amount_out, (1 << 250, 1, 1), PairRevert.MUL_OVERFLOW),
        (amount_in, (0, 1, 1), PairRevert.INSUFFICIENT_OUTPUT_AMOUNT),
        (amount_in, (5, 5, 5), PairRevert.INSUFFICIENT_LIQUIDITY),
    ],
)
def test_refuses_a_quote_that_the_router_refuses(quote: object, arguments: tuple[int, ...], reason: PairRevert) -> None:
    assert callable(quote)
    with pytest.raises(PairReverted) as caught:
        quote(*arguments)
    assert caught.value.revert is reason

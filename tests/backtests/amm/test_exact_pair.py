"""The compiled pair: equal to the mirror call by call, and to sums done by hand."""

from __future__ import annotations

import math
from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.exact_pair import ExactPair
from bot.core.amm.constant_product import (
    MINIMUM_LIQUIDITY,
    RESERVE_MAX,
    Pair,
    PairRevert,
    PairReverted,
    amount_in,
    amount_out,
)
from bot.core.fixedpoint import UINT256_MAX

NOW = 1_750_000_000
SIZES = st.one_of(
    st.integers(0, 2_000),
    st.integers(0, 10**24),
    st.sampled_from([RESERVE_MAX - 1, RESERVE_MAX, RESERVE_MAX + 1, 1 << 200, UINT256_MAX]),
)


def everything(pair: Pair | ExactPair) -> tuple[Any, ...]:
    return (
        *(pair.fee_on, pair.reserves, pair.total_supply, pair.protocol_liquidity),
        *(pair.price_cumulative, pair.block_timestamp_last, pair.k_last),
    )


def answer(pair: Pair | ExactPair, name: str, arguments: tuple[Any, ...]) -> Any:
    try:
        return getattr(pair, name)(*arguments)
    except PairReverted as refused:
        return refused.revert


def quoted(pair: Pair, zero_for_one: bool, amount: int, exact_in: bool) -> Any:
    reserves = pair.reserves if zero_for_one else pair.reserves[::-1]
    try:
        return amount_out(amount, *reserves) if exact_in else amount_in(amount, *reserves)
    except PairReverted as refused:
        return refused.revert


@st.composite
def calls(draw: st.DrawFn) -> list[tuple[str, tuple[Any, ...]]]:
    """Methods and arguments: two mints near each other, then anything."""
    time = draw(st.sampled_from([NOW, (1 << 32) - 100]))
    made: list[tuple[str, tuple[Any, ...]]] = [("mint", (draw(SIZES), draw(SIZES), time))]
    for name in draw(st.lists(st.sampled_from(["mint", "burn", "swap", "swap", "swap", "set_fee_on"]), max_size=12)):
        time += draw(st.sampled_from([0, 1, 60, 1 << 31]))
        if name == "set_fee_on":
            made.append((name, (draw(st.booleans()),)))
        elif name == "burn":
            made.append((name, (draw(SIZES), time)))
        else:
            count = 2 if name == "mint" else 4
            made.append((name, (*(draw(SIZES) for _ in range(count)), time)))
    return made


@settings(max_examples=150, deadline=None)
@given(st.booleans(), calls())
def test_does_and_says_what_the_mirror_does_for_any_numbers(
    fee_on: bool, history: list[tuple[str, tuple[Any, ...]]]
) -> None:
    mirror, pair = Pair(fee_on), ExactPair(fee_on)
    for name, arguments in history:
        assert answer(pair, name, arguments) == answer(mirror, name, arguments), (name, arguments)
        assert everything(pair) == everything(mirror), (name, arguments)


def test_stays_equal_to_the_mirror_over_long_lives_and_meets_every_refusal() -> None:
    rnd, seen = Random(1), Counter[str]()
    for _ in range(120):
        fee_on, bits = rnd.random() < 0.5, rnd.choice((40, 80, 112, 113))
        mirror, pair, now = Pair(fee_on), ExactPair(fee_on), rnd.choice((NOW, (1 << 32) - 500))
        for _ in range(40):
            now += rnd.choice((0, 1, 13, 1_000_000))
            size = int(2 ** rnd.uniform(0, 256 if rnd.random() < 0.03 else bits))
            kind, zero_for_one = rnd.random(), rnd.random() < 0.5
            arguments: tuple[Any, ...]
            for exact_in, ask in ((True, "amount_out"), (False, "amount_in")):
                expected = quoted(mirror, zero_for_one, size, exact_in)
                assert answer(pair, ask, (zero_for_one, size)) == expected
            if kind < 0.2:
                name, arguments = "mint", (size, int(2 ** rnd.uniform(0, bits)), now)
            elif kind < 0.3:
                name, arguments = "burn", (int(mirror.total_supply * rnd.random() ** 3) + rnd.randint(0, 1), now)
            elif kind < 0.35:
                name, arguments = "set_fee_on", (rnd.random() < 0.5,)
            else:
                bought = quoted(mirror, zero_for_one, size, True)
                out = rnd.randint(0, 1) * (size if isinstance(bought, PairRevert) else bought + rnd.randint(0, 1))
                paid = size * (rnd.random() < 0.98)
                name, arguments = "swap", (0, out, paid, 0, now) if zero_for_one else (out, 0, 0, paid, now)
            result = answer(mirror, name, arguments)
            assert answer(pair, name, arguments) == result, (name, arguments)
            assert everything(pair) == everything(mirror), (name, arguments)
            seen[result.name if isinstance(result, PairRevert) else name] += 1
    assert seen.keys() >= {"mint", "burn", "swap", *(revert.name for revert in PairRevert if revert)}, seen


def test_the_first_mint_is_the_root_of_the_product_less_what_nobody_gets() -> None:
    pair = ExactPair()
    assert pair.mint(10**18, 4 * 10**18, NOW) == 2 * 10**18 - MINIMUM_LIQUIDITY
    assert (pair.total_supply, pair.reserves) == (2 * 10**18, (10**18, 4 * 10**18))


def test_prices_accumulate_over_the_time_that_they_held() -> None:
    pair = ExactPair()
    pair.mint(10**18, 4 * 10**18, (1 << 32) - 10)
    pair.swap(0, 10**15, 10**15, 0, (1 << 32) + 20)
    assert pair.price_cumulative == (30 * (4 << 112), 30 * (1 << 110))
    assert pair.block_timestamp_last == 20


def test_the_protocol_gets_a_sixth_of_the_growth_of_the_root() -> None:
    pair = ExactPair(fee_on=True)
    pair.mint(10**20, 10**20, NOW)
    for turn in range(50):
        pair.swap(0, pair.amount_out(True, 10**18), 10**18, 0, NOW + turn)
        pair.swap(pair.amount_out(False, 10**18), 0, 0, 10**18, NOW + turn)
    root, root_before, supply = math.isqrt(pair.reserves[0] * pair.reserves[1]), 10**20, pair.total_supply
    pair.mint(10**18, 10**18, NOW + 60)
    assert pair.protocol_liquidity == supply * (root - root_before) // (5 * root + root_before) > 0
    assert pair.k_last == pair.reserves[0] * pair.reserves[1]


def test_a_copy_and_its_original_do_not_touch_each_other() -> None:
    pair = ExactPair(fee_on=True)
    pair.mint(10**20, 10**20, NOW)
    copy, before = pair.copy(), everything(pair)
    copy.swap(0, 10**15, 10**16, 0, NOW + 3)
    assert everything(pair) == before != everything(copy)


@pytest.mark.parametrize("amount", [-1, UINT256_MAX + 1])
def test_an_amount_that_is_no_uint256_is_a_value_error(amount: int) -> None:
    with pytest.raises(ValueError, match="uint256"):
        ExactPair().mint(amount, 1, NOW)

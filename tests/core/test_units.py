"""Money that cannot be mixed, and the one way from a weight to money: never a unit more than there is."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.core.units import BPS, PARTS, Amount, Delta, Token, bps_down, bps_up, parts_of, share_down

USDC = Token(1, "0x" + "11" * 20, "USDC", 6)
ELSEWHERE = Token(10, "0x" + "11" * 20, "USDC", 6)
OTHER = Token(1, "0x" + "22" * 20, "USDC", 6)
totals = st.integers(0, 2**256 - 1)
raws = st.integers(0, 2**128)


def test_a_token_is_its_chain_and_its_address_and_not_its_name() -> None:
    renamed = Token(1, USDC.address, "USD Coin", 18)
    assert renamed == USDC
    assert hash(renamed) == hash(USDC)
    assert USDC != ELSEWHERE
    assert USDC != OTHER
    assert USDC.address != USDC


@given(raws, raws)
def test_amounts_of_one_token_add_and_subtract_exactly(first: int, second: int) -> None:
    low, high = sorted((first, second))
    assert Amount(USDC, low) + Amount(USDC, high) == Amount(USDC, low + high)
    assert Amount(USDC, high) - Amount(USDC, low) == Amount(USDC, high - low)
    assert (Amount(USDC, low) < Amount(USDC, high)) is (low < high)


@pytest.mark.parametrize("stranger", [ELSEWHERE, OTHER], ids=["other chain", "other address"])
def test_amounts_of_two_tokens_never_mix(stranger: Token) -> None:
    with pytest.raises(ValueError, match="cannot mix"):
        Amount(USDC, 2) + Amount(stranger, 1)
    with pytest.raises(ValueError, match="cannot mix"):
        Amount(USDC, 2) - Amount(stranger, 1)
    with pytest.raises(ValueError, match="cannot mix"):
        assert Amount(USDC, 2) < Amount(stranger, 3)
    with pytest.raises(ValueError, match="cannot mix"):
        Delta(USDC, 2) + Delta(stranger, 1)


def test_an_amount_is_never_negative_but_a_delta_may_be() -> None:
    with pytest.raises(ValueError, match="negative amount of USDC: -1"):
        Amount(USDC, 1) - Amount(USDC, 2)
    assert Delta(USDC, 1) + -Delta(USDC, 3) == Delta(USDC, -2)


@pytest.mark.parametrize("factor", [0.5, 2])
def test_an_amount_does_not_multiply(factor: float) -> None:
    with pytest.raises(TypeError):
        Amount(USDC, 10) * factor  # type: ignore[operator]


@pytest.mark.parametrize(
    ("raw", "decimals", "shown"),
    [
        (0, 6, "0.00"),
        (1, 6, "0.000001"),
        (1_234_567_890, 6, "1,234.56789"),
        (-1_500_000, 6, "-1.50"),
        (10**18 + 1, 18, "1.00"),
        (999_999_999_999_999_999, 18, "0.999999"),
        (15, 1, "1.50"),
        (-1_000, 0, "-1,000"),
    ],
)
def test_amounts_read_as_whole_tokens_and_are_never_shown_larger_than_they_are(
    raw: int, decimals: int, shown: str
) -> None:
    assert Token(1, USDC.address, "T", decimals).human(raw) == shown


def test_an_amount_shows_its_symbol() -> None:
    assert str(Amount(USDC, 2_500_000)) == "2.50 USDC"


@pytest.mark.parametrize("illegal", [-1e-12, 1.0 + 1e-12, math.nan, math.inf, -math.inf])
def test_only_a_weight_within_zero_and_one_becomes_parts(illegal: float) -> None:
    with pytest.raises(ValueError, match="not a weight"):
        parts_of(illegal)


@given(st.floats(0.0, 1.0))
@example(0.29)
@example(1.0)
@example(5e-324)
def test_parts_are_within_one_grain_below_the_weight(weight: float) -> None:
    parts = parts_of(weight)
    assert 0 <= parts <= PARTS
    # The one multiplication rounds to the nearest float: half an ulp of the weight is all that it may add.
    assert Fraction(parts, PARTS) <= Fraction(weight) * (1 + Fraction(1, 2**52))
    assert Fraction(parts + 1, PARTS) > Fraction(weight)


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_a_larger_weight_never_has_fewer_parts(first: float, second: float) -> None:
    low, high = sorted((first, second))
    assert parts_of(low) <= parts_of(high)


@given(totals, st.lists(st.floats(0.0, 1.0), min_size=1, max_size=17))
@example(10**11, [0.29, 0.29, 0.29, 0.13])
def test_shares_of_weights_that_sum_to_one_never_spend_more_than_the_total(total: int, raw: list[float]) -> None:
    whole = math.fsum(raw)
    weights = [weight / whole for weight in raw] if whole > 1.0 else raw
    weights = [min(1.0, weight) for weight in weights]
    shares = [share_down(total, parts_of(weight)) for weight in weights]
    assert sum(shares) <= total
    assert all(share >= 0 for share in shares)


@given(totals, st.integers(0, PARTS))
def test_a_share_and_the_rest_lose_at_most_one_unit(total: int, parts: int) -> None:
    assert total - 1 <= share_down(total, parts) + share_down(total, PARTS - parts) <= total


@given(totals, st.integers(0, BPS))
def test_basis_points_round_as_they_are_named(total: int, bps: int) -> None:
    exact = Fraction(total * bps, BPS)
    assert bps_down(total, bps) == math.floor(exact)
    assert bps_up(total, bps) == math.ceil(exact)
    assert bps_down(total, bps) + bps_up(total, BPS - bps) == total

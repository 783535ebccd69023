"""What holds for every pool after any history: nothing is paid out that was not paid in, and the sums agree."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bot.core.amm.concentrated import swap
from bot.core.amm.oracle import wrap_int56
from bot.core.amm.pool_state import PoolState
from bot.core.amm.tick_math import sqrt_ratio_at_tick
from bot.core.fixedpoint import UINT128_MAX

TIERS = [(0, 10), (100, 1), (500, 10), (3000, 60), (10_000, 200)]
OWNERS = ("ann", "bob")
CALLS = ("mint", "mint", "swap", "swap", "burn", "collect", "flash", "protocol")
NOW = 1_750_000_000


@dataclass
class Purse:
    """A pool and what its two tokens' balances must be: all that was paid in less all that was paid out."""

    state: PoolState
    time: int
    balances: list[int] = field(default_factory=lambda: [0, 0])
    held: dict[tuple[str, int, int], int] = field(default_factory=dict)

    def pay(self, amounts: tuple[int, int], sign: int = 1) -> None:
        for token, amount in enumerate(amounts):
            self.balances[token] += sign * amount


@st.composite
def histories(draw: st.DrawFn) -> Purse:
    """A pool with few ticks, many positions on each, after a few calls of every kind that moves amounts."""
    fee_pips, spacing = draw(st.sampled_from(TIERS))
    tick = draw(st.integers(-3 * spacing, 3 * spacing))
    purse = Purse(PoolState(fee_pips, spacing), draw(st.sampled_from([NOW, (1 << 32) - 5])))
    price = draw(st.integers(sqrt_ratio_at_tick(tick), sqrt_ratio_at_tick(tick + 1) - 1))
    purse.state.initialize(price, purse.time)
    for call in draw(
        st.lists(st.sampled_from(["mint", "mint", "swap", "swap", "burn", "collect", "flash", "protocol"]))
    ):
        purse.time += draw(st.integers(0, 20))
        _call(draw, purse, call)
    return purse


def _call(draw: st.DrawFn, purse: Purse, call: str) -> None:
    state, spacing = purse.state, purse.state.tick_spacing
    if call == "mint":
        lower = draw(st.integers(-4, 3))
        key = draw(st.sampled_from(OWNERS)), lower * spacing, draw(st.integers(lower + 1, 4)) * spacing
        liquidity = draw(st.integers(1, 10**20))
        purse.pay(state.mint(*key, liquidity, purse.time))
        purse.held[key] = purse.held.get(key, 0) + liquidity
    elif call == "swap":
        zero_for_one = draw(st.booleans())
        limit = sqrt_ratio_at_tick(-6 * spacing if zero_for_one else 6 * spacing)
        if (limit < state.sqrt_price_x96) == zero_for_one and limit != state.sqrt_price_x96:
            amount = draw(st.integers(-(10**20), 10**20).filter(bool))
            purse.pay(state.swap(zero_for_one, amount, limit, purse.time))
    elif call == "protocol":
        denominator = st.sampled_from([0, 4, 7, 10])
        state.set_fee_protocol(draw(denominator), draw(denominator))
        purse.pay(state.collect_protocol(draw(st.integers(0, 10**18)), UINT128_MAX), -1)
    elif call == "flash":
        if state.liquidity:
            fees = draw(st.integers(0, 10**12)), draw(st.integers(0, 10**12))
            state.flash(*fees)
            purse.pay(fees)
    elif purse.held:
        key = draw(st.sampled_from(sorted(purse.held)))
        if call == "collect":
            purse.pay(state.collect(*key, draw(st.integers(0, 10**20)), UINT128_MAX), -1)
        elif purse.held[key]:
            part = draw(st.integers(0, purse.held[key]))
            state.burn(*key, part, purse.time)
            purse.held[key] -= part


@given(histories())
def test_everybody_can_leave_and_the_pool_has_paid_out_no_more_than_it_got(purse: Purse) -> None:
    state = purse.state
    for key, liquidity in purse.held.items():
        if liquidity:
            state.burn(*key, liquidity, purse.time)
        purse.pay(state.collect(*key, UINT128_MAX, UINT128_MAX), -1)
    purse.pay(state.collect_protocol(UINT128_MAX, UINT128_MAX), -1)
    left = [balance - fees for balance, fees in zip(purse.balances, state.protocol_fees, strict=True)]
    assert min(left) >= 0
    assert (state.liquidity, state.initialized_ticks()) == (0, ())


@given(histories())
def test_the_active_liquidity_is_the_sum_of_the_nets_below_and_of_the_positions_in_range(purse: Purse) -> None:
    state = purse.state
    ticks = state.initialized_ticks()
    assert state.liquidity == sum(state.tick_info(tick).net for tick in ticks if tick <= state.tick)
    held = purse.held.items()
    assert state.liquidity == sum(size for (_, lower, upper), size in held if lower <= state.tick < upper)
    for tick in ticks:
        assert state.tick_info(tick).gross == sum(size for key, size in held if tick in key[1:]) > 0
    assert set(ticks) == {tick for (_, lower, upper), size in held if size for tick in (lower, upper)}


@given(histories())
def test_what_is_owed_now_is_what_a_poke_and_a_collect_pay(purse: Purse) -> None:
    for key, liquidity in purse.held.items():
        owed = purse.state.fees_owed(*key)
        before = purse.state.copy()
        if liquidity:
            purse.state.burn(*key, 0, purse.time)
        assert purse.state.collect(*key, UINT128_MAX, UINT128_MAX) == owed
        assert purse.state.pool() == before.pool()


@given(histories(), st.integers(1, 10**20), st.integers(-4, 3), st.integers(1, 4))
def test_what_was_minted_comes_back_less_at_most_one_unit_a_token(
    purse: Purse, liquidity: int, first: int, width: int
) -> None:
    state, spacing = purse.state, purse.state.tick_spacing
    before = state.pool()
    lower, upper = first * spacing, (first + width) * spacing
    paid = state.mint("eve", lower, upper, liquidity, purse.time)
    returned = state.burn("eve", lower, upper, liquidity, purse.time)
    assert all(0 <= cost - back <= 1 for cost, back in zip(paid, returned, strict=True))
    assert state.pool() == before
    assert state.collect("eve", lower, upper, UINT128_MAX, UINT128_MAX) == returned


@given(histories(), st.booleans(), st.integers(-(10**20), 10**20).filter(bool))
def test_the_machine_swaps_as_its_snapshot_quotes(purse: Purse, zero_for_one: bool, amount: int) -> None:
    state = purse.state
    quoted = swap(state.pool(), zero_for_one, amount)
    assert state.swap(zero_for_one, amount, None, purse.time) == (quoted.amount0, quoted.amount1)
    assert state.pool() == quoted.pool


@given(histories(), st.integers(1, 1000))
def test_time_inside_neighbouring_ranges_adds_up_to_all_the_time(purse: Purse, seconds: int) -> None:
    state, spacing = purse.state, purse.state.tick_spacing
    edges = range(-4 * spacing, 5 * spacing, spacing)
    ranges = list(pairwise(edges))
    for lower, upper in ranges:
        state.mint("eve", lower, upper, 1, purse.time)
    before = [state.snapshot_cumulatives_inside(*ticks, purse.time) for ticks in ranges]
    after = [state.snapshot_cumulatives_inside(*ticks, purse.time + seconds) for ticks in ranges]
    inside = [(now[2] - then[2]) % 2**32 for then, now in zip(before, after, strict=True)]
    assert inside == [seconds if lower <= state.tick < upper else 0 for lower, upper in ranges]
    ticks = [wrap_int56(now[0] - then[0]) for then, now in zip(before, after, strict=True)]
    assert ticks == [state.tick * spent for spent in inside]

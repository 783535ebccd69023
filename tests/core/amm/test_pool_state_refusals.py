"""Every refusal of the pool machine by the contract's own name, with the pool unchanged after it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot.core.amm.liquidity_math import max_liquidity_per_tick
from bot.core.amm.pool_state import PoolState
from bot.core.amm.reverts import PoolReverted, Revert
from bot.core.amm.tick_math import MAX_SQRT_RATIO, MAX_TICK, MIN_SQRT_RATIO, MIN_TICK
from bot.core.fixedpoint import INT256_MAX, Q96, UINT128_MAX, UINT256_MAX

NOW = 1_750_000_000
LIQUIDITY = 10**18


def two_ranges() -> PoolState:
    """Price 1: Ann deep between ticks -600 and 600, Bob half of that up to 1200."""
    state = PoolState(3000, 60)
    state.initialize(Q96, NOW)
    state.mint("ann", -600, 600, LIQUIDITY, NOW)
    state.mint("bob", 600, 1200, LIQUIDITY // 2, NOW)
    return state


_TOO_MUCH = max_liquidity_per_tick(60) + 1
REFUSALS: list[tuple[Revert, Callable[[PoolState], object]]] = [
    (Revert.AI, lambda s: s.initialize(Q96, NOW)),
    (Revert.AS, lambda s: s.swap(True, 0, None, NOW)),
    (Revert.SPL, lambda s: s.swap(True, 1, Q96, NOW)),
    (Revert.SPL, lambda s: s.swap(True, 1, MIN_SQRT_RATIO, NOW)),
    (Revert.SPL, lambda s: s.swap(False, 1, Q96 - 1, NOW)),
    (Revert.SPL, lambda s: s.swap(False, -1, MAX_SQRT_RATIO, NOW)),
    (Revert.TLU, lambda s: s.mint("ann", 60, 60, 1, NOW)),
    (Revert.TLU, lambda s: s.burn("ann", 60, 0, 0, NOW)),
    (Revert.TLM, lambda s: s.mint("ann", MIN_TICK - 1, 0, 1, NOW)),
    (Revert.TUM, lambda s: s.mint("ann", 0, MAX_TICK + 1, 1, NOW)),
    (Revert.LO, lambda s: s.mint("ann", 0, 60, _TOO_MUCH, NOW)),
    (Revert.LO, lambda s: s.mint("ann", -60, 600, _TOO_MUCH - LIQUIDITY, NOW)),
    (Revert.LO, lambda s: s.mint("ann", 1, 61, _TOO_MUCH, NOW)),  # before the spacing is looked at
    (Revert.LS, lambda s: s.burn("ann", -600, 600, LIQUIDITY + 1, NOW)),
    (Revert.LS, lambda s: s.burn("eve", -600, 600, 1, NOW)),
    (Revert.LS, lambda s: s.burn("eve", 0, 60, 1, NOW)),
    (Revert.NP, lambda s: s.burn("eve", -600, 600, 0, NOW)),
    (Revert.OLD, lambda s: s.observe((1,), NOW)),
    (Revert.TLU, lambda s: s.snapshot_cumulatives_inside(600, -600, NOW)),
    (Revert.NO_REASON, lambda s: s.snapshot_cumulatives_inside(-600, 0, NOW)),
    (Revert.NO_REASON, lambda s: s.snapshot_cumulatives_inside(0, 600, NOW)),
    (Revert.NO_REASON, lambda s: s.mint("ann", -600, 600, 0, NOW)),
    (Revert.NO_REASON, lambda s: s.mint("ann", -600, 600, 1 << 127, NOW)),
    (Revert.NO_REASON, lambda s: s.burn("ann", -600, 600, 1 << 127, NOW)),
    (Revert.NO_REASON, lambda s: s.mint("ann", -600, 601, 1, NOW)),
    (Revert.NO_REASON, lambda s: s.mint("ann", -599, 600, 1, NOW)),
    (Revert.NO_REASON, lambda s: s.set_fee_protocol(3, 4)),
    (Revert.NO_REASON, lambda s: s.set_fee_protocol(0, 11)),
    (Revert.NO_REASON, lambda s: s.observation(65_535)),
    (Revert.NO_REASON, lambda s: s.flash(0, UINT256_MAX)),
]


@pytest.mark.parametrize(("reason", "call"), REFUSALS)
def test_refuses_by_the_contracts_name_and_changes_nothing(reason: Revert, call: Callable[[PoolState], object]) -> None:
    state = two_ranges()
    with pytest.raises(PoolReverted) as refused:
        call(state)
    assert refused.value.revert is reason
    assert state == two_ranges()


LOCKED: list[Callable[[PoolState], object]] = [
    lambda s: s.mint("ann", 60, 0, 0, NOW),
    lambda s: s.burn("ann", 60, 0, 0, NOW),
    lambda s: s.collect("ann", 0, 60, 0, 0),
    lambda s: s.swap(True, 1, 0, NOW),
    lambda s: s.flash(1, 1),
    lambda s: s.set_fee_protocol(1, 1),
    lambda s: s.collect_protocol(0, 0),
    lambda s: s.increase_observation_cardinality_next(2),
    lambda s: s.pool(),
]


@pytest.mark.parametrize("call", LOCKED)
def test_is_locked_before_it_has_a_price(call: Callable[[PoolState], object]) -> None:
    with pytest.raises(PoolReverted) as refused:
        call(PoolState(3000, 60))
    assert refused.value.revert is Revert.LOK


def test_before_it_has_a_price_an_amount_of_zero_and_an_observation_are_refused_by_their_own_names() -> None:
    with pytest.raises(PoolReverted) as refused:
        PoolState(3000, 60).swap(True, 0, None, NOW)
    assert refused.value.revert is Revert.AS
    with pytest.raises(PoolReverted) as refused:
        PoolState(3000, 60).observe((), NOW)
    assert refused.value.revert is Revert.I


@pytest.mark.parametrize("price", [0, MIN_SQRT_RATIO - 1, MAX_SQRT_RATIO])
def test_refuses_a_first_price_that_no_tick_has(price: int) -> None:
    state = PoolState(3000, 60)
    with pytest.raises(PoolReverted) as refused:
        state.initialize(price, NOW)
    assert refused.value.revert is Revert.R
    assert state == PoolState(3000, 60)


def test_without_liquidity_in_range_nobody_can_lend() -> None:
    priced = PoolState(3000, 60)
    priced.initialize(Q96, NOW)
    with pytest.raises(PoolReverted) as refused:
        priced.flash(1, 1)
    assert refused.value.revert is Revert.L


@pytest.mark.parametrize(
    "call",
    [
        lambda s: s.swap(True, INT256_MAX + 1, None, NOW),
        lambda s: s.swap(True, -INT256_MAX - 2, None, NOW),
        lambda s: s.mint("ann", 0, 60, UINT128_MAX + 1, NOW),
        lambda s: s.burn("ann", -600, 600, -1, NOW),
        lambda s: s.collect("ann", -600, 600, -1, 0),
        lambda s: s.collect_protocol(0, UINT128_MAX + 1),
        lambda s: s.flash(-1, 0),
        lambda s: s.increase_observation_cardinality_next(1 << 16),
    ],
)
def test_what_cannot_be_said_to_the_contract_is_no_revert(call: Callable[[PoolState], object]) -> None:
    state = two_ranges()
    with pytest.raises(ValueError, match=r"must be an? u?int") as refused:
        call(state)
    assert not isinstance(refused.value, PoolReverted)
    assert state == two_ranges()


@pytest.mark.parametrize(("fee_pips", "spacing"), [(-1, 60), (1_000_000, 60), (3000, 0), (3000, 16384)])
def test_refuses_a_fee_or_spacing_that_the_factory_refuses(fee_pips: int, spacing: int) -> None:
    with pytest.raises(ValueError, match="within"):
        PoolState(fee_pips, spacing)

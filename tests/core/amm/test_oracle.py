"""The ring of observations by example: what is written, what is kept, what is found again, across every wrap-around."""

from __future__ import annotations

import pytest

from bot.core.amm.oracle import UINT32_MASK, UINT160_MASK, Observation, Observations, wrap_int56
from bot.core.amm.reverts import PoolReverted, Revert

START = 1_750_000_000
DEPTH = 1 << 64  # a liquidity that makes one second 2^64 in the seconds per liquidity
SECOND = 1 << 64


def ring_of(cardinality: int, start: int = START) -> Observations:
    """A ring with room for so many observations, holding the first."""
    ring = Observations()
    ring.initialize(start)
    ring.grow(cardinality)
    return ring


def filled(cardinality: int, writes: int, start: int = START) -> Observations:
    """A ring after one write every ten seconds, tick n in force during the n-th ten seconds (from 0)."""
    ring = ring_of(cardinality, start)
    for step in range(writes):
        ring.write(start + 10 * (step + 1), step, DEPTH)
    return ring


def cumulative(seconds: int) -> int:
    """Tick cumulative of `filled` after so many seconds: ten times 0, 1, 2 ... and a part of the next."""
    whole, part = divmod(seconds, 10)
    return 10 * (whole * (whole - 1) // 2) + whole * part


def test_a_pool_without_a_price_keeps_no_observations() -> None:
    ring = Observations()
    assert (ring.index, ring.cardinality, ring.cardinality_next) == (0, 0, 0)
    assert ring.at(0) == Observation(0, 0, 0, False)
    with pytest.raises(PoolReverted) as refused:
        ring.observe((), START, 0, 0)
    assert refused.value.revert is Revert.I


def test_the_first_observation_is_zeros_at_its_time() -> None:
    ring = ring_of(1, START + 3 * (1 << 32))
    assert ring.at(0) == Observation(START, 0, 0, True)
    assert (ring.index, ring.cardinality, ring.cardinality_next) == (0, 1, 1)


def test_an_observation_adds_the_tick_and_the_depth_that_were_in_force() -> None:
    ring = ring_of(2)
    ring.write(START + 7, -5, DEPTH)
    assert ring.at(1) == Observation(START + 7, -35, 7 * SECOND, True)
    ring.write(START + 9, 100, 2 * DEPTH)
    assert ring.at(0) == Observation(START + 9, 165, 8 * SECOND, True)


def test_without_liquidity_seconds_count_as_if_it_were_one() -> None:
    ring = ring_of(1)
    ring.write(START + 3, 0, 0)
    assert ring.at(0).seconds_per_liquidity_x128 == 3 << 128


def test_a_second_has_one_observation() -> None:
    ring = ring_of(3)
    ring.write(START + 1, 10, DEPTH)
    before = ring.copy()
    ring.write(START + 1, 99, DEPTH)
    assert ring == before
    assert ring.index == 1


def test_the_ring_lengthens_only_when_it_comes_to_its_end() -> None:
    ring = filled(2, 2)  # both slots written, the newest in slot 0
    assert (ring.index, ring.cardinality) == (0, 2)
    ring.grow(4)
    ring.write(START + 100, 0, DEPTH)
    assert (ring.index, ring.cardinality, ring.cardinality_next) == (1, 2, 4)
    ring.write(START + 101, 0, DEPTH)
    assert (ring.index, ring.cardinality, ring.cardinality_next) == (2, 4, 4)
    assert (ring.at(2).initialized, ring.at(3).initialized) == (True, False)


def test_reserved_slots_say_a_time_of_one_and_never_shrink() -> None:
    ring = ring_of(3)
    assert ring.at(2) == Observation(1, 0, 0, False)
    assert ring.at(3) == Observation(0, 0, 0, False)
    ring.grow(2)
    assert ring.cardinality_next == 3


@pytest.mark.parametrize("index", [-1, 65_535])
def test_refuses_a_slot_that_the_contract_does_not_have(index: int) -> None:
    assert ring_of(1).at(65_534) == Observation(0, 0, 0, False)
    with pytest.raises(PoolReverted) as refused:
        ring_of(1).at(index)
    assert refused.value.revert is Revert.NO_REASON


@pytest.mark.parametrize("start", [START, (1 << 32) - 25], ids=["plain", "times wrap around"])
@pytest.mark.parametrize("cardinality", [1, 2, 3, 4, 5, 8, 13])
@pytest.mark.parametrize("writes", [0, 1, 2, 3, 7, 13, 29])
def test_every_second_that_is_kept_is_found_and_the_one_before_is_not(
    cardinality: int, writes: int, start: int
) -> None:
    ring = filled(cardinality, writes, start)
    now = 10 * writes + 4  # four seconds after the last write, tick `writes` in force since
    oldest = 10 * max(0, writes + 1 - cardinality)
    agos = range(now - oldest + 1)
    ticks, depths = ring.observe(agos, start + now, writes, DEPTH)
    assert ticks == tuple(cumulative(now - ago) for ago in agos)
    assert depths == tuple((now - ago) * SECOND for ago in agos)
    for ago in (now - oldest + 1, now - oldest + 1000):
        with pytest.raises(PoolReverted) as refused:
            ring.observe((0, ago), start + now, writes, DEPTH)
        assert refused.value.revert is Revert.OLD


def test_slots_that_are_reserved_but_not_written_are_passed_over() -> None:
    ring = filled(2, 3)
    ring.grow(50)
    ring.write(START + 40, 3, DEPTH)  # the first of the long ring: 47 slots between it and the oldest are empty
    assert (ring.index, ring.cardinality) == (2, 50)
    assert ring.observe((0, 5, 10, 15, 20), START + 40, 0, DEPTH)[0] == (60, 45, 30, 20, 10)
    with pytest.raises(PoolReverted):
        ring.observe((21,), START + 40, 0, DEPTH)


def test_between_observations_the_tick_is_exact_and_the_depth_rounded_down() -> None:
    ring = ring_of(3)
    ring.write(START + 1, -1, 1)
    ring.write(START + 8, -3, 11)
    ticks, depths = ring.observe((6, 5), START + 8, 0, 1)
    assert ticks == (-4, -7)
    whole = (7 << 128) // 11
    assert depths == ((1 << 128) + whole // 7, (1 << 128) + whole * 2 // 7)


def test_time_may_pass_the_end_of_uint32() -> None:
    ring = filled(4, 3, (1 << 32) - 15)
    assert [ring.at(slot).time for slot in range(4)] == [UINT32_MASK - 14, UINT32_MASK - 4, 5, 15]
    assert ring.now((1 << 32) + 20, 3, DEPTH) == (cumulative(35), 35 * SECOND)
    assert ring.now(20, 3, DEPTH) == (cumulative(35), 35 * SECOND)


def test_cumulatives_wrap_around_at_the_contracts_widths() -> None:
    ring = ring_of(2)
    for _ in range(10):
        ring.write(ring.at(ring.index).time + UINT32_MASK, 887_271, 0)
    newest = ring.at(ring.index)
    assert newest.tick_cumulative == wrap_int56(10 * UINT32_MASK * 887_271) < 10 * UINT32_MASK * 887_271
    assert newest.seconds_per_liquidity_x128 == (10 * UINT32_MASK << 128) & UINT160_MASK
    ago_ticks, ago_depths = ring.observe((0, 1), newest.time + 1, 887_271, DEPTH)
    assert wrap_int56(ago_ticks[0] - ago_ticks[1]) == 887_271
    assert ago_depths[0] - ago_depths[1] & UINT160_MASK == SECOND


@pytest.mark.parametrize(
    ("value", "kept"), [(0, 0), (-1, -1), ((1 << 55) - 1, (1 << 55) - 1), (1 << 55, -(1 << 55)), (1 << 56, 0)]
)
def test_an_int56_wraps_around(value: int, kept: int) -> None:
    assert wrap_int56(value) == kept


@pytest.mark.parametrize("seconds", [-1, 1 << 32])
def test_refuses_seconds_that_are_no_uint32(seconds: int) -> None:
    with pytest.raises(ValueError, match="uint32"):
        ring_of(1).observe((seconds,), START, 0, 0)


def test_a_copy_goes_its_own_way() -> None:
    ring = filled(3, 2)
    other = ring.copy()
    assert other == ring
    other.write(START + 500, 1, 1)
    assert other != ring
    assert ring == filled(3, 2)

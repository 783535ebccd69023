"""The paper vault: it pays what was planned, refuses what cannot be, and its time goes one way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.mirror import MirrorParams, apply, moves, seeding
from bot.core.plan import Plan, make_plan
from bot.core.postings import postings_of
from bot.errors import InvariantBroken
from bot.paper import BLOCK_SECONDS, PaperMarket, gas_of, made_market
from tests.backtests.markets import DAY, START, panel_of, walk
from tests.builders import LIMITS, MONEY, STILL, market_of, pools_of, universe_of

PAIR = universe_of()
USDC = 10**6


def paper(**more: object) -> PaperMarket:
    prices = {"v1": 4.0, "v2": 0.07}
    return made_market(PAIR, prices, 100_000 * USDC, STILL, START, **more)  # type: ignore[arg-type]


async def plan_of(market: PaperMarket, *weights: float) -> Plan:
    return make_plan(np.array([1.0 - sum(weights), *weights]), await market.market(), PAIR, LIMITS)


async def filled(market: PaperMarket, *weights: float) -> Plan:
    plan = await plan_of(market, *weights)
    assert await market.send(await market.sign(plan, 1, market.now()))
    return plan


def test_its_pools_start_just_as_the_devnets_do() -> None:
    market = paper()
    assert market.pools == {
        venue.id: seeding(venue, MONEY.decimals, price, STILL.depth).pool()
        for venue, price in zip(PAIR.risky, (4.0, 0.07), strict=True)
    }


def test_a_venue_that_never_has_a_price_has_no_pool() -> None:
    assert list(made_market(PAIR, {"v2": 1.0}, 1, STILL, START).pools) == ["v2"]


async def test_a_market_once_read_does_not_change() -> None:
    market = paper()
    before = await market.market()
    pools, units = dict(before.pools), dict(before.units)
    await filled(market, 0.1, 0.1)
    assert (before.pools, before.units, before.idle, before.nonce) == (pools, units, 100_000 * USDC, 0)
    after = await market.market()
    assert (after.nonce, after.block) == (1, before.block + 1)
    assert after.block_hash != before.block_hash


async def test_a_preview_changes_nothing_and_is_what_is_then_paid() -> None:
    market = paper()
    plan = await plan_of(market, 0.1, 0.1)
    seen = await market.market()
    preview = await market.preview(plan, seen)
    assert await market.market() == seen
    receipt = await market.send(await market.sign(plan, 1, START))
    assert receipt is not None
    assert preview.ok
    assert preview.received == tuple(fill.received for fill in receipt.fills)
    assert preview.gas == receipt.gas_used == gas_of(2)


async def test_going_in_and_out_again_loses_the_fee_twice_and_no_unit_is_lost() -> None:
    market = paper()
    await filled(market, 0.1, 0.1)
    back = await filled(market, 0.0, 0.0)
    assert [leg.entry for leg in back.legs] == [False, False]
    assert market.units == {"v1": 0, "v2": 0}
    lost = 100_000 * USDC - market.idle
    fees = 2 * 10_000 * USDC * (3_000 + 500) / 1e6
    assert lost == pytest.approx(fees, rel=0.01)


@given(st.lists(st.tuples(st.floats(0.0, 0.2), st.floats(0.0, 0.2)), min_size=1, max_size=4))
async def test_the_books_made_from_its_receipts_are_what_it_holds(targets: list[tuple[float, float]]) -> None:
    market = paper(gas_price=3)
    books: dict[tuple[str, str], int] = {}
    for number, target in enumerate(targets):
        plan = await plan_of(market, *target)
        receipt = await market.send(await market.sign(plan, number, market.now()))
        assert receipt is not None
        for posting in postings_of(receipt, PAIR):
            key = posting.account, posting.token
            books[key] = books.get(key, 0) + posting.amount
    assert market.idle == 100_000 * USDC + books.get(("idle", MONEY.address), 0)
    for venue in PAIR.risky:
        assert market.units[venue.id] == books.get((f"venue:{venue.id}", venue.token.address), 0)


async def test_a_plan_for_another_nonce_is_not_filled() -> None:
    market = paper()
    plan = await plan_of(market, 0.1, 0.1)
    intent = await market.sign(plan, 1, START)
    await market.send(intent)
    with pytest.raises(InvariantBroken, match="paper vault is at nonce 1, the plan is for 0"):
        await market.send(intent)


@pytest.mark.parametrize("entry", [True, False])
async def test_a_vault_that_cannot_pay_is_an_error_of_ours(entry: bool) -> None:
    market = paper()
    plan = await plan_of(market, 0.1, 0.0)
    leg = replace(plan.legs[0], entry=entry, amount=100_001 * USDC if entry else 1)
    with pytest.raises(InvariantBroken, match="paper vault cannot pay"):
        await market.send(await market.sign(replace(plan, legs=(leg,)), 1, START))


async def test_the_fate_of_an_intent_is_known_once_it_is_sent_or_forgotten() -> None:
    market = paper()
    intent = await market.sign(await plan_of(market, 0.1, 0.0), 1, START)
    assert await market.outcome(intent) is None
    receipt = await market.send(intent)
    assert await market.outcome(intent) == receipt
    other = await market.sign(await plan_of(market, 0.0, 0.1), 2, START)
    market.forget(other)
    never = await market.outcome(other)
    assert never is not None
    assert (never.ok, never.tx_hash, never.gas_cost) == (False, other.tx_hash, 0)
    assert postings_of(never, PAIR) == ()


async def test_two_plans_have_two_hashes_and_one_plan_one() -> None:
    market = paper()
    one, two = await plan_of(market, 0.1, 0.0), await plan_of(market, 0.0, 0.1)
    assert (await market.sign(one, 1, START)).tx_hash == (await market.sign(one, 2, START + 1)).tx_hash
    assert (await market.sign(one, 1, START)).tx_hash != (await market.sign(two, 1, START)).tx_hash


async def test_a_step_moves_every_pool_as_the_mirror_does_in_one_block() -> None:
    market, panel = paper(), panel_of(walk(3, 2))
    made = moves(MirrorParams(3, 100, STILL.depth), PAIR, panel, 1)
    expected = {one.venue: apply(market.pools[one.venue], one) for one in made}
    await market.step(START + DAY, made)
    assert market.pools == expected
    assert (market.now(), market.block) == (START + DAY, 1)


async def test_each_thing_that_happens_is_a_block_and_time_never_goes_back() -> None:
    market = paper()
    await market.settle()
    assert (market.now(), market.block) == (START + 1_800, 1)
    await filled(market, 0.1, 0.0)
    assert (market.now(), market.block) == (START + 1_800 + BLOCK_SECONDS, 2)
    with pytest.raises(InvariantBroken, match="time cannot go back"):
        await market.step(START, ())
    await market.advance(START + 9_000)
    assert market.now() == START + 9_000
    await market.advance(START)
    assert market.now() == START + 9_001


class Outside:
    """Pools of a chain that other people move."""

    def __init__(self) -> None:
        self.price, self.block = 4.0, 70

    async def market(self) -> object:
        self.block += 1
        return market_of(PAIR, pools_of(PAIR, [self.price, 0.07]), 0, block=self.block, time=START + self.block)


async def test_over_a_chain_it_fills_at_the_chains_prices_and_moves_none_of_them() -> None:
    outside = Outside()
    market = PaperMarket(PAIR, {}, 100_000 * USDC, START, source=outside)  # type: ignore[arg-type]
    plan = await filled(market, 0.1, 0.0)
    assert market.pools == pools_of(PAIR, [4.0, 0.07])
    assert market.units["v1"] == plan.legs[0].expected
    outside.price = 8.0
    seen = await market.market()
    assert (seen.block, seen.time) == (72, START + 72)
    assert seen.value(PAIR, "v1") == pytest.approx(2 * 10_000 * USDC, rel=0.01)
    assert (seen.idle, seen.nonce) == (90_000 * USDC, 1)

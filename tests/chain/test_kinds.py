"""Liquidity, coins and revenue shares through the vault: what the market says of them, and what they then pay."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import count

import pytest
import pytest_asyncio

from bot.chain.devnet.devnet import Devnet, devnet
from bot.chain.multicall import Call, read
from bot.chain.reader import ChainReader
from bot.core.amm.range_position import range_around
from bot.core.deal import deal_of
from bot.core.market import Market
from bot.core.plan import Plan
from bot.core.universe import Universe
from bot.errors import ChainError
from tests.chain.kind_worlds import PRICES, USDC, moved_to, reader_of, spec_with, undone
from tests.chain.worlds import START, moved, next_bar, steps_between

pytestmark = [pytest.mark.fork, pytest.mark.asyncio(loop_scope="module")]

RANGE, COIN, SONG = 0, 1, 2
LATER = count()  # seconds: a step that was done is not done again, not even after the chain was set back


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def made(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Devnet]:
    async with devnet(spec_with("range", "coin", "song"), tmp_path_factory.mktemp("kinds")) as running:
        await live(running, 1)  # until the adapters are old enough to be priced
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def chain(made: Devnet) -> AsyncIterator[Devnet]:
    async with undone(made):
        yield made


@pytest.fixture
def reader(chain: Devnet) -> ChainReader:
    return reader_of(chain)


async def live(chain: Devnet, bars: int, seed: int = 3) -> None:
    """Bars of the market, which end at the prices that it began with; each time everybody uses the song."""
    before = dict(PRICES)
    for number in range(bars):
        after = dict(PRICES) if number == bars - 1 else moved(PRICES, seed + number)
        at = max(START, next_bar(await chain.now())) + next(LATER)
        await chain.step(at, steps_between(chain.universe, at, before, after))
        await chain.settle()
        before = after


def weights(place: int, weight: float) -> tuple[float, ...]:
    return tuple(weight if number == place else 0.0 for number in range(3))


async def asked(chain: Devnet, target: str, function: str, *returns: str) -> tuple[int, ...]:
    return await read(chain.rpc, Call(target, f"{function}()", (), returns or ("uint256",)))


def as_planned(market: Market, universe: Universe, plan: Plan) -> bool:
    """Whether the plan's only leg is what the arithmetic says of the market that it was made of."""
    (leg,) = plan.legs
    deal = deal_of(universe[leg.venue], market, leg.entry, leg.amount)
    return (deal.received, deal.exact) == (leg.expected, True)


async def test_a_position_of_liquidity_is_read_as_it_is(chain: Devnet, reader: ChainReader) -> None:
    venue = chain.universe["range"]
    before, plan, (entry,) = await moved_to(chain, reader, *weights(RANGE, 0.2))
    assert before.positions == {}
    assert entry.received == plan.legs[0].expected
    held = (await reader.market()).positions["range"]
    assert (held.lower, held.upper) == range_around(before.pools["range"], venue.width_bps) == plan.legs[0].terms[:2]
    assert held.liquidity == entry.received

    await live(chain, 3)
    market = await reader.market()
    held = market.positions["range"]
    assert held.owed == await asked(chain, venue.adapter, "owed", "uint256", "uint256")
    assert min(held.owed) > 0
    bare = replace(market, positions={"range": replace(held, owed=(0, 0))})
    earned = held.owed[1] + held.owed[0] * PRICES["range"] / 10**12
    assert market.value(chain.universe, "range") - bare.value(chain.universe, "range") == pytest.approx(
        earned, rel=0.01
    )

    _, plan, (part,) = await moved_to(chain, reader, *weights(RANGE, 0.1))
    assert part.received == plan.legs[0].expected
    assert (await reader.market()).positions["range"].liquidity == held.liquidity - part.amount
    _, plan, (rest,) = await moved_to(chain, reader, *weights(RANGE, 0.0))
    assert (rest.amount, rest.received) == (held.liquidity - part.amount, plan.legs[0].expected)
    assert (await reader.market()).positions == {}


async def test_money_that_liquidity_does_not_take_stays_idle(chain: Devnet, reader: ChainReader) -> None:
    before, plan, (entry,) = await moved_to(chain, reader, *weights(RANGE, 0.2))
    after = await reader.market()
    assert before.idle - after.idle == entry.amount <= plan.legs[0].amount
    assert plan.legs[0].amount - entry.amount < 10, "less than a unit of liquidity costs"


@pytest.mark.parametrize("place", [COIN, SONG])
async def test_what_is_swapped_pays_to_the_unit(chain: Devnet, reader: ChainReader, place: int) -> None:
    market, plan, (entry,) = await moved_to(chain, reader, *weights(place, 0.1))
    assert as_planned(market, chain.universe, plan)
    assert entry.received == plan.legs[0].expected
    assert plan.legs[0].amount == pytest.approx(10_000 * USDC, rel=0.01)
    await live(chain, 2)
    market, plan, (rest,) = await moved_to(chain, reader, *weights(place, 0.0))
    assert as_planned(market, chain.universe, plan)
    assert (rest.amount, rest.received) == (entry.received, plan.legs[0].expected)
    assert (await reader.market()).units == dict.fromkeys(chain.universe.ids[1:], 0)


async def test_what_wrapped_shares_have_earned_is_due(chain: Devnet, reader: ChainReader) -> None:
    venue = chain.universe["song"]
    _, plan, (entry,) = await moved_to(chain, reader, *weights(SONG, 0.1))
    before = await reader.market()
    assert before.dues == {"song": (await asked(chain, venue.token.address, "fullX128"))[0]}
    assert entry.amount < plan.legs[0].amount, "the money that was in the shares comes back"
    await live(chain, 1)
    market = await reader.market()
    assert market.dues["song"] > before.dues["song"] > 0
    each = market.dues["song"] - before.dues["song"]
    assert each * 10**8 * 10**18 >> 128 == pytest.approx(50_000 * USDC, rel=1e-6), "five uses, shared by all"
    assert market.due("song", entry.received) == -(-entry.received * market.dues["song"] >> 128)


async def test_what_the_vault_collects_is_income_and_changes_no_units(chain: Devnet, reader: ChainReader) -> None:
    await moved_to(chain, reader, *weights(SONG, 0.1))
    before = await reader.market()
    await live(chain, 1)  # everybody uses the song, and somebody brings us our share
    after = await reader.market()
    share = before.units["song"] * 50_000 * USDC // (10**8 * 10**18)
    assert after.units == before.units
    assert after.idle - before.idle == pytest.approx(share, abs=1)


@pytest.mark.parametrize(("venue", "who"), [("range", "range's adapter"), ("song", "song's wrapper")])
async def test_a_contract_that_does_not_answer_is_named(
    chain: Devnet, reader: ChainReader, venue: str, who: str
) -> None:
    await moved_to(chain, reader, *weights(RANGE, 0.1))
    market, nobody = await reader.market(), "0x" + "12" * 20
    found = chain.universe[venue]
    gone = replace(found, adapter=nobody, token=replace(found.token, address=nobody))
    others = tuple(gone if one.id == venue else one for one in chain.universe.venues)
    with pytest.raises(ChainError, match=f"{who} does not answer: wrong address or wrong chain"):
        await reader_of_universe(chain, Universe(chain.universe.money, others))._kinds.complete(market)


def reader_of_universe(chain: Devnet, universe: Universe) -> ChainReader:
    return ChainReader(chain.rpc, universe, chain.vault)

"""Exact quotes against the real periphery: QuoterV2 on real pools, to the last unit, over one hop and over several.

Random markets from fixed seeds: four fee tiers between three tokens, sizes from dust to more than there is.
PATRON_PARITY_MARKETS asks for more of them.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from random import Random

import pytest

from bot.core.amm.concentrated import NotEnoughLiquidity, Pool, pool_at, with_liquidity
from bot.core.amm.quotes import Hop, NothingOut, Quote, Route, least_in, quote, quote_exact_out
from bot.core.amm.tick_math import MAX_SQRT_RATIO, MAX_TICK, MIN_SQRT_RATIO, sqrt_ratio_at_tick
from tests.parity.evm import (
    FACTORY,
    MARKET_MAKER,
    MEDIA_TOKEN,
    NOBODY,
    OWNER,
    PERIPHERY,
    SUPPLY,
    Machine,
    Reverted,
)

QUOTER = f"{PERIPHERY}/lens/QuoterV2.sol/QuoterV2.json"
MARKETS = max(2, int(os.environ.get("PATRON_PARITY_MARKETS", "40")) // 5)
SPACING = {100: 1, 500: 10, 3_000: 60, 10_000: 200}
SINGLE = ("uint256", "uint160", "uint32", "uint256")
PATH = ("uint256", "uint160[]", "uint32[]", "uint256")


@dataclass(frozen=True, slots=True)
class Edge:
    """One way through one real pool, with the mirror of the pool."""

    token_in: str
    token_out: str
    fee_pips: int
    hop: Hop


class Exchange:
    """Three real tokens, real pools between them, and a real QuoterV2."""

    def __init__(self, rnd: Random) -> None:
        machine = self.machine = Machine()
        kinds = ("string", "string", "address", "uint256")
        tokens = [machine.deploy(MEDIA_TOKEN, kinds, (name, name, OWNER, SUPPLY)) for name in ("A", "B", "C")]
        self.factory = machine.deploy(FACTORY)
        machine.call(self.factory, "enableFeeAmount(uint24,int24)", (100, 1))
        self.quoter = machine.deploy(QUOTER, ("address", "address"), (self.factory, NOBODY))
        self.maker = machine.deploy(MARKET_MAKER, ("address",), (OWNER,))
        for token in tokens:
            machine.call(token, "transfer(address,uint256)", (self.maker, SUPPLY))
        self.edges: list[Edge] = []
        for pair in ((0, 1), (1, 2), (0, 2)):
            for fee_pips in rnd.sample(sorted(SPACING), rnd.randint(1, 3)):
                one, two = sorted((tokens[pair[0]], tokens[pair[1]]), key=str.lower)
                pool = self._open(rnd, one, two, fee_pips)
                self.edges += [Edge(one, two, fee_pips, Hop(pool, True)), Edge(two, one, fee_pips, Hop(pool, False))]

    def _open(self, rnd: Random, token0: str, token1: str, fee_pips: int) -> Pool:
        """A pool with up to five positions, and its mirror."""
        create = "createPool(address,address,uint24)"
        (address,) = self.machine.call(self.factory, create, (token0, token1, fee_pips), ("address",))
        tick, spacing = rnd.randint(-40_000, 40_000), SPACING[fee_pips]
        price = rnd.randint(sqrt_ratio_at_tick(tick), sqrt_ratio_at_tick(tick + 1) - 1)
        self.machine.call(address, "initialize(uint160)", (price,))
        pool = pool_at(price, fee_pips, spacing, [])
        for _ in range(rnd.randint(1, 5)):
            whole = rnd.random() < 0.3
            lower = (
                -MAX_TICK // spacing * spacing + spacing if whole else (tick // spacing - rnd.randint(0, 40)) * spacing
            )
            upper = MAX_TICK // spacing * spacing if whole else (tick // spacing + rnd.randint(1, 40)) * spacing
            liquidity = int(10 ** rnd.uniform(6, 24))
            seed = "seed(address,int24,int24,uint128)"
            self.machine.call(self.maker, seed, (address, lower, upper, liquidity), ("uint256", "uint256"))
            pool = with_liquidity(pool, lower, upper, liquidity)
        return pool

    def single(self, edge: Edge, amount: int, exact_in: bool, limit: int = 0) -> tuple[int, int, int]:
        """(amount, price after, initialised ticks crossed) from the quoter."""
        function = f"quoteExact{'In' if exact_in else 'Out'}putSingle((address,address,uint256,uint24,uint160))"
        order = (edge.token_in, edge.token_out, amount, edge.fee_pips, limit)
        other, price, crossed, _ = self.machine.call(self.quoter, function, (order,), SINGLE)
        return other, price, crossed

    def path(self, edges: list[Edge], amount: int, exact_in: bool) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
        """(amount, prices after, ticks crossed), hop by hop in the order of the swap."""
        ordered = edges if exact_in else edges[::-1]
        packed = bytes.fromhex((ordered[0].token_in if exact_in else ordered[0].token_out)[2:])
        for edge in ordered:
            packed += edge.fee_pips.to_bytes(3, "big")
            packed += bytes.fromhex((edge.token_out if exact_in else edge.token_in)[2:])
        function = f"quoteExact{'In' if exact_in else 'Out'}put(bytes,uint256)"
        other, prices, crossed, _ = self.machine.call(self.quoter, function, (packed, amount), PATH)
        step = 1 if exact_in else -1
        return other, tuple(prices)[::step], tuple(crossed)[::step]

    def route(self, rnd: Random, hops: int) -> list[Edge]:
        """A random row of hops, none of them twice through one pool: the quoter forgets what it swapped."""
        found = [rnd.choice(self.edges)]
        while len(found) < hops:
            used = {(edge.fee_pips, *sorted((edge.token_in, edge.token_out))) for edge in found}
            following = [
                edge
                for edge in self.edges
                if edge.token_in == found[-1].token_out
                and (edge.fee_pips, *sorted((edge.token_in, edge.token_out))) not in used
            ]
            if not following:
                break
            found.append(rnd.choice(following))
        return found


def price_of(hop: Hop) -> int:
    assert isinstance(hop.market, Pool)
    return hop.market.sqrt_price_x96


def counted(before: Hop, after: Hop) -> int:
    """Ticks crossed as the quoter counts them, from the two ends alone and for an estimate of gas.

    It rounds both ticks towards zero to the spacing and counts what is initialised from one to the other, both
    included; only an end that lies exactly on an initialised tick, where it was not crossed, is left out. So it says
    one tick too many when rounding takes an end over an initialised tick.
    """
    pool, ended = before.market, after.market
    assert isinstance(pool, Pool)
    assert isinstance(ended, Pool)
    spacing, initialised = pool.tick_spacing, {tick for tick, _ in pool.ticks}
    low, high = sorted(abs(tick) // spacing * spacing * (1 if tick >= 0 else -1) for tick in (pool.tick, ended.tick))
    count = sum(low <= tick <= high for tick in initialised)
    if ended.tick < pool.tick:
        return count - (ended.tick in initialised)
    return count - (pool.tick in initialised and pool.tick < ended.tick)


def seen_by_quoter(route: Route, done: Quote, exact_in: bool) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
    """What the quoter should say; its count of ticks is either that of the swap or explained by how it counts."""
    amount = done.amount_out if exact_in else done.amount_in
    counts = tuple(counted(before, after) for before, after in zip(route, done.after, strict=True))
    for count, crossed in zip(counts, done.ticks_crossed, strict=True):
        assert crossed <= count <= crossed + 2
    return amount, tuple(price_of(hop) for hop in done.after), counts


def at_an_end(price: int) -> bool:
    return price in (MIN_SQRT_RATIO + 1, MAX_SQRT_RATIO - 1)


@pytest.mark.parametrize("exact_in", [True, False], ids=["exact input", "exact output"])
def test_a_single_quote_is_the_quoters_to_the_wei(exact_in: bool) -> None:
    rnd, seen = Random(11 + exact_in), Counter[str]()
    for _ in range(MARKETS):
        exchange = Exchange(rnd)
        for _ in range(40):
            edge, amount = rnd.choice(exchange.edges), int(10 ** rnd.uniform(0, 27))
            try:
                done = (quote if exact_in else quote_exact_out)((edge.hop,), amount)
            except NotEnoughLiquidity:
                # An exact input that does not fit is quoted in part, an exact output is refused.
                if exact_in:
                    assert at_an_end(exchange.single(edge, amount, exact_in)[1])
                else:
                    with pytest.raises(Reverted):
                        exchange.single(edge, amount, exact_in)
                seen["too large"] += 1
                continue
            other, price, crossed = exchange.single(edge, amount, exact_in)
            assert (other, (price,), (crossed,)) == seen_by_quoter((edge.hop,), done, exact_in)
            seen["quotes"] += 1
            seen["counts that are the crossings"] += (crossed,) == done.ticks_crossed
            seen["crossings"] += crossed
    assert seen["quotes"] >= 15 * MARKETS, seen
    assert min(seen["crossings"], seen["too large"]) >= MARKETS, seen
    assert seen["counts that are the crossings"] >= 0.8 * seen["quotes"], seen


@pytest.mark.parametrize("exact_in", [True, False], ids=["exact input", "exact output"])
def test_a_quote_over_several_hops_is_the_quoters_to_the_wei(exact_in: bool) -> None:
    rnd, seen = Random(21 + exact_in), Counter[str]()
    for _ in range(MARKETS):
        exchange = Exchange(rnd)
        for _ in range(40):
            edges, amount = exchange.route(rnd, rnd.randint(2, 4)), int(10 ** rnd.uniform(0, 24))
            route = tuple(edge.hop for edge in edges)
            try:
                done = (quote if exact_in else quote_exact_out)(route, amount)
            except NothingOut:
                with pytest.raises(Reverted):
                    exchange.path(edges, amount, exact_in)
                seen["refused"] += 1
                continue
            except NotEnoughLiquidity:
                try:
                    _, prices, _ = exchange.path(edges, amount, exact_in)
                except Reverted:
                    seen["refused"] += 1
                else:  # only an exact input that did not fit is quoted, in part
                    assert exact_in
                    assert any(at_an_end(price) for price in prices)
                continue
            assert exchange.path(edges, amount, exact_in) == seen_by_quoter(route, done, exact_in)
            seen[f"{len(edges)} hops"] += 1
            seen["crossings"] += sum(done.ticks_crossed)
    assert min(seen["2 hops"], seen["3 hops"], seen["crossings"], seen["refused"]) >= MARKETS, seen


def test_the_least_input_is_enough_for_the_quoter_and_one_unit_less_is_not() -> None:
    rnd, seen = Random(31), Counter[str]()
    for _ in range(MARKETS):
        exchange = Exchange(rnd)
        for _ in range(20):
            edge, wanted = rnd.choice(exchange.edges), int(10 ** rnd.uniform(0, 22))
            try:
                done = least_in((edge.hop,), wanted)
            except NotEnoughLiquidity:
                continue
            assert exchange.single(edge, done.amount_in, True)[0] == done.amount_out >= wanted
            if done.amount_in > 1:
                assert exchange.single(edge, done.amount_in - 1, True)[0] < wanted
            seen["found"] += 1
            seen["as the exact output"] += done.amount_in == exchange.single(edge, wanted, False)[0]
    assert seen["found"] >= 8 * MARKETS, seen
    assert seen["as the exact output"] >= 0.9 * seen["found"], seen


def test_the_referee_notices_a_little_liquidity() -> None:
    exchange = Exchange(Random(41))
    edge, amount = exchange.edges[0], 10**9
    pool = edge.hop.market
    assert isinstance(pool, Pool)
    assert exchange.single(edge, amount, True)[:2] == told(edge.hop, amount)
    deeper = with_liquidity(pool, pool.ticks[0][0], pool.ticks[-1][0], pool.liquidity // 1000 + 1)
    assert exchange.single(edge, amount, True)[:2] != told(Hop(deeper, edge.hop.zero_for_one), amount)


def told(hop: Hop, amount: int) -> tuple[int, int]:
    done = quote((hop,), amount)
    return done.amount_out, price_of(done.after[0])

"""Exact quotes: what a swap pays, what an amount costs, and how much fits within a loss, over one pool or several.

A route is a row of hops, each over a concentrated pool or a constant product pair. Every number is what the contracts
would give in the same state: an exact input or output over concentrated pools equals the periphery's QuoterV2 to the
last unit, a pair's equals its router library. Nothing is remembered between calls; a quote carries the markets as the
swap would leave them. Amounts are raw units. Gas is not part of a quote.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeGuard

from bot.core.amm.concentrated import NotEnoughLiquidity, Pool, UnknownTicks, swap, swap_exact_in
from bot.core.amm.constant_product import RESERVE_MAX, amount_in, amount_out
from bot.core.amm.search import last_accepted
from bot.core.amm.swap_math import PIPS
from bot.core.fixedpoint import Q192, mul_div_down
from bot.core.units import BPS

PAIR_FEE_PIPS: Final = 3_000
_SCALE: Final = 128  # binary places of an excess, which only steers a search


class NothingOut(ValueError):
    """The amount is so small that a hop would pay nothing: the next one, or the pair itself, refuses that."""


@dataclass(frozen=True, slots=True)
class Reserves:
    """A constant product pair's two reserves at one block."""

    reserve0: int
    reserve1: int


@dataclass(frozen=True, slots=True)
class Hop:
    """One market of a route and the way through it; zero_for_one: token0 in, token1 out."""

    market: Pool | Reserves
    zero_for_one: bool


Route = tuple[Hop, ...]


@dataclass(frozen=True, slots=True)
class Quote:
    """A swap over a route. after: the same hops with their markets as the swap leaves them; ticks_crossed: per hop."""

    amount_in: int
    amount_out: int
    after: Route
    ticks_crossed: tuple[int, ...]


def quote(route: Route, given: int) -> Quote:
    """What an exact input pays.

    Raises ValueError for an empty route or an input that is not a positive int256, NotEnoughLiquidity when a market
    cannot take all of it, UnknownTicks when a hop would leave the ticks that were read, NothingOut for dust.
    """
    _require_hops(route)
    amount = given
    after: list[Hop] = []
    crossed: list[int] = []
    for hop in route:
        if amount == 0 and after:
            raise NothingOut(f"an input of {given} pays nothing after {len(after)} hops")
        amount, market, ticks = _exact_in(hop, amount)
        after.append(Hop(market, hop.zero_for_one))
        crossed.append(ticks)
    return Quote(given, amount, tuple(after), tuple(crossed))


def quote_exact_out(route: Route, wanted: int) -> Quote:
    """What an exact output costs when each market is asked for an exact output, last hop first.

    That is how the contracts' own exact-output calls proceed; see `least_in` for what an exact input needs. Raises as
    `quote` does; NotEnoughLiquidity when a market does not have the amount.
    """
    _require_hops(route)
    amount, after, crossed = wanted, [], []
    for hop in reversed(route):
        amount, market, ticks = _exact_out(hop, amount)
        after.append(Hop(market, hop.zero_for_one))
        crossed.append(ticks)
    return Quote(amount, wanted, tuple(reversed(after)), tuple(reversed(crossed)))


def least_in(route: Route, wanted: int) -> Quote:
    """The quote of the least exact input that pays at least `wanted`.

    Within a few units of what the exact output costs, on either side: the two round differently. Raises as
    `quote_exact_out` does.
    """
    start = quote_exact_out(route, wanted).amount_in

    def excess(given: int) -> int | None:
        """Above 0, or None where a market is exhausted, once an input pays enough."""
        try:
            return quote(route, given).amount_out + 1 - wanted
        except NothingOut:
            return 1 - wanted
        except NotEnoughLiquidity:
            return None

    low, high, step = 0, start, 1
    low_excess, high_excess = 1 - wanted, excess(start)
    if _accepted(high_excess):  # the exact input pays less: look upwards, in steps that double
        while _accepted(high_excess):
            low, low_excess, high = high, high_excess, high + step
            high_excess, step = excess(high), step * 2
    else:
        while high - step > 0:
            found = excess(high - step)
            if _accepted(found):
                low, low_excess = high - step, found
                break
            high, high_excess, step = high - step, found, step * 2
    return quote(route, last_accepted(excess, low, high, low_excess, high_excess) + 1)


def largest_within(route: Route, most: int, max_loss_bps: int, in_money: bool) -> Quote | None:
    """The quote of the greatest input, at most `most`, that loses at most so much of its value at spot.

    The loss holds fees and price impact, see `value_and_loss`. A size larger by one raw unit of input or of money,
    whichever is coarser, loses more; where values are rounded to units much coarser than the input, single sizes a
    little larger may pass again. None when nothing is given, when the fees alone are as much as the loss allowed,
    or when no size fits.
    In about fifteen swaps: between two ticks of a concentrated pool, and everywhere on a pair, input divided by
    output is linear in the input, so the excess over the allowed loss is taken per unit received.
    """
    quoted: dict[int, Quote] = {}

    def excess(given: int) -> int | None:
        try:
            quoted[given] = done = quote(route, given)
        except (NotEnoughLiquidity, UnknownTicks):
            return None
        except NothingOut:
            return 0 if max_loss_bps >= BPS else None
        value, loss = value_and_loss(route, done, in_money)
        return -(-(loss * BPS - value * max_loss_bps << _SCALE) // max(1, value - loss))

    if most <= 0:
        return None
    of_all = excess(most)
    if _accepted(of_all):
        return quoted.get(most)
    kept, whole = kept_of_fees(route)
    of_none = -(-((whole - kept) * BPS - whole * max_loss_bps << _SCALE) // kept)
    if of_none >= 0:
        return None
    numerator, denominator = spot(route)
    unit = 1 if in_money else max(1, denominator // numerator)
    return quoted.get(last_accepted(excess, 0, most, of_none, of_all, unit))


def spot(route: Route) -> tuple[int, int]:
    """(numerator, denominator) of the output per input at an infinitely small size, without fees."""
    numerator, denominator = 1, 1
    for hop in route:
        market = hop.market
        if isinstance(market, Reserves):
            token1, token0 = market.reserve1, market.reserve0
        else:
            token1, token0 = market.sqrt_price_x96 * market.sqrt_price_x96, Q192
        numerator *= token1 if hop.zero_for_one else token0
        denominator *= token0 if hop.zero_for_one else token1
    return numerator, denominator


def kept_of_fees(route: Route) -> tuple[int, int]:
    """(numerator, denominator) of what the hops' fees leave of an input."""
    numerator, denominator = 1, 1
    for hop in route:
        numerator *= PIPS - (PAIR_FEE_PIPS if isinstance(hop.market, Reserves) else hop.market.fee_pips)
        denominator *= PIPS
    return numerator, denominator


def value_and_loss(route: Route, done: Quote, in_money: bool) -> tuple[int, int]:
    """(value given, value given minus value received), in money at spot before the swap, each value rounded down.

    in_money: whether the route's input is the money; otherwise its output is.
    """
    numerator, denominator = spot(route)
    if in_money:
        return done.amount_in, done.amount_in - mul_div_down(done.amount_out, denominator, numerator)
    value = mul_div_down(done.amount_in, numerator, denominator)
    return value, value - done.amount_out


def _accepted(excess: int | None) -> TypeGuard[int]:
    return excess is not None and excess <= 0


def _require_hops(route: Route) -> None:
    if not route:
        raise ValueError("a route needs at least one hop")


def _exact_in(hop: Hop, given: int) -> tuple[int, Pool | Reserves, int]:
    """(amount out, market after, ticks crossed)."""
    market = hop.market
    if isinstance(market, Pool):
        done = swap_exact_in(market, hop.zero_for_one, given)
        return -(done.amount1 if hop.zero_for_one else done.amount0), done.pool, done.ticks_crossed
    reserve_in, reserve_out = _sides(market, hop.zero_for_one)
    if reserve_in + given > RESERVE_MAX:
        raise NotEnoughLiquidity(f"a pair cannot hold {given} more: its reserve would leave uint112")
    received = amount_out(given, reserve_in, reserve_out)
    if received == 0:
        raise NothingOut(f"an input of {given} pays nothing in a pair")
    return received, _moved(market, hop.zero_for_one, given, received), 0


def _exact_out(hop: Hop, wanted: int) -> tuple[int, Pool | Reserves, int]:
    """(amount in, market after, ticks crossed)."""
    market = hop.market
    if isinstance(market, Pool):
        if wanted <= 0:
            raise ValueError(f"an exact output must be positive (got {wanted})")
        done = swap(market, hop.zero_for_one, -wanted)
        received, paid = (-done.amount1, done.amount0) if hop.zero_for_one else (-done.amount0, done.amount1)
        if received != wanted:
            raise NotEnoughLiquidity(f"the pool pays {received} of {wanted} before its liquidity ends")
        return paid, done.pool, done.ticks_crossed
    reserve_in, reserve_out = _sides(market, hop.zero_for_one)
    if wanted >= reserve_out:
        raise NotEnoughLiquidity(f"a pair with {reserve_out} cannot pay {wanted}")
    paid = amount_in(wanted, reserve_in, reserve_out)
    if reserve_in + paid > RESERVE_MAX:
        raise NotEnoughLiquidity(f"a pair cannot hold {paid} more: its reserve would leave uint112")
    return paid, _moved(market, hop.zero_for_one, paid, wanted), 0


def _sides(pair: Reserves, zero_for_one: bool) -> tuple[int, int]:
    return (pair.reserve0, pair.reserve1) if zero_for_one else (pair.reserve1, pair.reserve0)


def _moved(pair: Reserves, zero_for_one: bool, paid: int, received: int) -> Reserves:
    if zero_for_one:
        return Reserves(pair.reserve0 + paid, pair.reserve1 - received)
    return Reserves(pair.reserve0 - received, pair.reserve1 + paid)

"""What others could take from a planned swap: sandwiches, and liquidity that is there for one swap only.

What-ifs in exact integers on a state that was read, for an attacker with unlimited capital who orders the block as he
likes. His gas is left out and he owns none of the liquidity, so that he pays the pool's whole fee: gas makes attacks
dearer than said here, liquidity of his own makes them cheaper. Whoever he is, a swap never pays less than the amount
below which it reverts.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

from bot.core.amm.concentrated import NotEnoughLiquidity, Pool, UnknownTicks, swap_exact_in, with_liquidity
from bot.core.amm.liquidity_math import amounts_for_liquidity, max_liquidity_per_tick
from bot.core.amm.quotes import Hop, NothingOut, kept_of_fees, quote, spot
from bot.core.amm.search import last_accepted
from bot.core.amm.tick_math import MAX_SQRT_RATIO, MAX_TICK, MIN_SQRT_RATIO, MIN_TICK
from bot.core.amm.walk import walk
from bot.core.fixedpoint import INT256_MAX
from bot.core.units import BPS, bps_down

_EIGHTHS = 8
_GOLDEN = 0.6180339887498949


@dataclass(frozen=True, slots=True)
class Sandwich:
    """A swap between two of an attacker's: he buys before it, it pays a worse price, he sells again after it.

    Fills are in the swap's output token, sizes and profits in its input token, losses in money at spot before
    everything, rounded up. A size of 0 is an attack that does not take place.
    """

    fill: int  # what the swap pays when nobody interferes
    largest: int  # the largest first swap after which the victim's still passes
    least_fill: int  # what the victim gets after it: the worst of all attacks, but for units that rounding takes
    best: int  # the first swap that earns most
    best_profit: int  # after the pool's fees; 0 when no attack earns anything
    best_fill: int
    paying: int  # the largest first swap that earns anything
    paying_fill: int  # what the victim gets after it: the worst of all attacks that do not cost their attacker money
    loss_bound: int  # fill minus least_fill, in money
    paying_loss: int  # fill minus paying_fill, in money

    @property
    def pays(self) -> bool:
        return self.best_profit > 0


@dataclass(frozen=True, slots=True)
class JustInTime:
    """Liquidity minted right before a swap and burnt right after it.

    victim_gain: more output than without it; a little below nothing is possible, for new ticks round once more, and
    prices are as fine as a 2^96th, which much liquidity makes many units of. fees, standing_fees_lost: input token,
    before the protocol's share; what the attacker earns, and what the liquidity that was already there misses.
    profit: fees and the change of what the position holds, in money at spot before everything, rounded down.
    """

    lower: int
    upper: int
    liquidity: int
    victim_gain: int
    fees: int
    standing_fees_lost: int
    profit: int


def sandwich(hop: Hop, amount_in: int, min_received: int, in_money: bool) -> Sandwich:
    """The worst and the best sandwich around an exact input that reverts below `min_received`.

    in_money: whether the input is the money; otherwise the output is. The largest first swap is exact, because the
    victim's fill falls with it; so is what the victim loses to it. Profit need not have a single peak where
    liquidity changes: it is looked at in sixteen sizes up to the largest, and refined from there. An attack pays
    from the smallest size on where the victim's own price impact is more than both of the attacker's fees, and
    with even liquidity it pays at no size where it is less. Raises ValueError when
    `min_received` is more than the swap pays undisturbed, and as `quotes.quote` does; UnknownTicks when an attack may
    reach ticks that were not read.
    """
    fill = quote((hop,), amount_in).amount_out
    if min_received > fill:
        raise ValueError(f"the swap pays {fill}, so with at least {min_received} it reverts without any attack")

    @cache
    def victim(size: int) -> tuple[int, int, Hop] | None:
        """(victim's fill, attacker's tokens, the hop after both), or None when the victim's swap cannot be filled."""
        try:
            first = quote((hop,), size)
        except NothingOut:  # a pair refuses dust, so nobody interferes
            return fill, 0, hop
        except NotEnoughLiquidity:
            return None
        try:
            second = quote(first.after, amount_in)
        except (NotEnoughLiquidity, NothingOut):
            return None
        return second.amount_out, first.amount_out, second.after[0]

    def short(size: int) -> int | None:
        met = victim(size)
        return None if met is None else min_received - met[0]

    @cache
    def profit(size: int) -> int:
        met = victim(size) if size else None
        if met is None or met[1] == 0:
            return -size
        _, tokens, after = met
        try:
            return quote((Hop(after.market, not hop.zero_for_one),), tokens).amount_out - size
        except NothingOut:
            return -size

    def fill_after(size: int) -> int:
        met = victim(size) if size else None
        return met[0] if met else fill

    largest = _largest(short, min_received - fill, amount_in)
    met = victim(largest) if largest else None
    sizes = _sizes(largest) if met and _may_pay(hop, met[2]) else []
    paying = _paying(profit, sizes)
    best = _best(profit, sizes) if paying else 0
    paying = max(paying, best)  # of attacks that earn a few units, where profits are not smooth, it may be the larger
    numerator, denominator = (1, 1) if not in_money else spot((hop,))[::-1]
    return Sandwich(
        fill=fill,
        largest=largest,
        least_fill=fill_after(largest),
        best=best,
        best_profit=profit(best) if best else 0,
        best_fill=fill_after(best),
        paying=paying,
        paying_fill=fill_after(paying),
        loss_bound=-(-(fill - fill_after(largest)) * numerator // denominator),
        paying_loss=-(-(fill - fill_after(paying)) * numerator // denominator),
    )


def taken_by_sandwich(
    hop: Hop, amount_in: int, min_received: int, tolerated_bps: int, in_money: bool, fill: int | None = None
) -> tuple[int, int]:
    """(most output that a sandwich could take and still earn something, `tolerated_bps` of the exact quote).

    The search for attacks is only made where `min_received` alone does not keep what can be taken within what is
    tolerated; otherwise the first number is all that can be taken, paying or not. So it is where an attack may reach
    ticks that were not read. `fill`: what the swap pays undisturbed, where that was quoted already. Raises as
    `quotes.quote` does.
    """
    fill = quote((hop,), amount_in).amount_out if fill is None else fill
    most, tolerated = max(0, fill - min_received), fill - bps_down(fill, BPS - tolerated_bps)
    if most > tolerated:
        with suppress(UnknownTicks):
            return fill - sandwich(hop, amount_in, min_received, in_money).paying_fill, tolerated
    return most, tolerated


def just_in_time(hop: Hop, amount_in: int, lower: int, upper: int, liquidity: int, in_money: bool) -> JustInTime:
    """What `liquidity` over ticks lower..upper, there for one exact input only, takes and gives.

    Raises as `with_liquidity` and `quotes.quote` do, and ValueError for a pair: its liquidity has no range.
    """
    pool, zero_for_one = hop.market, hop.zero_for_one
    if not isinstance(pool, Pool):
        raise ValueError("liquidity for one swap needs a concentrated pool")
    joined = with_liquidity(pool, lower, upper, liquidity)
    without, done = swap_exact_in(pool, zero_for_one, amount_in), swap_exact_in(joined, zero_for_one, amount_in)
    growth, tick = 0, pool.tick
    limit = MIN_SQRT_RATIO + 1 if zero_for_one else MAX_SQRT_RATIO - 1
    steps = walk(
        joined.ticks,
        joined.sqrt_price_x96,
        tick,
        joined.liquidity,
        joined.tick_spacing,
        joined.fee_pips,
        zero_for_one,
        amount_in,
        limit,
    )
    for _, tick_after, _, active, _, _, fee, _ in steps:
        if lower <= tick < upper:
            growth += (fee << 128) // active
        tick = tick_after
    fees = growth * liquidity >> 128
    paid = amounts_for_liquidity(pool.sqrt_price_x96, lower, upper, liquidity, round_up=True)
    back = amounts_for_liquidity(done.pool.sqrt_price_x96, lower, upper, liquidity, round_up=False)
    net0, net1 = back[0] - paid[0], back[1] - paid[1]
    net_in, net_out = (net0 + fees, net1) if zero_for_one else (net1 + fees, net0)
    numerator, denominator = spot((hop,))
    received = -(done.amount1 if zero_for_one else done.amount0)
    return JustInTime(
        lower=lower,
        upper=upper,
        liquidity=liquidity,
        victim_gain=received + (without.amount1 if zero_for_one else without.amount0),
        fees=fees,
        standing_fees_lost=without.fee_paid - (done.fee_paid - fees),
        profit=net_in + net_out * denominator // numerator if in_money else net_out + net_in * numerator // denominator,
    )


def best_just_in_time(hop: Hop, amount_in: int, in_money: bool) -> JustInTime | None:
    """The most profitable of many: ranges from the price towards where the swap ends, each with many amounts.

    Ranges double from one tick spacing until they hold the whole swap, liquidity doubles up to the most that a tick may
    carry. None when none of them earns anything. Raises as `just_in_time` does.
    """
    pool = hop.market
    if not isinstance(pool, Pool):
        raise ValueError("liquidity for one swap needs a concentrated pool")
    spacing = pool.tick_spacing
    end = swap_exact_in(pool, hop.zero_for_one, amount_in).pool.tick
    first = pool.tick // spacing * spacing
    found: list[JustInTime] = []
    width = 1
    while True:
        lower = first - (width - 1) * spacing if hop.zero_for_one else first
        upper = first + spacing if hop.zero_for_one else first + width * spacing
        if lower < max(MIN_TICK, pool.known_lower) or upper > min(MAX_TICK, pool.known_upper):
            break
        liquidity = max(1, pool.liquidity >> 6)
        while liquidity <= min(max_liquidity_per_tick(spacing) // 2, pool.liquidity << 24):
            try:
                found.append(just_in_time(hop, amount_in, lower, upper, liquidity, in_money))
            except ValueError:  # the ticks there carry too much already
                break
            liquidity *= 2
        if lower <= end < upper:
            break
        width *= 2
    best = max(found, key=lambda attack: attack.profit, default=None)
    return best if best and best.profit > 0 else None


def _largest(short: Callable[[int], int | None], short_of_none: int, amount_in: int) -> int:
    """The largest first swap that is not too large: `short` is at most 0. Found outwards from the victim's size."""
    low, below, size = 0, short_of_none, amount_in
    while True:
        above = short(size)
        if above is None or above > 0:
            return last_accepted(short, low, size, below, above)
        if size == INT256_MAX:
            return size
        low, below, size = size, above, min(size * 8, INT256_MAX)


def _may_pay(before: Hop, after: Hop) -> bool:
    """Whether the price moves by more than two fees at most; where it does not, no size up to there earns anything.

    The attacker buys at the first price or worse and sells at the last or worse, and pays the fee both times.
    """
    (first, per_first), (last, per_last), (kept, whole) = spot((before,)), spot((after,)), kept_of_fees((before,))
    return kept * kept * first * per_last > whole * whole * last * per_first


def _sizes(largest: int) -> list[int]:
    """Sizes to look at, falling: the largest by eighths, then ever smaller parts of it."""
    eighths = [largest * part // _EIGHTHS for part in range(_EIGHTHS, 0, -1)]
    return sorted({size for size in (*eighths, *(largest >> bits for bits in range(5, 21, 2))) if size}, reverse=True)


def _paying(profit: Callable[[int], int], sizes: list[int]) -> int:
    """The largest size that earns anything, 0 if none was found."""
    for i, size in enumerate(sizes):
        if profit(size) > 0:
            if i == 0:
                return size
            return last_accepted(
                lambda x: 1 - profit(x), size, sizes[i - 1], 1 - profit(size), 1 - profit(sizes[i - 1])
            )
    return 0


def _best(profit: Callable[[int], int], sizes: list[int]) -> int:
    """The size that earns most: the best of the given ones, refined between its neighbours by golden sections."""
    top = max(range(len(sizes)), key=lambda i: profit(sizes[i]))
    low = sizes[top + 1] if top + 1 < len(sizes) else 0
    high = sizes[top - 1] if top else sizes[0]
    best = sizes[top]
    if best == high and profit(best - max(1, best >> 12)) < profit(best):
        return best  # it still rises at the largest size, and no larger one passes
    while high - low > max(3, best >> 20):
        inner = max(1, int((high - low) * (1.0 - _GOLDEN)))
        left, right = low + inner, high - inner
        if profit(left) < profit(right):
            low = left
        else:
            high = right
        best = max(best, left, right, key=profit)
    return best

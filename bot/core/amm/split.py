"""One amount over several routes at once: the parts that together pay most.

The best split leaves the same marginal price on every route that is used. Between two ticks of a concentrated pool,
and everywhere on a pair, output = a*x / (b + c*x), so the reciprocal root of the marginal price is linear in the input
x; through several hops that form is kept. A piecewise linear table of it is therefore nearly exact after few quotes.
Floats only propose: every candidate is quoted in whole units, and improved by moving whole units from route to route.
"""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import permutations

from bot.core.amm.concentrated import NotEnoughLiquidity, UnknownTicks
from bot.core.amm.quotes import NothingOut, Quote, Route, kept_of_fees, quote, spot
from bot.core.amm.search import last_accepted

_ROUNDS = 8  # of the proposal; it converges quadratically, and a gap in liquidity costs one or two
_HALVINGS = 120  # of the bracket around the common marginal price: all that a float64 has, twice
_CLOSE = 1e-9  # a proposal that moves by less of the amount is as good as floats give


@dataclass(frozen=True, slots=True)
class Split:
    """The parts of one amount, in the order of the routes; None where a route gets nothing."""

    parts: tuple[Quote | None, ...]

    @property
    def amount_in(self) -> int:
        return sum(part.amount_in for part in self.parts if part)

    @property
    def amount_out(self) -> int:
        return sum(part.amount_out for part in self.parts if part)


def best_split(routes: Sequence[Route], amount: int) -> Split:
    """The split of an exact input over routes that share no market, all from one token to one other.

    Never pays less than the best single route. Where outputs were not rounded to whole units it would be the best of
    all; with rounding it stays within a unit a route of that. Raises ValueError without routes or for an amount that is
    not positive, NotEnoughLiquidity when all routes together cannot take it, NothingOut for dust.
    """
    if not routes or amount <= 0:
        raise ValueError(f"a split needs routes and a positive amount (got {len(routes)} routes, {amount})")
    curves = [_curve(route, amount) for route in routes]
    room = sum(curve.room for curve in curves)
    if room < amount:
        raise NotEnoughLiquidity(f"the routes take {room} of {amount} before their liquidity ends")
    candidates = [_improved(curves, _proposal(curves, amount))]
    for chosen, curve in enumerate(curves):
        if curve.room == amount:
            candidates.append([amount if i == chosen else 0 for i in range(len(curves))])
    best = max(candidates, key=lambda parts: _total(curves, parts))
    return Split(tuple(quote(curve.route, part) if part else None for curve, part in zip(curves, best, strict=True)))


_REFUSED = -(1 << 256)  # worth more than any pay is: a split with a part that is refused is no split


@dataclass(slots=True)
class _Curve:
    """One route as a function of its input.

    room: the most it takes. table: (input, reciprocal root of the marginal price after it), ascending.
    """

    route: Route
    room: int
    known: dict[int, int] = field(default_factory=lambda: {0: 0})
    table: list[tuple[float, float]] = field(default_factory=list)

    def out(self, given: int) -> int:
        """What it pays, remembered; less than nothing for dust that it would refuse, so that none is left there."""
        if given not in self.known:
            try:
                done = quote(self.route, given)
            except NothingOut:
                self.known[given] = _REFUSED
            else:
                self.known[given] = done.amount_out
                insort(self.table, (float(given), _reciprocal_root(done.after)))
        return self.known[given]

    def input_at(self, level: float) -> float:
        """Input after which the reciprocal root of the marginal price is `level`, between the known points."""
        if level <= self.table[0][1]:
            return 0.0
        for (x0, w0), (x1, w1) in zip(self.table, self.table[1:], strict=False):
            if level < w1:
                return x0 + (x1 - x0) * max(0.0, level - w0) / (w1 - w0)
        return self.table[-1][0]


def _reciprocal_root(route: Route) -> float:
    """1 / sqrt(marginal output per input, fees included) of markets as they stand."""
    (numerator, denominator), (kept, whole) = spot(route), kept_of_fees(route)
    return math.sqrt(denominator * whole / (numerator * kept))


def _curve(route: Route, amount: int) -> _Curve:
    """The route's curve, with its end points quoted."""

    def excess(given: int) -> int | None:
        try:
            quote(route, given)
        except (NotEnoughLiquidity, UnknownTicks):
            return None
        except NothingOut:
            pass
        return 0

    room = amount if excess(amount) == 0 else last_accepted(excess, 0, amount, 0, None)
    curve = _Curve(route, room)
    curve.table.append((0.0, _reciprocal_root(route)))
    if room:
        curve.out(room)
    return curve


def _proposal(curves: Sequence[_Curve], amount: int) -> list[int]:
    """Whole parts that sum to the amount, by the level at which all marginal prices are one."""
    parts: list[int] = []
    for _ in range(_ROUNDS):
        level = _level(curves, amount)
        proposed = _rounded([curve.input_at(level) for curve in curves], curves, amount)
        moved = max(abs(a - b) for a, b in zip(proposed, parts, strict=True)) if parts else amount
        parts = proposed
        if moved <= amount * _CLOSE:
            break
        _total(curves, parts)
    return parts


def _level(curves: Sequence[_Curve], amount: int) -> float:
    """The level up to which the curves together take the amount."""
    low = min(curve.table[0][1] for curve in curves)
    high = max(curve.table[-1][1] for curve in curves)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        if not low < middle < high:
            break
        if sum(curve.input_at(middle) for curve in curves) < amount:
            low = middle
        else:
            high = middle
    return high


def _rounded(inputs: Sequence[float], curves: Sequence[_Curve], amount: int) -> list[int]:
    """Inputs as whole numbers within each curve's room that sum to the amount."""
    parts = [min(int(x), curve.room) for x, curve in zip(inputs, curves, strict=True)]
    for i in sorted(range(len(parts)), key=lambda i: -parts[i]):
        left = amount - sum(parts)
        parts[i] = min(max(0, parts[i] + left), curves[i].room)
    return parts


def _improved(curves: Sequence[_Curve], parts: list[int]) -> list[int]:
    """The parts after every move of units between two routes that pays, large moves first, then whole parts."""
    for step in _steps(sum(parts)):
        for giver, taker in permutations(range(len(curves)), 2):
            _move(curves, parts, giver, taker, step)
    for giver, taker in permutations(range(len(curves)), 2):
        _move(curves, parts, giver, taker, parts[giver])
    return parts


def _steps(amount: int) -> Iterator[int]:
    """Sizes of a move, falling: by quarters, and every one below 16 because rounding matters there."""
    step = amount
    while step > 64:
        step //= 4
        yield step
    yield from range(min(step - 1, 16), 0, -1)


def _move(curves: Sequence[_Curve], parts: list[int], giver: int, taker: int, step: int) -> None:
    """Units moved, in place, as often as it pays; at most eight times, since larger moves came before."""
    for _ in range(8):
        less, more = parts[giver] - step, parts[taker] + step
        if step == 0 or less < 0 or more > curves[taker].room:
            return
        before = curves[giver].out(parts[giver]) + curves[taker].out(parts[taker])
        if curves[giver].out(less) + curves[taker].out(more) <= before:
            return
        parts[giver], parts[taker] = less, more


def _total(curves: Sequence[_Curve], parts: Sequence[int]) -> int:
    return sum(curve.out(part) for curve, part in zip(curves, parts, strict=True))

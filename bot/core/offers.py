"""Standing offers: what a venue without a pool of its own pays and asks at the pinned block.

A vault of another's takes any amount at one price, so it is one divisible offer on each side. Pieces of a collection
are offers of one unit each, all or nothing, and each is named by its key when it is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Offer:
    """`units` against `money` (raw). divisible: any part at the same price. key: its name on chain, 0 without one.

    resale: of an ask, money that the units would bring again at once, as far as somebody is bound to pay it.
    """

    units: int
    money: int
    divisible: bool = False
    key: int = 0
    resale: int = 0


@dataclass(frozen=True, slots=True)
class Book:
    """asks: what an entry may take, cheapest first. bids: what an exit may hit, dearest first.

    value: what the whole position would bring as its adapter tells it, in money. exact: False where the amounts are
    the venue's own words for a round sum, so that a fill may differ by rounding from what is computed here.
    """

    asks: tuple[Offer, ...]
    bids: tuple[Offer, ...]
    value: int = 0
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Taken:
    """Offers taken together: what was given, what came for it, and the keys of those that have one."""

    given: int
    received: int
    keys: tuple[int, ...]


def buy(asks: Sequence[Offer], money: int) -> Taken:
    """Units for at most `money`, in the order of the asks, rounded down; the first that is too dear ends it."""
    given, received, keys = 0, 0, []
    for ask in asks:
        left = money - given
        if ask.money <= left:
            given, received = given + ask.money, received + ask.units
        elif ask.divisible and ask.money and left:
            given, received = given + left, received + left * ask.units // ask.money
        else:
            break
        keys += [ask.key] if ask.key else []
    return Taken(given, received, tuple(keys))


def resale(asks: Sequence[Offer], units: int) -> int:
    """Money that `units` would bring again at once, had they been taken in the order of the asks, rounded down."""
    total = 0
    for ask in asks:
        part = min(units, ask.units)
        total, units = total + ask.resale * part // ask.units, units - part
    return total


def sell(bids: Sequence[Offer], units: int) -> Taken:
    """Money for at most `units`, in the order of the bids, rounded down; the first that asks for too many ends it."""
    given, received, keys = 0, 0, []
    for bid in bids:
        left = units - given
        if bid.units <= left:
            given, received = given + bid.units, received + bid.money
        elif bid.divisible and bid.units and left:
            given, received = given + left, received + left * bid.money // bid.units
        else:
            break
        keys += [bid.key] if bid.key else []
    return Taken(given, received, tuple(keys))

"""Cost, income and realised gains from fills: money is neither made nor lost by the way it is told."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.core.holdings import Holding, holdings
from bot.core.postings import INCOME, Fill

steps = st.lists(st.tuples(st.booleans(), st.integers(1, 10**12), st.integers(1, 10**12)), max_size=12)


@given(steps)
def test_what_was_paid_is_what_is_held_at_cost_and_what_left_with_its_gain(moves: list[tuple[bool, int, int]]) -> None:
    fills, held = [], 0
    for entry, money, units in moves:
        if entry:
            fills.append(Fill("v", True, money, units))
            held += units
        elif held:
            sold = min(units, held)
            fills.append(Fill("v", False, sold, money))
            held -= sold
    found = holdings(fills, {}).get("v", Holding())
    paid = sum(fill.amount for fill in fills if fill.entry)
    proceeds = sum(fill.received for fill in fills if not fill.entry)
    assert found.units == held
    assert found.cost >= 0
    assert paid == found.cost + proceeds - found.realised
    if not held:
        assert found.cost == 0


def test_half_of_what_was_bought_takes_half_of_the_cost() -> None:
    fills = [Fill("v", True, 100, 10), Fill("v", True, 200, 10), Fill("v", False, 10, 180)]
    assert holdings(fills, {}) == {"v": Holding(units=10, cost=150, income=0, realised=30)}


def test_income_is_told_even_of_a_venue_that_never_traded() -> None:
    balances = {(f"{INCOME}v", "0x1"): -7, (f"{INCOME}w", "0x1"): -2, ("idle", "0x1"): 9}
    found = holdings([Fill("v", True, 5, 5)], balances)
    assert found == {"v": Holding(5, 5, 7), "w": Holding(income=2)}

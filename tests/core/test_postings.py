"""Double entry: whatever a receipt says, the books balance per token, and the vault's side is what the event says."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.postings import NATIVE, Fill, Posting, Receipt, balanced, deposit, postings_of, trades_only
from bot.errors import InvariantBroken
from tests.builders import MONEY, universe_of

PAIR = universe_of()
ONE, TWO = (venue.token.address for venue in PAIR.risky)
raws = st.integers(0, 2**200)
fills = st.builds(Fill, venue=st.sampled_from(["v1", "v2"]), entry=st.booleans(), amount=raws, received=raws)


def receipt_of(*given: Fill, ok: bool = True, gas: int = 7) -> Receipt:
    return Receipt("0x1", 8, "0x2", 1_700_000_000, ok, given, 21_000, gas)


def totals(postings: tuple[Posting, ...]) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for posting in postings:
        found[posting.account, posting.token] += posting.amount
    return found


@given(st.lists(fills, max_size=6), st.integers(0, 10**18))
def test_postings_of_a_receipt_sum_to_zero_per_token(given_fills: list[Fill], gas: int) -> None:
    sums: Counter[str] = Counter()
    for posting in postings_of(receipt_of(*given_fills, gas=gas), PAIR):
        sums[posting.token] += posting.amount
    assert not any(sums.values())


@given(st.lists(fills, max_size=6))
def test_the_books_move_by_just_what_the_vaults_events_say(given_fills: list[Fill]) -> None:
    moved = totals(postings_of(receipt_of(*given_fills), PAIR))
    entered = [fill for fill in given_fills if fill.entry]
    left = [fill for fill in given_fills if not fill.entry]
    assert moved["idle", MONEY.address] == sum(f.received for f in left) - sum(f.amount for f in entered)
    for name, token in (("v1", ONE), ("v2", TWO)):
        gained = sum(f.received for f in entered if f.venue == name) - sum(f.amount for f in left if f.venue == name)
        assert moved[f"venue:{name}", token] == gained == -moved[f"market:{name}", token]


def test_an_entry_and_an_exit_have_opposite_signs() -> None:
    bought = postings_of(receipt_of(Fill("v1", True, 5, 9), gas=0), PAIR)
    assert bought == (
        Posting("idle", MONEY.address, -5),
        Posting("market:v1", MONEY.address, 5),
        Posting("venue:v1", ONE, 9),
        Posting("market:v1", ONE, -9),
    )
    sold = totals(postings_of(receipt_of(Fill("v1", False, 9, 5), gas=0), PAIR))
    assert sold == {key: -amount for key, amount in totals(bought).items()}


def test_a_revert_books_its_gas_and_nothing_else() -> None:
    reverted = postings_of(receipt_of(ok=False, gas=3), PAIR)
    assert reverted == (Posting("keeper", NATIVE, -3), Posting("gas", NATIVE, 3))
    assert trades_only(reverted) == ()


def test_gas_comes_last_and_is_no_trade() -> None:
    lines = postings_of(receipt_of(Fill("v2", True, 5, 9)), PAIR)
    assert [line.token for line in lines[-2:]] == [NATIVE, NATIVE]
    assert trades_only(lines) == lines[:-2]
    assert postings_of(receipt_of(Fill("v2", True, 5, 9), gas=0), PAIR) == lines[:-2]


def test_a_deposit_is_owed_to_the_investors() -> None:
    assert totals(deposit(PAIR, 10)) == {("idle", MONEY.address): 10, ("investors", MONEY.address): -10}


def test_a_fill_in_an_unknown_venue_is_no_posting() -> None:
    with pytest.raises(ValueError):
        postings_of(receipt_of(Fill("v9", True, 1, 1)), PAIR)


@pytest.mark.parametrize("slip", [1, -1])
def test_lines_that_do_not_balance_are_refused_by_token(slip: int) -> None:
    lines = list(deposit(PAIR, 10))
    lines[0] = replace(lines[0], amount=lines[0].amount + slip)
    with pytest.raises(InvariantBroken, match=f"{MONEY.address} sums to {slip}"):
        balanced(lines)


def test_two_tokens_do_not_balance_each_other() -> None:
    with pytest.raises(InvariantBroken):
        balanced([Posting("idle", ONE, 1), Posting("idle", TWO, -1)])

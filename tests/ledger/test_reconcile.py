"""Equal to the wei, or named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.market import Market
from bot.core.postings import NATIVE, deposit
from bot.errors import LedgerMismatch
from bot.ledger.reconcile import ChainBalances, Difference, differences, require_equal
from tests.ledger.builders import CHAIN_ID, MEDIA, MONEY, UNIVERSE

IDLE = ("idle", MONEY.address)
VENUE = ("venue:media", MEDIA.address)
WORD = st.integers(0, 2**256 - 1)


def chain_of(idle: int, units: int, keeper: int | None = None) -> ChainBalances:
    market = Market(CHAIN_ID, 7, "0xab", 0, {}, {"media": units}, idle, 0)
    return ChainBalances.of(market, UNIVERSE, None if keeper is None else {"keeper": keeper})


@given(idle=WORD, units=WORD)
def test_equal_books_pass_whatever_the_other_accounts_say(idle: int, units: int) -> None:
    books = {IDLE: idle, VENUE: units, ("investors", MONEY.address): -idle, ("market:media", MEDIA.address): -units}
    assert differences(books, chain_of(idle, units)) == []
    require_equal(books, chain_of(idle, units))


@given(idle=WORD, units=WORD, off=st.integers(-(2**255), 2**255).filter(bool))
def test_any_difference_on_any_account_is_found(idle: int, units: int, off: int) -> None:
    books = {IDLE: idle + off, VENUE: units}
    assert differences(books, chain_of(idle, units)) == [Difference(*IDLE, idle + off, idle)]
    books = {IDLE: idle, VENUE: units + off}
    assert differences(books, chain_of(idle, units)) == [Difference(*VENUE, units + off, units)]


def test_a_mismatch_halts_with_account_both_figures_and_block() -> None:
    with pytest.raises(LedgerMismatch) as caught:
        require_equal({IDLE: 10**30, VENUE: 5}, chain_of(10**30 + 1, 5))
    said = str(caught.value)
    assert f"idle of {MONEY.address}: ledger {10**30}, chain {10**30 + 1} (1 more)" in said
    assert "block 7 (0xab)" in said
    assert "venue:media" not in said
    assert caught.value.exit_code == 7


def test_a_venue_that_only_one_side_knows_is_a_difference() -> None:
    gone = ("venue:gone", "0x" + "44" * 20)
    assert differences({IDLE: 1, gone: 3}, chain_of(1, 0)) == [Difference(*gone, 3, 0)]
    assert differences({IDLE: 1}, chain_of(1, 4)) == [Difference(*VENUE, 0, 4)]


def test_the_keepers_gas_counts_only_where_the_chain_side_has_it() -> None:
    books = {IDLE: 1, ("keeper", NATIVE): 10**18 - 21_000}
    assert differences(books, chain_of(1, 0)) == []
    assert differences(books, chain_of(1, 0, keeper=10**18 - 21_000)) == []
    (found,) = differences(books, chain_of(1, 0, keeper=10**18))
    assert (found.account, found.chain - found.ledger) == ("keeper", 21_000)


def test_addresses_compare_without_regard_to_case() -> None:
    upper = {("idle", "0xAA"): 5}
    assert differences(upper, ChainBalances(1, "0x", {("idle", "0xaa"): 5})) == []


def test_a_deposit_on_chain_that_was_not_booked_is_found() -> None:
    books = {(line.account, line.token): line.amount for line in deposit(UNIVERSE, 500)}
    assert differences(books, chain_of(500, 0)) == []
    assert [str(found) for found in differences(books, chain_of(700, 0))] == [
        f"idle of {MONEY.address}: ledger 500, chain 700 (200 more)"
    ]

"""The journal by example: what it keeps, what it refuses, and which files it will not open."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from bot.core.postings import NATIVE, Posting, deposit
from bot.core.report import DEPLOYED, FAILED, HELD, UNKNOWN
from bot.errors import ChainError, ConfigError, InvariantBroken, StorageError
from bot.ledger.journal import ChainIdentity, JournalPaths, Mark, SqliteJournal, open_ledger
from tests.ledger.builders import MEDIA, MONEY, UNIVERSE, intent_of, lines_of, plan_of, receipt_of, report_of

IDENTITY = ChainIdentity(chain_id=31_337, anchor="0xAb", vault="0xCd", fork_block=5)


async def test_an_open_intent_is_there_after_a_restart_bytes_and_plan_alike(tmp_path: Path) -> None:
    plan = plan_of(1, amount=2**200)
    intent = intent_of(plan, cycle=4)
    async with open_ledger(tmp_path) as journal:
        await journal.intent(intent, plan)
    async with open_ledger(tmp_path) as journal:
        assert await journal.open_intents() == [(intent, plan)]
        assert await journal.last_cycle() == 4


async def test_an_outcome_closes_its_intent_and_moves_the_books(tmp_path: Path) -> None:
    plan = plan_of(1)
    intent = intent_of(plan)
    receipt = receipt_of(intent, plan)
    async with open_ledger(tmp_path) as journal:
        await journal.intent(intent, plan)
        await journal.outcome(intent, receipt, lines_of(receipt))
        assert await journal.open_intents() == []
        assert await journal.balances() == {
            ("idle", MONEY.address): -1_000_000,
            ("market:media", MONEY.address): 1_000_000,
            ("venue:media", MEDIA.address): 3_000_000,
            ("market:media", MEDIA.address): -3_000_000,
            ("keeper", NATIVE): -receipt.gas_cost,
            ("gas", NATIVE): receipt.gas_cost,
        }
        held = await journal.positions()
        assert list(held) == [("idle", MONEY.address), ("keeper", NATIVE), ("venue:media", MEDIA.address)]
        (row,) = await journal.intents()
        assert (row.intent, row.plan, row.state, row.receipt) == (intent, plan, "done", receipt)


async def test_a_revert_books_its_gas_and_nothing_else(tmp_path: Path) -> None:
    plan = plan_of(1)
    intent = intent_of(plan)
    receipt = receipt_of(intent, plan, ok=False)
    async with open_ledger(tmp_path) as journal:
        await journal.intent(intent, plan)
        await journal.outcome(intent, receipt, lines_of(receipt))
        (row,) = await journal.intents()
        assert row.state == "reverted"
        assert {token for _, token in await journal.balances()} == {NATIVE}


async def test_every_call_may_be_repeated_and_none_may_be_contradicted(tmp_path: Path) -> None:
    plan = plan_of(1)
    intent = intent_of(plan)
    receipt = receipt_of(intent, plan)
    async with open_ledger(tmp_path) as journal:
        for _ in range(2):
            await journal.intent(intent, plan)
        with pytest.raises(InvariantBroken, match="signed before"):
            await journal.intent(replace(intent, nonce=9, tx_hash="0x99", raw=b"\x02other"), plan)
        for _ in range(2):
            await journal.outcome(intent, receipt, lines_of(receipt))
        await journal.intent(intent, plan)  # closed by now: still the same bytes
        with pytest.raises(InvariantBroken, match="another outcome"):
            await journal.outcome(intent, replace(receipt, block=9), lines_of(receipt))
        with pytest.raises(InvariantBroken, match="another outcome"):
            await journal.outcome(intent, receipt, lines_of(replace(receipt, gas_cost=1)))
        assert (await journal.balances())["idle", MONEY.address] == -1_000_000


async def test_an_outcome_needs_its_own_intent_and_balanced_postings(tmp_path: Path) -> None:
    plan, other = plan_of(1), plan_of(2)
    intent = intent_of(plan)
    receipt = receipt_of(intent, plan)
    async with open_ledger(tmp_path) as journal:
        with pytest.raises(InvariantBroken, match="never written down"):
            await journal.outcome(intent, receipt, ())
        with pytest.raises(InvariantBroken, match="is not of plan"):
            await journal.intent(intent, other)
        await journal.intent(intent, plan)
        with pytest.raises(InvariantBroken, match="receipt of 0x77"):
            await journal.outcome(intent, replace(receipt, tx_hash="0x77"), ())
        with pytest.raises(InvariantBroken, match="do not balance"):
            await journal.outcome(intent, receipt, [Posting("idle", MONEY.address, 1)])
        assert await journal.open_intents() == [(intent, plan)]


async def test_a_failed_outcome_leaves_nothing_of_itself(tmp_path: Path) -> None:
    plan = plan_of(1)
    intent = intent_of(plan)
    receipt = receipt_of(intent, plan)
    too_large = [Posting("idle", MONEY.address, 2**255), Posting("x", MONEY.address, -(2**255))]
    async with open_ledger(tmp_path) as journal:
        await journal.intent(intent, plan)
        with pytest.raises(InvariantBroken, match="Int256"):
            await journal.outcome(intent, receipt, [*lines_of(receipt), *too_large])
        assert await journal.open_intents() == [(intent, plan)]
        assert await journal.balances() == {}


async def test_a_deposit_is_booked_once_per_reference(tmp_path: Path) -> None:
    async with open_ledger(tmp_path) as journal:
        for _ in range(2):
            await journal.post("opening", 0, deposit(UNIVERSE, 5_000))
        with pytest.raises(InvariantBroken, match="opening is already booked"):
            await journal.post("opening", 0, deposit(UNIVERSE, 5_001))
        await journal.post("second", 1, deposit(UNIVERSE, 1))
        assert (await journal.balances())["idle", MONEY.address] == 5_001


async def test_only_an_undecided_cycle_may_be_reported_otherwise_later(tmp_path: Path) -> None:
    async with open_ledger(tmp_path) as journal:
        for first in (UNKNOWN, FAILED):
            await journal.report(report_of(1 if first == UNKNOWN else 2, outcome=first))
        await journal.report(report_of(1, outcome=DEPLOYED))
        await journal.report(report_of(2, outcome=HELD))
        await journal.report(report_of(2, outcome=HELD))
        with pytest.raises(InvariantBroken, match="cycle 2 was reported as held, now as deployed"):
            await journal.report(report_of(2, outcome=DEPLOYED))
        assert await journal.reports() == [report_of(1, outcome=DEPLOYED), report_of(2, outcome=HELD)]
        assert [report["cycle"] for report in await journal.cycles(limit=1)] == [2]
        assert await journal.last_cycle() == 2


async def test_the_high_water_mark_counts_from_its_window(tmp_path: Path) -> None:
    async with open_ledger(tmp_path) as journal:
        assert await journal.high_water_mark(0) == 0
        for cycle, nav in enumerate((9 * 10**20, 10**21, 10**9), start=1):
            await journal.report(report_of(cycle, nav=nav, at=100 * cycle))
        assert await journal.high_water_mark(0) == 10**21
        assert await journal.high_water_mark(200) == 10**21
        assert await journal.high_water_mark(201) == 10**9
        assert await journal.high_water_mark(301) == 0
        assert await journal.marks(since=200) == [Mark(2, 200, 2, 10**21), Mark(3, 300, 3, 10**9)]


async def test_tokens_are_named_beside_the_amounts(tmp_path: Path) -> None:
    async with open_ledger(tmp_path) as journal:
        await journal.name_tokens([MONEY, MEDIA])
        await journal.name_tokens([MONEY])
        named = await journal.tokens()
    assert (named[MONEY.address].symbol, named[MEDIA.address].decimals) == ("USDC", 18)


async def test_each_commit_reaches_the_disk_and_the_files_are_private(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "data"
    async with open_ledger(folder) as journal:
        async with journal._engine.connect() as connection:
            assert await connection.scalar(text("PRAGMA synchronous")) == 2
            assert await connection.scalar(text("PRAGMA journal_mode")) == "wal"
            assert await connection.scalar(text("PRAGMA foreign_keys")) == 1
            assert await connection.scalar(text("PRAGMA busy_timeout")) == 5_000
        files = list(folder.iterdir())
        assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600] * len(files)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


async def test_what_was_acknowledged_is_seen_by_an_independent_reader_at_once(tmp_path: Path) -> None:
    plan = plan_of(1)
    intent = intent_of(plan)
    async with open_ledger(tmp_path) as journal:
        await journal.intent(intent, plan)
        with closing(sqlite3.connect(JournalPaths(tmp_path).ledger)) as reader:
            assert reader.execute("SELECT raw FROM intents").fetchall() == [(intent.raw,)]


async def test_a_reader_works_beside_a_writer_and_cannot_write(tmp_path: Path) -> None:
    async with open_ledger(tmp_path) as journal, open_ledger(tmp_path, read_only=True) as reader:
        await journal.post("opening", 0, deposit(UNIVERSE, 7))
        assert (await reader.balances())["idle", MONEY.address] == 7
        with pytest.raises(StorageError, match="readonly database; nothing was lost"):
            await reader.post("second", 0, deposit(UNIVERSE, 7))


async def test_two_writers_wait_for_each_other(tmp_path: Path) -> None:
    async with open_ledger(tmp_path) as one, open_ledger(tmp_path) as other:

        async def write(journal: SqliteJournal, first: int) -> None:
            for number in range(first, first + 20):
                plan = plan_of(number)
                await journal.intent(intent_of(plan), plan)

        await asyncio.gather(write(one, 0), write(other, 100))
        assert len(await one.open_intents()) == 40


async def test_a_ledger_keeps_to_the_chain_that_it_was_opened_for(tmp_path: Path) -> None:
    async with open_ledger(tmp_path, IDENTITY):
        pass
    async with open_ledger(tmp_path, replace(IDENTITY, anchor="0xAB", vault="0xcD")):
        pass
    async with open_ledger(tmp_path):
        pass
    changes = {"chain_id": 1, "anchor": "0xff", "vault": "0xee", "fork_block": None}
    for name, value in changes.items():
        with pytest.raises(ChainError) as caught:
            async with open_ledger(tmp_path, replace(IDENTITY, **{name: value})):
                pass
        said = str(caught.value)
        expected = str(getattr(IDENTITY, name)).lower()
        assert f"{name.replace('_', ' ')} expected {expected}, found {str(value).lower()}" in said
        assert caught.value.exit_code == 4


def _newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE meta SET value = '7' WHERE key = 'schema'")


def _garbage(path: Path) -> None:
    path.write_bytes(os.urandom(8_192))


def _broken_page(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4_096:12_288] = b"\xee" * 8_192
    path.write_bytes(bytes(content))


def _other_database(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE cats (name TEXT)")


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (_newer, "its schema is 7, this program's is 1"),
        (_garbage, "file is not a database"),
        (_broken_page, "malformed|damaged"),
        (_other_database, "not a ledger of Patron"),
    ],
)
async def test_a_file_that_is_no_sound_ledger_is_refused_by_name(
    tmp_path: Path, damage: Callable[[Path], None], complaint: str
) -> None:
    path = JournalPaths(tmp_path).ledger
    async with open_ledger(tmp_path):
        pass
    damage(path)
    before = path.read_bytes()
    with pytest.raises(StorageError, match=complaint) as caught:
        async with open_ledger(tmp_path):
            pass
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 6
    assert path.read_bytes() == before


async def test_an_altered_plan_is_noticed(tmp_path: Path) -> None:
    plan = plan_of(1)
    async with open_ledger(tmp_path) as journal:
        await journal.intent(intent_of(plan), plan)
        with closing(sqlite3.connect(JournalPaths(tmp_path).ledger)) as other, other:
            other.execute("UPDATE intents SET plan = replace(plan, '1000000', '1000001')")
        with pytest.raises(StorageError, match="plan was altered"):
            await journal.open_intents()


async def test_reading_where_nothing_is_names_the_command_to_try(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no ledger here yet: `patron run"):
        async with open_ledger(tmp_path, read_only=True):
            pass
    assert os.listdir(tmp_path) == []


async def test_a_link_that_leads_nowhere_is_not_followed(tmp_path: Path) -> None:
    JournalPaths(tmp_path).ledger.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError, match=r"ledger\.sqlite"):
        async with open_ledger(tmp_path):
            pass
    assert not (tmp_path / "elsewhere").exists()

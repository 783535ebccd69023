"""The journal against a model of dictionaries, through any order of calls, repeats, contradictions and restarts."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import defaultdict
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from bot.core.plan import Plan
from bot.core.postings import Posting, Receipt, deposit
from bot.core.report import CycleReport
from bot.errors import InvariantBroken
from bot.ledger.journal import SqliteJournal, open_ledger
from bot.ports import Intent
from tests.ledger.builders import UNIVERSE, intent_of, lines_of, plan_of, receipt_of, report_of


class JournalModel(RuleBasedStateMachine):
    """`closed` and `waiting` are what the chain and the daemon know; the journal must never know more or less."""

    waiting_intents = Bundle("waiting_intents")
    closed_intents = Bundle("closed_intents")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="journal-"))
        self.runner = asyncio.Runner()
        self.waiting: dict[str, tuple[Intent, Plan]] = {}
        self.closed: dict[str, tuple[Intent, Receipt]] = {}
        self.deposits: dict[str, int] = {}
        self.reported: dict[int, CycleReport] = {}
        self.books: dict[tuple[str, str], int] = defaultdict(int)
        self.numbers = 0

    @initialize()
    def open(self) -> None:
        self.runner.run(self._open())

    async def _open(self) -> None:
        self.stack = AsyncExitStack()
        self.journal: SqliteJournal = await self.stack.enter_async_context(open_ledger(self.folder))

    @rule()
    def restart(self) -> None:
        self.runner.run(self.stack.aclose())
        self.runner.run(self._open())

    @rule(target=waiting_intents, amount=st.integers(1, 2**250))
    def sign(self, amount: int) -> str:
        self.numbers += 1
        plan = plan_of(self.numbers, amount)
        intent = intent_of(plan, cycle=self.numbers)
        self.runner.run(self.journal.intent(intent, plan))
        self.waiting[intent.id] = intent, plan
        return intent.id

    @rule(key=waiting_intents)
    def repeat_intent(self, key: str) -> None:
        intent, plan = self.waiting[key]
        self.runner.run(self.journal.intent(intent, plan))

    @rule(key=waiting_intents)
    def sign_again_with_another_nonce(self, key: str) -> None:
        intent, plan = self.waiting[key]
        with pytest.raises(InvariantBroken):
            self.runner.run(self.journal.intent(replace(intent, nonce=intent.nonce + 1), plan))

    @rule(target=closed_intents, key=consumes(waiting_intents), ok=st.booleans())
    def resolve(self, key: str, ok: bool) -> str:
        intent, plan = self.waiting.pop(key)
        receipt = receipt_of(intent, plan, ok)
        self.runner.run(self.journal.outcome(intent, receipt, lines_of(receipt)))
        self.closed[key] = intent, receipt
        self._post(lines_of(receipt))
        return key

    @rule(key=closed_intents)
    def repeat_outcome(self, key: str) -> None:
        intent, receipt = self.closed[key]
        self.runner.run(self.journal.outcome(intent, receipt, lines_of(receipt)))

    @rule(key=closed_intents)
    def contradict_outcome(self, key: str) -> None:
        intent, receipt = self.closed[key]
        with pytest.raises(InvariantBroken):
            self.runner.run(self.journal.outcome(intent, replace(receipt, ok=not receipt.ok), lines_of(receipt)))

    @rule(target=closed_intents, number=st.integers(10**6, 10**9))
    def resolve_what_was_never_signed(self, number: int) -> object:
        plan = plan_of(number)
        intent = intent_of(plan)
        receipt = receipt_of(intent, plan)
        with pytest.raises(InvariantBroken):
            self.runner.run(self.journal.outcome(intent, receipt, lines_of(receipt)))
        return multiple()

    @rule(reference=st.sampled_from("abc"), amount=st.sampled_from((1, 2**200)))
    def book_deposit(self, reference: str, amount: int) -> None:
        lines = deposit(UNIVERSE, amount)
        known = self.deposits.get(reference)
        if known not in (None, amount):
            with pytest.raises(InvariantBroken):
                self.runner.run(self.journal.post(reference, 0, lines))
            return
        self.runner.run(self.journal.post(reference, 0, lines))
        if known is None:
            self.deposits[reference] = amount
            self._post(lines)

    @rule(cycle=st.integers(1, 5), nav=st.sampled_from((0, 2**64, 2**256 - 1)))
    def tell(self, cycle: int, nav: int) -> None:
        report = report_of(cycle, nav=nav)
        if self.reported.setdefault(cycle, report) == report:
            self.runner.run(self.journal.report(report))
        else:
            with pytest.raises(InvariantBroken):
                self.runner.run(self.journal.report(report))

    @invariant()
    def the_journal_knows_what_the_model_knows(self) -> None:
        if not hasattr(self, "journal"):
            return
        run, journal = self.runner.run, self.journal
        assert run(journal.open_intents()) == list(self.waiting.values())
        closed = {row.intent.id: (row.intent, row.receipt) for row in run(journal.intents(10**6)) if row.receipt}
        assert closed == self.closed
        assert run(journal.reports()) == [self.reported[cycle] for cycle in sorted(self.reported)]
        assert run(journal.high_water_mark(0)) == max((r.nav for r in self.reported.values()), default=0)
        assert run(journal.last_cycle()) == max([*self.reported, self.numbers])

    @invariant()
    def the_books_are_equal_and_sum_to_zero_per_token(self) -> None:
        if not hasattr(self, "journal"):
            return
        balances = self.runner.run(self.journal.balances())
        assert balances == dict(self.books)
        totals: dict[str, int] = defaultdict(int)
        for (_, token), amount in balances.items():
            totals[token] += amount
        assert set(totals.values()) <= {0}

    def _post(self, lines: tuple[Posting, ...]) -> None:
        for line in lines:
            self.books[line.account, line.token] += line.amount

    def teardown(self) -> None:
        if hasattr(self, "journal"):
            self.runner.run(self.stack.aclose())
        self.runner.close()
        shutil.rmtree(self.folder)


JournalModel.TestCase.settings = settings(max_examples=10, stateful_step_count=20, deadline=None)
test_the_journal_keeps_to_its_model = JournalModel.TestCase

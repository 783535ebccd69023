"""Ports for a backtest: books in memory, a feed that slices a panel, a clock that is the market's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from bot.core.panel import Panel
from bot.core.plan import Plan
from bot.core.postings import Posting, Receipt
from bot.core.report import CycleReport
from bot.ports import Intent


class PanelFeed:
    """A feed over a panel that is already whole; `panel(at)` still shows only what was published by `at`."""

    def __init__(self, whole: Panel) -> None:
        self._whole = whole

    async def panel(self, at: int) -> Panel:
        return self._whole.upto(at)


class MemoryJournal:
    """Books that live as long as the backtest."""

    def __init__(self) -> None:
        self.reports: list[CycleReport] = []
        self.postings: list[Posting] = []
        self._open: dict[str, tuple[Intent, Plan]] = {}

    async def intent(self, intent: Intent, plan: Plan) -> None:
        self._open[intent.id] = (intent, plan)

    async def outcome(self, intent: Intent, receipt: Receipt, postings: Sequence[Posting]) -> None:
        del self._open[intent.id]
        self.postings.extend(postings)

    async def open_intents(self) -> list[tuple[Intent, Plan]]:
        return list(self._open.values())

    async def report(self, report: CycleReport) -> None:
        self.reports.append(report)

    async def high_water_mark(self, since: int) -> int:
        peak = 0
        for report in reversed(self.reports):  # newest first: the window ends early
            if report.at < since:
                break
            peak = max(peak, report.nav)
        return peak

    async def balances(self) -> dict[tuple[str, str], int]:
        books: dict[tuple[str, str], int] = defaultdict(int)
        for posting in self.postings:
            books[posting.account, posting.token] += posting.amount
        return dict(books)

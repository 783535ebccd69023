"""Ports for a backtest: books in memory, a feed that slices a panel, a clock that is the market's."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from bot.core.panel import Panel
from bot.core.plan import Plan
from bot.core.postings import Posting, Receipt
from bot.core.report import CycleReport
from bot.ports import Intent


class PanelFeed:
    """A feed over a panel that is already whole; `panel(at)` still shows only what was published by `at`.

    `most`: how many of the newest rows anybody looks at, all by default. What is not shown is not copied.
    """

    def __init__(self, whole: Panel, most: int | None = None) -> None:
        self._whole = whole
        self._most = len(whole) if most is None else most

    async def panel(self, at: int) -> Panel:
        end = int(np.searchsorted(self._whole.times, at, side="right"))
        return self._whole.rows(max(0, end - self._most), end)


class MemoryJournal:
    """Books that live as long as the backtest."""

    def __init__(self) -> None:
        self.reports: list[CycleReport] = []
        self.postings: list[Posting] = []
        self._marks: list[tuple[int, int]] = []  # (time, value) of reports that no later one reaches: ever lower
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
        while self._marks and self._marks[-1][1] <= report.nav:
            self._marks.pop()
        self._marks.append((report.at, report.nav))

    async def high_water_mark(self, since: int) -> int:
        first = bisect_left(self._marks, (since, 0))
        return self._marks[first][1] if first < len(self._marks) else 0

    async def balances(self) -> dict[tuple[str, str], int]:
        books: dict[tuple[str, str], int] = defaultdict(int)
        for posting in self.postings:
            books[posting.account, posting.token] += posting.amount
        return dict(books)

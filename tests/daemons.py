"""A daemon over a made world, on a clock that jumps, with a record of what it told and when."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bot.core.market import Market
from bot.core.report import CycleReport
from bot.daemon import Pace, Session, serve
from bot.errors import LedgerMismatch, RpcDown
from bot.ports import MarketReader
from bot.replay import Following
from tests.builders import STILL, World, run_without_waiting, with_ports, world

HOUR = 3_600.0


@dataclass
class Reader:
    """The world's market as a reader that is down for as many calls as it is told, from now on."""

    made: World
    down: int = 0
    takes: float = 0.0

    async def market(self) -> Market:
        await asyncio.sleep(self.takes)
        if self.down:
            self.down -= 1
            raise RpcDown("nobody answers")
        return await self.made.market.market()


@dataclass
class Run:
    """One daemon over a made world, and what it told and when."""

    made: World = field(default_factory=world)
    newest: int = 0
    told: list[CycleReport] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    reconciled: int = 0
    reconcile: Callable[[], Awaitable[None]] | None = None
    following: Following | None = None
    on_report: Callable[[Run, CycleReport], None] | None = None
    reader: Reader = field(init=False)

    def __post_init__(self) -> None:
        self.reader = Reader(self.made)

    def session(self) -> Session:
        async def reconcile() -> None:
            self.reconciled += 1
            if self.reconcile is not None:
                await self.reconcile()

        reader: MarketReader = self.reader
        return Session(
            mode="paper",
            described="a made world",
            settings=self.made.settings,
            ports=with_ports(self.made, reader=reader),
            books=self.made.books,
            environment=self.made.market,
            following=self.following,
            mirror=STILL,
            reconcile=reconcile,
            newest_signal=lambda at: self.newest,
        )

    def serve(self, pace: Pace, *meanwhile: tuple[float, Callable[[], None]]) -> int:
        """What `serve` returns; each of `meanwhile` happens at its second of the loop's clock."""

        async def work() -> int:
            loop = asyncio.get_running_loop()
            for second, happens in meanwhile:
                loop.call_at(second, happens)

            def tell(report: CycleReport) -> None:
                self.told.append(report)
                self.at.append(round(loop.time(), 3))
                if self.on_report is not None:
                    self.on_report(self, report)

            return await serve(self.session(), pace, tell)

        return run_without_waiting(work())


def pace(cycles: int | None = None, *wake_on: str, every: float = HOUR, debounce: float = 60.0) -> Pace:
    return Pace(schedule=None, every=every, debounce=debounce, wake_on=wake_on, cycles=cycles)


def outcomes(run: Run) -> list[str]:
    return [report.outcome for report in run.told]


def terminate() -> None:
    signal.raise_signal(signal.SIGTERM)


def equal_books(run: Run) -> Callable[[], Awaitable[None]]:
    """A comparison of idle money in the books with the paper vault's."""
    market, opening = run.made.market, run.made.market.idle
    money = run.made.settings.universe.money.address

    async def compare() -> None:
        booked = opening + (await run.made.books.balances()).get(("idle", money), 0)
        if booked != market.idle:
            raise LedgerMismatch(f"books {booked}, vault {market.idle}")

    return compare

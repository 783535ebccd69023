"""The daemon: start is recovery, then cycles by the clock and by events, and books that equal the chain after each.

One TaskGroup owns everything that runs. SIGTERM and SIGINT end it between two cycles; SIGKILL ends it anywhere, and the
next start finds out from the chain what became of what was sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Protocol

from bot.core import report as told
from bot.core.mirror import MirrorParams
from bot.core.plan import Plan
from bot.core.postings import Receipt, postings_of
from bot.core.report import CycleReport
from bot.cycle import run_cycle
from bot.errors import ChainError
from bot.execution.recovery import settle_open_intents
from bot.ports import Intent, Journal, Ports
from bot.replay import Environment, Following, Schedule, replay
from bot.settings import Settings

BREAKER_POLL_SECONDS = 5.0


class Books(Journal, Protocol):
    """A journal that can say how far it got, and tell it again."""

    async def last_cycle(self) -> int:
        """Number of the newest cycle that was reported or moved capital, 0 at the start."""
        ...

    async def reports(self) -> list[CycleReport]:
        """Every report, oldest first."""
        ...

    async def unreported(self) -> list[tuple[Intent, Plan, Receipt]]:
        """Intents whose outcome is booked while their cycle is not told: a stop came between the two."""
        ...


@dataclass(frozen=True, slots=True)
class Session:
    """What a run consists of, once wired. `reconcile` raises LedgerMismatch when books and chain differ."""

    mode: str
    described: str  # what the books are compared with
    settings: Settings
    ports: Ports
    books: Books
    environment: Environment
    following: Following | None  # brings the market up to now, on a wall clock
    mirror: MirrorParams
    reconcile: Callable[[], Awaitable[None]]
    newest_signal: Callable[[int], int]  # publication time of the newest signal published by a time


@dataclass(frozen=True, slots=True)
class Pace:
    """When cycles run: on a historical clock (`schedule`), or every so many seconds of the wall's."""

    schedule: Schedule | None
    every: float
    debounce: float
    wake_on: tuple[str, ...] = ()
    cycles: int | None = None  # stop after so many


async def serve(session: Session, pace: Pace, tell: Callable[[CycleReport], None]) -> int:
    """Runs until the schedule ends, after `pace.cycles`, or on SIGTERM or SIGINT. Returns the signal, 0 without one.

    Raises LedgerMismatch when the books and the chain disagree, and ChainError when the chain fails before anything was
    sent on a historical clock (a wall clock reports the failure and tries again at the next cycle).
    """
    stopping = asyncio.Event()
    received: list[int] = []

    def stop(number: int) -> None:
        received.append(number)
        stopping.set()

    with _signals(stop):
        for report in await recover(session):
            tell(report)
        await session.reconcile()
        woken: asyncio.Queue[str] = asyncio.Queue(maxsize=1)
        with _as_itself():
            async with asyncio.TaskGroup() as tasks:
                watchers = [tasks.create_task(_watch(session, name, woken, pace)) for name in pace.wake_on]
                async with contextlib.aclosing(_cycles(session, pace, woken, stopping)) as cycles:
                    async for report in cycles:
                        tell(await _compared(session, pace, report))
                        if stopping.is_set():
                            break
                for watcher in watchers:
                    watcher.cancel()
    return received[0] if received else 0


@contextlib.contextmanager
def _as_itself() -> Iterator[None]:
    """An error that a task group wrapped comes out as itself: only then does it end the command with its one line."""
    try:
        yield
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None


async def _compared(session: Session, pace: Pace, report: CycleReport) -> CycleReport:
    """The report, once books and chain are equal.

    After a cycle that is unknown or failed they may rightly differ: what is open is settled first, then they are
    compared. On a wall clock a chain that does not answer is told with the report, and asked after the next cycle.
    """
    if report.outcome in (told.UNKNOWN, told.FAILED):
        return report
    try:
        await session.reconcile()
    except ChainError as error:
        if pace.schedule is not None:
            raise
        return replace(report, sentence=f"{report.sentence}; books not compared with the chain: {error}")
    return report


async def recover(session: Session) -> list[CycleReport]:
    """Reports of the cycles that a stop cut off after signing: the chain says what became of them, before anything new.

    Raises ChainError when even the chain does not know yet.
    """
    await settle_open_intents(session.ports, session.settings)
    return [await _recovered(session, *known) for known in await session.books.unreported()]


async def _recovered(session: Session, intent: Intent, plan: Plan, receipt: Receipt) -> CycleReport:
    """The report of a cycle whose own was never written. What is held and its prices are those of now."""
    universe = session.settings.universe
    market = await session.ports.reader.market()
    report = CycleReport(
        cycle=intent.cycle,
        at=plan.time,
        block=plan.block,
        outcome=told.DEPLOYED if receipt.ok else told.REVERTED,
        sentence=f"recovered after a stop: {intent.tx_hash} {'went through' if receipt.ok else receipt.reason}",
        nav=plan.nav,
        idle=market.idle,
        target=plan.weights,
        weights=plan.weights,
        held=tuple(float(weight) for weight in market.held(universe)),
        prices=tuple(market.price(universe, venue.id) for venue in universe.venues),
        plan=plan.id,
        legs=tuple(asdict(leg) for leg in plan.legs),
        postings=postings_of(receipt, universe),
        turnover=plan.turnover,
        pool_cost=sum(leg.cost for leg in plan.legs),
        gas_used=receipt.gas_used,
        gas_cost=receipt.gas_cost,
        reasons=() if receipt.ok else (receipt.reason or "reverted",),
    )
    await session.ports.journal.report(report)
    return report


async def _cycles(
    session: Session, pace: Pace, woken: asyncio.Queue[str], stopping: asyncio.Event
) -> AsyncGenerator[CycleReport, None]:
    done = await session.books.last_cycle()
    if stopping.is_set():
        return
    if pace.schedule is None:
        async for report in _by_the_clock(session, pace, done, woken, stopping):
            yield report
        return
    async for report in replay(
        session.ports,
        session.settings,
        session.environment,
        pace.schedule,
        session.mirror,
        session.settings.universe,
        done=done,
        limit=pace.cycles,
    ):
        yield report
        if report.outcome == told.UNKNOWN:  # nothing new before the chain has decided
            for settled in await recover(session):
                yield settled


async def _by_the_clock(
    session: Session, pace: Pace, done: int, woken: asyncio.Queue[str], stopping: asyncio.Event
) -> AsyncIterator[CycleReport]:
    clock = asyncio.get_running_loop()
    due, count, reason = clock.time(), 0, ""
    while not stopping.is_set() and (pace.cycles is None or count < pace.cycles):
        started = clock.time()
        *settled, report = await _attempt(session, done + count + 1)
        for earlier in settled:
            yield earlier
        yield replace(report, sentence=f"woken by {reason}: {report.sentence}") if reason else report
        count += 1
        if not reason:  # a woken cycle comes between the clock's and moves none of them
            due = max(due + pace.every, clock.time())
        if pace.cycles is not None and count >= pace.cycles:
            return
        reason = await _wait(due, started + pace.debounce, woken, stopping)


async def _attempt(session: Session, cycle: int) -> list[CycleReport]:
    """What was settled first, then one cycle.

    A chain that fails before anything was sent makes a failed cycle: told, kept, not the end.
    """
    settled: list[CycleReport] = []
    try:
        settled += await recover(session)
        if settled:
            await session.reconcile()
        if session.following is not None:
            await session.following()
        return [*settled, await run_cycle(session.ports, session.settings, cycle)]
    except ChainError as error:
        return [*settled, await _failed(session, cycle, error)]


async def _failed(session: Session, cycle: int, error: ChainError) -> CycleReport:
    width = len(session.settings.universe)
    nothing = (0.0,) * width
    report = CycleReport(
        cycle=cycle,
        at=session.ports.clock.now(),
        block=0,
        outcome=told.FAILED,
        sentence=f"failed: {error}",
        nav=0,
        idle=0,
        target=nothing,
        weights=nothing,
        held=nothing,
        prices=nothing,
        reasons=(str(error),),
    )
    await session.ports.journal.report(report)
    return report


async def _wait(due: float, earliest: float, woken: asyncio.Queue[str], stopping: asyncio.Event) -> str:
    """Returns at `due` with "", or from `earliest` on with the reason of a wake-up; at once when stopping."""
    clock = asyncio.get_running_loop()
    while not stopping.is_set():
        left = due - clock.time()
        if left <= 0:
            return ""
        stop = asyncio.create_task(stopping.wait())
        wake = asyncio.create_task(woken.get())
        finished, pending = await asyncio.wait({stop, wake}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        if wake in finished:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), max(0.0, min(earliest, due) - clock.time()))
            return "" if clock.time() >= due else wake.result()
    return ""


async def _watch(session: Session, event: str, woken: asyncio.Queue[str], pace: Pace) -> None:
    """Puts `event` into the queue each time it happens anew; a queue of one forgets repeats (the debounce)."""
    poll = min(BREAKER_POLL_SECONDS, pace.debounce, pace.every / 2)
    before: int | None = None
    while True:
        # The cycle itself will report a chain that does not answer.
        with contextlib.suppress(ChainError):
            now = await _observe(session, event)
            if before is not None and now > before and not woken.full():
                woken.put_nowait(event)
            before = now
        await asyncio.sleep(poll)


async def _observe(session: Session, event: str) -> int:
    """A number that rises when the event happens: the newest signal's time, or 1 while the brake is on."""
    if event == "signal":
        # By the wall: between two cycles a chain of our own stands still, and signals are not its business.
        return session.newest_signal(int(time.time()))
    policy = session.settings.policy
    market = await session.ports.reader.market()
    nav = market.nav(session.settings.universe)
    peak = max(nav, await session.ports.journal.high_water_mark(market.time - policy.drawdown_window))
    return int(peak - nav >= policy.drawdown_brake * peak and peak > 0)


@contextlib.contextmanager
def _signals(stop: Callable[[int], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop, int(name))
    try:
        yield
    finally:
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(name)

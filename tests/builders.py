"""Small worlds for the tests of the core and of the cycle: made markets, scripted ports, and a loop without waiting."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np

from backtests.simulated import MemoryJournal, PanelFeed
from bot.core.amm.concentrated import Pool
from bot.core.market import Market
from bot.core.mirror import MirrorParams, seeding
from bot.core.panel import Panel
from bot.core.plan import Limits, Plan
from bot.core.postings import Posting, Receipt
from bot.core.report import FAILED, UNKNOWN, CycleReport
from bot.core.units import Token
from bot.core.universe import Universe, Venue, idle
from bot.paper import PaperMarket, made_market
from bot.ports import Commitment, Intent, Ports, Preview
from bot.scoring.scorer import IdleScorer
from bot.settings import Settings
from tests.backtests.markets import DAY, START, config_of, panel_of, settings_for

T = TypeVar("T")
CHAIN_ID = 31_337
MONEY = Token(CHAIN_ID, "0x" + "11" * 20, "USDC", 6)
LIMITS = Limits(
    max_venue_bps=2_500,
    min_idle_bps=1_000,
    slippage_bps=50,
    max_loss_bps=100,
    min_trade=25 * 10**6,
    max_turnover_bps=2_000,
    max_staleness=2 * DAY,
)
STILL = MirrorParams(seed=1, noise_bps=0, depth=4_000_000 * 10**6)


def venue_of(number: int, fee_pips: int = 3_000, base_is_token0: bool = True, decimals: int = 18) -> Venue:
    """Venue ``v<number>`` of a token of its own."""
    spacing = {100: 1, 500: 10, 3_000: 60, 10_000: 200}[fee_pips]
    token = Token(CHAIN_ID, f"0x{number:040x}", f"A{number}", decimals)
    return Venue(f"v{number}", "uniswap_v3_hold", f"A{number}", token, fee_pips, spacing, base_is_token0)


def universe_of(*venues: Venue) -> Universe:
    """Idle money and these venues, or ``v1`` and ``v2``: one of each orientation and of two fee tiers."""
    return Universe(MONEY, (idle(MONEY), *(venues or (venue_of(1), venue_of(2, 500, base_is_token0=False)))))


def pools_of(universe: Universe, prices: Sequence[float], depth: int = STILL.depth) -> dict[str, Pool]:
    """A freshly seeded pool for every venue, at these prices."""
    return {
        venue.id: seeding(venue, universe.money.decimals, price, depth).pool()
        for venue, price in zip(universe.risky, prices, strict=True)
    }


def market_of(
    universe: Universe, pools: Mapping[str, Pool], idle_money: int, units: Mapping[str, int] | None = None, **more: Any
) -> Market:
    """One block of a chain on which the vault holds this."""
    held = {venue.id: 0 for venue in universe.risky} | dict(units or {})
    facts: dict[str, Any] = {"chain_id": CHAIN_ID, "block": 7, "block_hash": "0xab", "time": START, "nonce": 3}
    return Market(**(facts | more), pools=pools, units=held, idle=idle_money)


class Books:
    """Books in memory that also say how far they got, and in which order they were written."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.settled: list[tuple[Intent, Plan, Receipt]] = []
        self._kept = MemoryJournal()

    @property
    def written(self) -> list[CycleReport]:
        """Every report in the order in which it was written, corrections included."""
        return self._kept.reports

    async def intent(self, intent: Intent, plan: Plan) -> None:
        self.log.append("intent")
        await self._kept.intent(intent, plan)

    async def outcome(self, intent: Intent, receipt: Receipt, postings: Sequence[Posting]) -> None:
        self.log.append("outcome")
        (plan,) = [plan for known, plan in await self.open_intents() if known == intent]
        await self._kept.outcome(intent, receipt, postings)
        self.settled.append((intent, plan, receipt))

    async def report(self, report: CycleReport) -> None:
        self.log.append(report.outcome)
        await self._kept.report(report)

    async def open_intents(self) -> list[tuple[Intent, Plan]]:
        return await self._kept.open_intents()

    async def high_water_mark(self, since: int) -> int:
        return await self._kept.high_water_mark(since)

    async def balances(self) -> dict[tuple[str, str], int]:
        return await self._kept.balances()

    async def last_cycle(self) -> int:
        numbers = [report.cycle for report in self.written] + [intent.cycle for intent, _ in await self.open_intents()]
        return max(numbers, default=0)

    async def reports(self) -> list[CycleReport]:
        latest = {report.cycle: report for report in self.written}
        return [latest[cycle] for cycle in sorted(latest)]

    async def unreported(self) -> list[tuple[Intent, Plan, Receipt]]:
        final = {report.cycle for report in self.written if report.outcome not in (UNKNOWN, FAILED)}
        return [known for known in self.settled if known[0].cycle not in final]


class Lying:
    """A previewer that changes what an honest one says."""

    def __init__(self, honest: PaperMarket, lie: Callable[[Preview], Preview]) -> None:
        self._honest, self._lie = honest, lie

    async def preview(self, plan: Plan, market: Market, commitment: Commitment | None = None) -> Preview:
        return self._lie(await self._honest.preview(plan, market, commitment))


@dataclass
class Sends:
    """An executor over a paper market whose chain says what it is told to, in this order, and then fills honestly.

    ``reverted``: executed and refused. ``lost``: never arrives, no answer. ``landed``: arrives, no answer.
    """

    market: PaperMarket
    books: Books
    script: list[str] = field(default_factory=list)
    mute: bool = False  # whether the chain still has no answer when asked again
    asked: list[str] = field(default_factory=list)

    async def sign(self, plan: Plan, cycle: int, now: int, commitment: Commitment | None = None) -> Intent:
        return await self.market.sign(plan, cycle, now, commitment)

    async def send(self, intent: Intent) -> Receipt | None:
        self.books.log.append("send")
        said = self.script.pop(0) if self.script else "filled"
        if said == "filled":
            return await self.market.send(intent)
        if said == "reverted":
            return refusal(intent, self.market)
        if said == "landed":
            await self.market.send(intent)
        return None

    async def outcome(self, intent: Intent) -> Receipt | None:
        self.asked.append(intent.id)
        self.books.log.append("asked")
        return None if self.mute else await self.market.outcome(intent) or await self.market.send(intent)


def refusal(intent: Intent, market: PaperMarket) -> Receipt:
    """The chain's word on a call that it executed and refused."""
    return Receipt(intent.tx_hash, market.block + 1, "", market.time, False, (), 90_000, 90_000 * 10**9, "TooLittle()")


@dataclass
class World:
    """A paper market with its books and settings, and the ports over them."""

    market: PaperMarket
    books: Books
    settings: Settings
    ports: Ports
    panel: Panel


def world(panel: Panel | None = None, **sections: Any) -> World:
    """A made market at the first bar of `panel` (two flat venues if none is given), in equal weight."""
    whole = panel if panel is not None else panel_of(np.full((30, 2), 4.0))
    config = config_of(len(whole.venues) - 1, **sections)
    settings = settings_for(config)
    universe = settings.universe
    prices = {venue.id: float(whole.close[0, i]) for i, venue in enumerate(universe.risky, start=1)}
    capital = config.capital.raw(universe.money.decimals)
    market = made_market(universe, prices, capital, STILL, int(whole.times[0]), config.costs.gas_price)
    books = Books()
    ports = Ports(market, PanelFeed(whole), IdleScorer(), market, market, market, Sends(market, books), books)
    return World(market, books, settings, ports, whole)


def sends_of(made: World) -> Sends:
    """The world's scripted executor."""
    assert isinstance(made.ports.executor, Sends)
    return made.ports.executor


def with_ports(made: World, **changed: Any) -> Ports:
    return replace(made.ports, **changed)


class _Jump(selectors.DefaultSelector):
    """A selector that never waits for time: it moves the loop's own clock instead."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0 if timeout is not None else 5.0)
        if not ready and timeout is None:
            raise AssertionError("nothing is left that could ever happen")
        if not ready and timeout:
            self.time += timeout
        return ready


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop in which a wait of an hour takes no time and happens in exact order. No threads in it."""

    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)

    def time(self) -> float:
        return self._jump.time


def run_without_waiting(work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns, on a loop whose clock starts at 0 and jumps."""
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(work)

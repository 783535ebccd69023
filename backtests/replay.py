"""The replay rung: `run_cycle` itself, on simulated ports, in exact integers."""

from __future__ import annotations

from dataclasses import dataclass, field

from backtests.conservation import conserved
from backtests.simulated import MemoryJournal, PanelFeed
from bot.config import Config
from bot.core.mirror import first_prices
from bot.core.panel import Panel
from bot.core.report import CycleReport
from bot.paper import PaperMarket, made_market
from bot.ports import Ports, Scorer
from bot.replay import RecordedMoves, Schedule, replay
from bot.settings import Settings, mirror_params


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay leaves behind."""

    reports: tuple[CycleReport, ...] = field(repr=False)  # asyncio writes a task's result out, however long
    market: PaperMarket
    journal: MemoryJournal


async def run_replay(
    settings: Settings,
    config: Config,
    panel: Panel,
    scorer: Scorer,
    first: int,
    last: int,
    limit: int | None = None,
    recorded: RecordedMoves | None = None,
) -> Replayed:
    """Every cycle of `config` over the bars in [first, last] of `panel` (which may begin earlier, as history).

    `recorded`: the market's moves as an earlier run wrote them down (`read_moves`), instead of moves made from prices.
    Raises InvariantBroken when the books do not balance (`backtests.conservation`).
    """
    schedule = Schedule(panel, first, last, config.every)
    params = mirror_params(config)
    capital = config.capital.raw(settings.universe.money.decimals)
    prices = first_prices(settings.universe, panel, schedule.rows.start)
    # The market opens one second before its first bar, so that the bar's step is still to be made.
    start = int(panel.times[schedule.rows.start]) - 1
    market = made_market(
        settings.universe,
        prices,
        capital,
        params,
        start,
        config.costs.gas_price,
    )
    journal = MemoryJournal()
    ports = Ports(
        clock=market,
        feed=PanelFeed(panel, None if settings.strategy.uses_scores else settings.strategy.lookback),
        scorer=scorer,
        reader=market,
        committer=market,
        previewer=market,
        executor=market,
        journal=journal,
    )
    async for _ in replay(ports, settings, market, schedule, params, settings.universe, limit=limit, recorded=recorded):
        pass
    conserved(journal.reports, settings.universe, capital, market.idle, market.units)
    return Replayed(tuple(journal.reports), market, journal)

"""One cycle, top to bottom. If you read one file, read this one.

The same function runs on a fork, on paper and in the replay rung of a backtest; only the ports differ. Each step is a
call with a return value, and the datum walks forward: nothing here is called back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bot.core import report as told
from bot.core.dates import minute
from bot.core.market import Market
from bot.core.panel import Floats, Panel
from bot.core.plan import Plan, make_plan
from bot.core.policy import rebalance
from bot.core.postings import Receipt, postings_of
from bot.core.report import CycleReport, tell
from bot.core.risk import Refused, check
from bot.core.score import Scores
from bot.core.strategy import Strategy
from bot.core.universe import Universe
from bot.errors import ChainError, DataError
from bot.ports import Commitment, Intent, Ports, Preview
from bot.settings import Settings


@dataclass(frozen=True, slots=True)
class Disagreement:
    """The preview is not what was planned: nothing is sent."""

    reasons: tuple[str, ...]


async def run_cycle(ports: Ports, settings: Settings, cycle: int) -> CycleReport:
    """Observe, score, want, decide, plan, check, commit, preview, journal, execute, book, report.

    Raises ChainError, DataError or StorageError when the outside fails before anything was sent; after that, whatever
    is not known stays an open intent in the journal, which the next start or cycle resolves first.
    """
    universe, limits = settings.universe, settings.limits
    # observe: one pinned block, and what was published by its time
    market = await ports.reader.market()
    panel = await ports.feed.panel(market.time)
    if not len(panel):
        raise DataError(f"no prices are published by {minute(market.time)} UTC, the time of block {market.block}")
    # score, and what the strategy wants
    scores = await ports.scorer.score(panel)
    target = wanted(settings.strategy, panel, scores)
    # what to do about it, given what is held
    weights, stopped = await decide(ports, settings, market, panel, target, scores.withheld)
    plan = make_plan(weights, market, universe, limits)
    draft = _draft(cycle, settings, market, scores, target, plan, stopped)
    if no := objection(plan, market, settings, panel, draft):
        return await _close(ports, settings, draft, *no)
    # what would be entered is committed to first; then the market is read and the plan made again, within that
    commitment, unmade = await commit(ports, plan, cycle, panel, scores, target)
    if commitment or unmade:
        market = within(commitment, await ports.reader.market(), universe)
        aim = weights if commitment else np.minimum(weights, market.held(universe))  # exits need no commitment
        plan = make_plan(aim, market, universe, limits)
        draft = _redrafted(draft, universe, scores, plan, commitment, unmade)
        if no := objection(plan, market, settings, panel, draft):
            return await _close(ports, settings, draft, *no)
    # a look at what the chain itself says would happen
    preview = await ports.previewer.preview(plan, market, commitment)
    disagreement = compare(plan, preview)
    if disagreement:
        return await _close(ports, settings, draft, told.DISAGREED, disagreement.reasons)
    # on disk first, then out
    intent = await ports.executor.sign(plan, cycle, ports.clock.now(), commitment)
    await ports.journal.intent(intent, plan)
    receipt = await ports.executor.send(intent)
    if receipt is None:
        return await _close(ports, settings, draft, told.UNKNOWN, (f"no receipt for {intent.tx_hash}",))
    return await book(ports, settings, draft, intent, receipt)


def wanted(strategy: Strategy, panel: Panel, scores: Scores) -> Floats:
    """The strategy's target for the panel's last row, (N,).

    The strategy sees only as many rows as it says it needs: a longer history must not change its mind. Raises
    DataError when what it wants is not weights, or it refuses its parameters.
    """
    recent = panel.rows(max(0, len(panel) - strategy.lookback), len(panel))
    try:
        weights: Floats = strategy.weights(recent, scores.padded(len(recent)))[-1]
    except ValueError as error:
        raise DataError(f"strategy {strategy.name}: {error}") from error
    return weights


async def decide(
    ports: Ports, settings: Settings, market: Market, panel: Panel, target: Floats, withheld: str = ""
) -> tuple[Floats, tuple[str, ...]]:
    """Weights after the policy, (N,), and why nothing may grow: empty when entries are open.

    What stops entries is known before the plan, so that exits go on: a plan with both would be refused as one.
    `withheld`: why the scores may open nothing new, "" where they may.
    """
    policy = settings.policy
    nav = market.nav(settings.universe)
    peak = max(nav, await ports.journal.high_water_mark(market.time - policy.drawdown_window))
    stopped = []
    if peak > 0 and peak - nav >= policy.drawdown_brake * peak:
        stopped.append(f"entries stopped: {(peak - nav) / peak:.1%} below the highest value")
    if not market.entries_open:
        stopped.append(f"entries stopped: {market.why_closed}")
    if (age := data_age(panel, market)) > settings.limits.max_staleness:
        stopped.append(
            f"entries stopped: the newest data is {age:,} s old, {settings.limits.max_staleness:,} s allowed"
        )
    if withheld:
        stopped.append(f"entries stopped: {withheld}")
    held = market.held(settings.universe)
    tradable = np.array([True, *(market.tradable(venue.id) for venue in settings.universe.risky)])
    weights = rebalance(
        target,
        held,
        tradable & (panel.listed[-1] | (held > 0.0)),
        policy.band,
        policy.max_turnover,
        policy.max_venue,
        policy.min_idle,
        not stopped,
    )
    return weights, tuple(stopped)


def data_age(panel: Panel, market: Market) -> int:
    """Seconds from the panel's newest bar to the market's block."""
    return market.time - int(panel.newest[-1])


def objection(
    plan: Plan, market: Market, settings: Settings, panel: Panel, draft: CycleReport
) -> tuple[str, tuple[str, ...]] | None:
    """Why none of the plan is sent, as outcome and reasons: nothing to do, or a limit. None where it may be."""
    if not plan.legs:
        skipped = tuple(f"{venue}: {why}" for venue, why in plan.skipped.items())
        return draft.outcome, (*draft.reasons, *skipped)
    verdict = check(plan, market, settings.universe, settings.limits, data_age(panel, market))
    if isinstance(verdict, Refused):
        return told.REFUSED, tuple(str(breach) for breach in verdict.breaches)
    return None


async def commit(
    ports: Ports, plan: Plan, cycle: int, panel: Panel, scores: Scores, target: Floats
) -> tuple[Commitment | None, str]:
    """The commitment to what the plan would enter, or why there is none; neither on paper, and for exits alone."""
    if not any(leg.entry for leg in plan.legs):
        return None, ""
    try:
        return await ports.committer.commit(plan, cycle, panel, scores, target), ""
    except ChainError as error:
        return None, f"entries stopped: they could not be committed to: {error}"


def within(commitment: Commitment | None, market: Market, universe: Universe) -> Market:
    """The market with room for what was committed to alone; without a commitment, as it is."""
    if commitment is None:
        return market
    permits = commitment.permits
    most = {venue.id: permits[venue.id].max_assets if venue.id in permits else 0 for venue in universe.risky}
    return replace(market, room={venue: min(room, market.room.get(venue, room)) for venue, room in most.items()})


def compare(plan: Plan, preview: Preview) -> Disagreement | None:
    """None when every leg would return what was planned. Status and amounts are compared, never gas.

    To the unit, but for legs whose venue may pay a little else: those need what the plan accepts.
    """
    if not preview.ok:
        return Disagreement((f"the call would revert: {preview.reason}",))
    if len(preview.received) != len(plan.legs):
        return Disagreement((f"{len(preview.received)} legs previewed, {len(plan.legs)} planned",))
    reasons = tuple(
        f"{leg.venue} would return {received}, planned {leg.expected}"
        for leg, received in zip(plan.legs, preview.received, strict=True)
        if (received != leg.expected if leg.exact else received < leg.min_received)
    )
    return Disagreement(reasons) if reasons else None


async def book(ports: Ports, settings: Settings, draft: CycleReport, intent: Intent, receipt: Receipt) -> CycleReport:
    """The receipt in the books, from the vault's own events and not from what we meant to do."""
    postings = postings_of(receipt, settings.universe)
    await ports.journal.outcome(intent, receipt, postings)
    reasons = draft.reasons if receipt.ok else (receipt.reason or "reverted",)  # why only exits were done, if so
    done = told.DEPLOYED if receipt.ok else told.REVERTED
    used, cost = draft.gas_used + receipt.gas_used, draft.gas_cost + receipt.gas_cost
    booked = replace(draft, postings=postings, gas_used=used, gas_cost=cost)
    return await _close(ports, settings, booked, done, reasons)


def _draft(
    cycle: int,
    settings: Settings,
    market: Market,
    scores: Scores,
    target: Floats,
    plan: Plan,
    stopped: tuple[str, ...],
) -> CycleReport:
    universe = settings.universe
    observed = CycleReport(
        cycle=cycle,
        at=market.time,
        block=market.block,
        outcome=told.HELD,
        sentence="",
        nav=plan.nav,
        idle=market.idle,
        target=tuple(float(weight) for weight in target),
        weights=plan.weights,
        held=tuple(float(weight) for weight in market.held(universe)),
        prices=tuple(market.price(universe, venue.id) for venue in universe.venues),
        model=scores.model[-1],
        reasons=(*stopped, *(f"{venue}: {why}" for venue, why in market.halted.items() if market.units.get(venue))),
    )
    return replace(observed, **_planned(plan, scores, universe))


def _redrafted(
    draft: CycleReport,
    universe: Universe,
    scores: Scores,
    plan: Plan,
    commitment: Commitment | None,
    unmade: str,
) -> CycleReport:
    """The report after an attempt to commit: what was seen stays, what is planned is the new plan."""
    draft = replace(draft, **_planned(plan, scores, universe))
    if commitment is None:
        return replace(draft, outcome=told.FAILED, reasons=(*draft.reasons, unmade))
    used, cost = commitment.gas_used, commitment.gas_cost
    return replace(draft, decision=commitment.root.hex(), gas_used=used, gas_cost=cost, anchor_cost=cost)


def _planned(plan: Plan, scores: Scores, universe: Universe) -> dict[str, Any]:
    """What a report says of a plan."""
    return {
        "plan": plan.id,
        "weights": plan.weights,
        "legs": tuple({**leg.facts(), **_score(scores, universe.index(leg.venue))} for leg in plan.legs),
        "turnover": plan.turnover,
        "pool_cost": sum(leg.cost for leg in plan.legs),
    }


def _score(scores: Scores, column: int) -> dict[str, float | None]:
    """A venue's score as plain numbers, None where no model speaks (JSON has no NaN)."""
    kinds = {"score": scores.expected, "low": scores.low, "high": scores.high}
    found = {name: float(values[-1, column]) for name, values in kinds.items()}
    return {name: value if math.isfinite(value) else None for name, value in found.items()}


async def _close(
    ports: Ports, settings: Settings, draft: CycleReport, outcome: str, reasons: tuple[str, ...]
) -> CycleReport:
    report = replace(draft, outcome=outcome, reasons=reasons)
    report = replace(report, sentence=tell(report, settings.universe))
    await ports.journal.report(report)
    return report

"""Detectors: each is a statement that holds for every honest pipeline, tried on other futures of the same past.

truncation, tampering   what is said of rows up to t is the same, bit for bit, whatever came after t
revisions               … when values published by t are published again later
universe                … when an asset vanishes after t, or new ones appear: nobody is a member for having survived
refit                   what a fit at f learned from is the same whatever came after f less the embargo; what its
                        estimator learned from, whatever came after the calibration begins, less the embargo
repeat                  the same data give the same answer twice; where they do not, nothing else can be told
same-bar fill           a cycle trades at prices that its pool can have after the bar on which it decided
label lag, dates        see `timing`

All but the last compare outputs bit for bit or with hard bounds: they have no false alarm, and what they cannot see is
what no tampered future touched.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from backtests.lookahead.findings import Finding, Report, differences, merged
from backtests.lookahead.pipeline import (
    FILLS,
    MODELS,
    TRAINING,
    Case,
    Pipeline,
    Trace,
    panel_of,
    panel_outputs,
    rows_of,
    scorer_outputs,
    trace,
    trained,
    training_outputs,
)
from backtests.lookahead.tampering import SCALED, TAMPERINGS, Market, Tampering, market_of, tampered
from backtests.lookahead.timing import timing_findings
from backtests.run import BUY, Run
from bot.core.dates import moment
from bot.core.panel import Floats, Panel
from bot.core.universe import LP, Universe
from bot.errors import ConfigError, DataError

REFIT, SAME_BAR, REPEAT = "refit", "same-bar fill", "repeat"
CUTS = 4  # times at which the past ends, unless told otherwise
BUDGET_SECONDS = 45.0
_FITS = 2  # how many fits the label windows are tried on
_JUMP = 1.5  # by how much a price moves on the bar of a decision, to see what the fill does
_ROUNDING = 1e-6  # whole raw units of the exact rungs, in relative terms


def examine(
    case: Case,
    pipeline: Pipeline | None = None,
    *,
    cuts: int = CUTS,
    budget_seconds: float = BUDGET_SECONDS,
    seed: int = 0,
) -> Report:
    """Everything that the detectors find. `cuts`: how many times the past is made to end.

    The quick detectors always run; passes through the whole pipeline begin as long as the budget lasts, every kind of
    tampering at one cut before any at the next. Raises DataError when a step cannot run, also on a tampered market.
    """
    started = time.monotonic()
    pipeline = pipeline or Pipeline()
    try:
        base, again = trace(pipeline, case), trace(pipeline, case)
    except ValueError as error:
        raise DataError(f"strategy {case.settings.strategy.name}: {error}") from None
    market = market_of(case)
    at = cuts_of(case, base.panel, cuts)
    seen = len(base.watched.models), len(base.run.trades)
    unsteady = merged(repeat_findings(base, again))
    if unsteady:
        return Report(unsteady, 0, 0, at, *seen)
    found = list(refit_findings(pipeline, case, base, market, seed))
    plan = [(cut, tampering) for cut in at for tampering in TAMPERINGS]
    passes = 0
    for cut, tampering in plan:
        if passes and time.monotonic() - started > budget_seconds:
            break
        found += future_findings(pipeline, case, base, market, tampering, cut, seed)
        passes += 1
    found += fill_findings(base.run, base.panel, case.settings.universe)
    found += jump_findings(pipeline, case, base, at)
    found += timing_findings(base)
    return Report(merged(found), passes, len(plan), at, *seen)


def cuts_of(case: Case, panel: Panel, count: int) -> tuple[int, ...]:
    """Times (unix seconds) of rows at which the past ends, spread over the run.

    The first, third … fall on the first row at or after a fit, when its newest labels are yet to come; the others
    where they fall, between two fits.
    """
    if count < 1:
        raise ConfigError(f"--cuts: at least 1 (got {count})")
    inside = panel.times[(panel.times >= case.first) & (panel.times <= case.last)]
    if len(inside) < 3:
        raise DataError(
            f"too short to look for leaks: {len(inside)} bars between {moment(case.first)} and {moment(case.last)}"
        )
    found = []
    for number in range(count):
        row = int(len(inside) * (number + 1) / (count + 1))
        if number % 2 == 0 and case.settings.strategy.uses_scores:
            fit = int(inside[row]) // case.scorer.refit * case.scorer.refit
            row = max(1, int(np.searchsorted(inside, fit)))
        found.append(int(inside[min(row, len(inside) - 2)]))
    return tuple(dict.fromkeys(found))


def repeat_findings(base: Trace, again: Trace) -> Iterator[Finding]:
    """Outputs of two passes over the same data that differ."""
    forever = int(np.iinfo(np.int64).max)
    for one, differs in differences(base.outputs, again.outputs, forever):
        meaning = "asked twice about the same data it does not say the same, so leaks cannot be told from chance"
        yield Finding(REPEAT, one.stage, one.name, differs.venue, differs.row, differs.rows, differs.size, meaning)


def future_findings(
    pipeline: Pipeline, case: Case, base: Trace, market: Market, tampering: Tampering, cut: int, seed: int
) -> Iterator[Finding]:
    """What one pass on another future shows: outputs at or before `cut` that differ from `base`."""
    said = tampering.said.format(day=moment(cut))
    try:
        other = trace(pipeline, tampered(case, market, tampering, cut, seed))
    except (DataError, ValueError) as error:
        raise DataError(f"the pipeline cannot run when {said}: {error}") from error
    for one, differs in differences(base.outputs, other.outputs, cut):
        detector = REFIT if one.stage in (TRAINING, MODELS) else tampering.detector
        yield Finding(
            detector,
            one.stage,
            one.name,
            differs.venue,
            differs.row,
            differs.rows,
            differs.size,
            f"it changes when {said}, so it knows what came later",
        )


def refit_findings(pipeline: Pipeline, case: Case, base: Trace, market: Market, seed: int) -> Iterator[Finding]:
    """Label windows of the newest fits: purge and embargo before the fit, and between estimator and calibration."""
    fits = [fit for fit, training in sorted(base.watched.trainings.items()) if training is not None]
    for fit in fits[-_FITS:]:
        params = case.scorer
        windows = (
            (fit, "", "the fit"),
            (params.calibration_start(fit), "calibration ", "the calibration rows begin"),
        )
        for end, beyond, what in windows:
            cut = end - params.embargo
            changed = tampered(case, market, SCALED, cut, seed)
            panel = panel_of(pipeline, changed)
            other = trained(pipeline, changed, panel, fit)
            before = [*panel_outputs(base.panel), *scorer_outputs(base.panel, base.watched)]
            after = [*panel_outputs(panel), *scorer_outputs(panel, other)]
            if differences(before, after, cut):
                continue  # told by the passes: the rows themselves leak, not the windows
            learned = [training_outputs(*pass_, fit) for pass_ in ((base.panel, base.watched), (panel, other))]
            if beyond:
                learned = [[o for o in outputs if not o.name.startswith(beyond)] for outputs in learned]
            for one, differs in differences(learned[0], learned[1], int(base.panel.times[-1])):
                yield Finding(
                    REFIT,
                    TRAINING,
                    one.name,
                    "",
                    fit,
                    differs.rows,
                    differs.size,
                    f"the fit of {moment(fit)} learns from data after {moment(cut)}, "
                    f"less than the embargo before {what}",
                )


def fill_findings(run: Run, panel: Panel, universe: Universe) -> Iterator[Finding]:
    """Prices and trades that no pool can have made after the bar of the decision.

    Arbitrage leaves the price of a pool with fee f within [c·(1-f), c/(1-f)] of the close c of that bar; whoever buys
    pays at least the pool's price, whoever sells gets at most that.
    """
    row = rows_of(run, panel)
    for column, venue in enumerate(universe.risky, start=1):
        if venue.kind == LP:
            continue  # its price is that of a share in the pool, not of the token
        close, fee = panel.close[row, column], venue.fee_pips / 1e6
        least, most = close * (1.0 - fee) * (1.0 - _ROUNDING), close / (1.0 - fee) * (1.0 + _ROUNDING)
        price = run.prices[:, column]
        off = (price < least) | (price > most)  # False where either is unknown
        if off.any():
            first = int(np.flatnonzero(off)[0])
            far = float(np.abs(price - close)[off].max())
            meaning = "the pool's price is not one that it can have after the close of the bar that decided"
            yield Finding(SAME_BAR, FILLS, "prices", venue.id, int(run.times[first]), int(off.sum()), far, meaning)
        trades = run.trades[run.trades["venue"] == venue.id]
        bought = (trades["side"] == BUY).to_numpy()
        cycle = np.searchsorted(run.times, trades["time"].to_numpy())
        paid, spot = trades["price"].to_numpy(), run.prices[cycle, column]
        gift = np.where(bought, spot * (1.0 - _ROUNDING) - paid, paid - spot * (1.0 + _ROUNDING))
        gift = np.maximum(gift, np.where(bought, least[cycle] - paid, paid - most[cycle]))
        better = gift > 0.0
        if better.any():
            first = int(trades["time"].to_numpy()[np.flatnonzero(better)[0]])
            far = float(gift[better].max())
            meaning = "it trades at a better price than the pool has after the bar that decided"
            yield Finding(SAME_BAR, FILLS, "trades", venue.id, first, int(better.sum()), far, meaning)


def jump_findings(pipeline: Pipeline, case: Case, base: Trace, cuts: tuple[int, ...]) -> Iterator[Finding]:
    """The same decisions on a market whose prices jump on the very bar of the decision: the fills must pay for it."""
    universe = case.settings.universe
    for cut in cuts:
        row = int(np.searchsorted(base.panel.times, cut))
        close = base.panel.close.copy()
        close[row:, 1::2] *= _JUMP
        close[row:, 2::2] /= _JUMP
        panel = _with_close(base.panel, close)
        run = pipeline.fills_of(case, panel, base.scores, base.targets, pipeline.pools_of)
        yield from fill_findings(run, panel, universe)


def _with_close(panel: Panel, close: Floats) -> Panel:
    copies = {name: values.copy() for name, values in panel.fields.items()}
    return replace(panel, times=panel.times.copy(), fields=copies | {"close": close})

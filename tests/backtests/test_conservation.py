"""cash + positions + costs = start + what prices did: on every replay, and each way to break it is found and named."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from backtests.conservation import Balance, conserved
from backtests.replay import Replayed, run_replay
from bot.core.postings import NATIVE, Posting
from bot.core.report import CycleReport
from bot.core.strategy import Strategy
from bot.core.universe import Universe
from bot.errors import InvariantBroken
from bot.paper import PaperMarket, made_market
from bot.scoring.scorer import IdleScorer
from tests.backtests.markets import config_of, panel_of, settings_for, walk, wanted

NOISY = {"depth": "4000000 USDC", "noise": "5 %"}
CAPITAL = 100_000 * 10**6


def replayed(rows: int = 25, gone: int | None = None) -> tuple[Replayed, Universe]:
    """A replay that trades at random; from row `gone` on the second venue has no price."""
    close = walk(rows, 3)
    if gone is not None:
        close[gone:, 1] = np.nan
    panel = panel_of(close)
    config = config_of(3, devnet=NOISY)
    weights = wanted(panel)
    chosen = Strategy("given", lambda shown, *_: weights[np.searchsorted(panel.times, shown.times)], {}, 1, False)
    settings = replace(settings_for(config), strategy=chosen)
    first, last = int(panel.times[0]), int(panel.times[-1])
    return asyncio.run(run_replay(settings, config, panel, IdleScorer(), first, last)), settings.universe


@pytest.fixture(scope="module")
def run() -> tuple[Replayed, Universe]:
    return replayed()


def account(run: tuple[Replayed, Universe], reports: tuple[CycleReport, ...] | None = None) -> Balance:
    done, universe = run
    return conserved(reports or done.reports, universe, CAPITAL, done.market.idle, done.market.units)


def test_the_account_of_a_run_with_noise_adds_up(run: tuple[Replayed, Universe]) -> None:
    found = account(run)
    assert found.start == CAPITAL
    assert found.cash == run[0].reports[-1].idle
    assert found.cash + found.positions == run[0].reports[-1].nav
    assert found.costs == sum(report.pool_cost for report in run[0].reports[:-1] if report.postings)
    assert found.costs > 0
    assert found.gas == sum(report.gas_cost for report in run[0].reports)
    assert abs(found.rest) <= 4 * 3 * len(run[0].reports) + 1e-9 * CAPITAL
    assert abs(found.earned) > 10**6 * len(run[0].reports)  # so rounding is a small part of what was earned


def test_a_holding_that_is_written_off_is_in_the_account_as_a_loss() -> None:
    done, universe = replayed(60, gone=20)
    before, after = done.reports[49].prices[2], done.reports[-1].prices[2]
    assert (before > 0.0, after) == (True, 0.0)
    assert done.market.units["v2"] > 0
    assert abs(account((done, universe)).rest) <= 4 * 3 * 60 + 1e-9 * CAPITAL


def test_a_run_without_a_cycle_has_its_capital() -> None:
    universe = replayed(3)[1]
    assert conserved((), universe, 5, 5, {}) == Balance(5, 5, 0, 0, 0, 0)


def traded(run: tuple[Replayed, Universe]) -> int:
    """A cycle in the middle that traded."""
    return next(place for place, report in enumerate(run[0].reports) if place > 5 and report.postings)


def on(report: CycleReport, account: str, more: int) -> CycleReport:
    """The report with the first posting of an account changed, and its opposite, so that the two still sum to zero."""
    place = next(place for place, line in enumerate(report.postings) if line.account.startswith(account))
    line = report.postings[place]
    against = Posting("elsewhere", line.token, -more)
    lines = [*report.postings[:place], replace(line, amount=line.amount + more), *report.postings[place + 1 :], against]
    return replace(report, postings=tuple(lines))


BREAKS: dict[str, tuple[Callable[[CycleReport], CycleReport], str]] = {
    "a cent more idle than the postings say": (lambda report: replace(report, idle=report.idle + 1), r"idle, the post"),
    "value out of nothing": (lambda report: replace(report, nav=report.nav + 10**6), "off start and earnings by 10000"),
    "a posting that does not balance": (
        lambda report: replace(report, postings=report.postings[1:]),
        "postings do not balance",
    ),
    "money that went elsewhere": (lambda report: on(report, "idle", 7), "idle, the postings say"),
    "tokens that came from elsewhere": (lambda report: on(report, "venue:", 10**15), "was filled"),
    "a cost that was forgotten": (
        lambda report: replace(report, legs=tuple({**leg, "cost": 0} for leg in report.legs)),
        "off start and earnings",
    ),
}


@pytest.mark.parametrize("name", list(BREAKS))
def test_what_does_not_add_up_is_named_with_its_cycle(run: tuple[Replayed, Universe], name: str) -> None:
    spoil, said = BREAKS[name]
    place = traded(run)
    reports = list(run[0].reports)
    reports[place] = spoil(reports[place])
    with pytest.raises(InvariantBroken, match=said):
        account(run, tuple(reports))


@pytest.mark.parametrize(("idle", "units", "said"), [(1, 0, "idle"), (0, 1, "v1 ends with")])
def test_what_is_held_at_the_end_is_what_the_postings_leave(
    run: tuple[Replayed, Universe], idle: int, units: int, said: str
) -> None:
    done, universe = run
    held = {**done.market.units, "v1": done.market.units["v1"] + units}
    with pytest.raises(InvariantBroken, match=said):
        conserved(done.reports, universe, CAPITAL, done.market.idle + idle, held)


def test_more_sold_than_held_is_found(run: tuple[Replayed, Universe]) -> None:
    place = traded(run)
    report = run[0].reports[place]
    token = run[1]["v1"].unit.address
    lines = (*report.postings, Posting("venue:v1", token, -(10**30)), Posting("market:v1", token, 10**30))
    reports = (*run[0].reports[:place], replace(report, postings=lines))
    with pytest.raises(InvariantBroken, match=f"cycle {report.cycle} do not balance: v1 gave more than it had"):
        account(run, reports)


def test_gas_is_kept_apart_from_money(run: tuple[Replayed, Universe]) -> None:
    reports = [
        replace(report, postings=tuple(line for line in report.postings if line.token != NATIVE))
        for report in run[0].reports
    ]
    found = account(run, tuple(reports))
    assert found == replace(account(run), gas=0)


def test_every_replay_is_held_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A market that gives a unit of money away is stopped, though each of its postings balances."""

    def leaking(*given: Any) -> PaperMarket:
        market = made_market(*given)
        market.idle += 1
        return market

    monkeypatch.setattr("backtests.replay.made_market", leaking)
    with pytest.raises(InvariantBroken, match=f"cycle 1 do not balance: the vault had {CAPITAL + 1} idle"):
        replayed(3)

"""An asset that loses its price: a fork on a historical clock and the replay book the same, to the unit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot.core.report import DEPLOYED, DISAGREED
from bot.loading import Loaded, Options, load, schedule_of
from bot.signals.catalogue import Catalogue, build_panel
from tests.parity.ladder import lines, on_fork, on_replay
from tests.recordings import ROOT

pytestmark = pytest.mark.fork

CYCLES, LAST_BAR = 45, 170  # the first cycle is at bar 160; two bars more are carried


@pytest.fixture(scope="module")
def lost() -> Loaded:
    """`equal_weight` on a generated market in which the first venue's series ends after ten cycles."""
    options = Options(ROOT / "strategies/equal_weight.yaml", mode="fork", synthetic=11, cycles=CYCLES)
    whole = load(options)
    of, bar = whole.source.catalogue, str(whole.config.bar)
    prices = {(bar, asset): of.prices(asset, bar) for asset in of.assets(bar)}
    ends = whole.universe.risky[0].asset
    prices[bar, ends] = prices[bar, ends].iloc[: LAST_BAR + 1]
    catalogue = Catalogue.of(of.title, of.kind, prices, {name: of.signals(name) for name in of.sources()}, of.seed)
    panel = build_panel(catalogue, whole.universe, bar, whole.config.signals)
    return replace(
        whole,
        source=replace(whole.source, catalogue=catalogue),
        panel=panel,
        schedule=schedule_of(options, whole.config, panel),
    )


async def test_the_fork_neither_trades_nor_counts_what_has_no_price(lost: Loaded, tmp_path: Path) -> None:
    fork, settings = await on_fork(lost, tmp_path)
    replay = await on_replay(lost)
    venue = lost.universe.risky[0].id
    written_off = [report.cycle for report in replay if report.prices[1] == 0.0]
    assert written_off == [44, 45]
    both = [[report for report in reports if report.cycle not in written_off] for reports in (fork, replay)]
    assert lines(both[0], settings.universe) == lines(both[1], lost.universe)
    assert [(report.nav, report.reasons) for report in both[0]] == [(report.nav, report.reasons) for report in both[1]]
    assert sum(report.outcome == DEPLOYED for report in both[0]) >= 5
    traded = {report.cycle for report in fork if any(leg["venue"] == venue for leg in report.legs)}
    assert traded
    assert max(traded) <= 13
    assert fork[20].held[1] > 0.0
    # The vault goes on counting the holding at its pool's price, so it may ask for more idle money than the bot does.
    first = fork[written_off[0] - 1]
    assert (first.nav, first.held[1], first.prices[1]) == (replay[written_off[0] - 1].nav, 0.0, 0.0)
    assert first.outcome in (DEPLOYED, DISAGREED)
    assert first.outcome == DEPLOYED or all("IdleTooLow" in reason for reason in first.reasons)

"""What sandwiches take is what the exact engine says they take, leg by leg."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backtests.certify.attacks import taken
from backtests.fast import run_fast
from backtests.run import BUY, Run
from bot.config import Config
from bot.core.amm.attack import sandwich
from bot.core.amm.concentrated import pool_at
from bot.core.amm.quotes import Hop, quote
from bot.core.fixedpoint import price_to_sqrt_x96
from bot.core.mirror import seeding
from bot.core.panel import Panel
from bot.core.score import no_scores
from bot.core.units import BPS, bps_down
from bot.settings import Settings, mirror_params
from tests.backtests.markets import config_of, panel_of, settings_for, walk

DEPTH = "400000 USDC"


def played(capital: str, **limits: str) -> tuple[Run, Settings, Config, Panel]:
    bounds = {"max_venue": "100 %", "min_idle": "0 %", "max_loss": "10 %", "min_trade": "0 USDC", **limits}
    policy = {"band": "0 bps", "max_turnover": "100 %", "drawdown_brake": "100 %"}
    config = config_of(2, capital=capital, limits=bounds, policy=policy, devnet={"depth": DEPTH, "noise": "0 %"})
    panel = panel_of(walk(6, 2))
    weights = np.tile([0.0, 0.9, 0.1], (6, 1))
    weights[3:] = [0.0, 0.2, 0.8]
    settings = settings_for(config, weights)
    run = run_fast(settings, config, panel, no_scores(6, 3), int(panel.times[0]), int(panel.times[-1]))
    return run, settings, config, panel


def test_legs_too_small_to_pay_an_attacker_lose_nothing() -> None:
    run, settings, config, panel = played("50 USDC")
    found = taken(run, settings.universe, settings.limits, panel, mirror_params(config).depth)
    assert len(run.trades) > 2
    assert found.attacked == 0
    assert not found.money.any()


def test_entries_lose_to_the_unit_what_the_exact_engine_takes() -> None:
    run, settings, config, panel = played("100000 USDC")
    depth = mirror_params(config).depth
    found = taken(run, settings.universe, settings.limits, panel, depth)
    entries = run.trades[run.trades["time"] == run.times[0]]
    assert entries["side"].tolist() == [BUY, BUY]
    expected = 0.0
    for column, (name, money) in enumerate(zip(entries["venue"], entries["money"], strict=True), start=1):
        venue, price = settings.universe[name], float(run.prices[0, column])
        made = seeding(venue, 6, float(panel.close[0, column]), depth)
        pool = pool_at(price_to_sqrt_x96(price, 18, 6, True), made.fee_pips, made.tick_spacing, made.positions)
        hop, amount = Hop(pool, False), int(money * 1e6)
        fill = quote((hop,), amount).amount_out
        least = bps_down(fill, BPS - settings.limits.slippage_bps)
        attack = sandwich(hop, amount, least, True)
        assert attack.pays
        expected += (fill - max(attack.paying_fill, least)) / 1e18 * price
    assert found.money[0] == pytest.approx(expected, rel=1e-12)


def test_no_leg_loses_more_than_its_limits_let_through() -> None:
    run, settings, config, panel = played("300000 USDC", slippage="50 bps", max_sandwich="20 bps")
    depth = mirror_params(config).depth
    bounded = taken(run, settings.universe, settings.limits, panel, depth)
    loose = taken(run, settings.universe, replace(settings.limits, max_sandwich_bps=BPS), panel, depth)
    assert bounded.attacked == loose.attacked > 0
    traded = np.array([run.trades[run.trades["time"] == at]["money"].sum() for at in run.times])
    assert (bounded.money <= traded * 0.002 * 1.001).all()
    assert bounded.money.sum() < loose.money.sum()
    assert (loose.money <= traded * 0.005 * 1.001).all()

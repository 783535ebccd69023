"""The made market must not flatter us: where no relation is planted, trading earns what it costs, with a minus sign."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from backtests.replay import run_replay
from bot.config import Config, load_config
from bot.core.panel import Panel
from bot.scoring.scorer import IdleScorer
from bot.settings import settings_of, simulated_universe
from bot.signals.catalogue import build_panel
from bot.signals.generator import GeneratorParams, generate

DAY = 86_400
START = 1_704_067_200
SEEDS = 100
BARS = 40
# Calm prices, so that a hundred seeds can tell a cost of a few per cent from luck.
CALM = GeneratorParams(market_volatility=0.15, own_volatility=0.30, volatility_spread=0.2)

STRATEGY = """
capital: 100000 USDC
every: 1d
strategy: {name: reversal, params: {bars: 2}}
venues:
  artist-coin: {kind: uniswap_v3_hold, asset: ARTIST, fee: 30 bps}
  model-coin: {kind: uniswap_v3_hold, asset: MODEL, fee: 30 bps}
  render-coin: {kind: uniswap_v3_hold, asset: RENDERX, fee: 5 bps}
  music-coin: {kind: uniswap_v3_hold, asset: MUSIC, fee: 100 bps}
policy: {band: 100 bps, max_turnover: 50 %, drawdown_brake: 100 %}
limits: {max_venue: 60 %, min_idle: 5 %, max_loss: 3 %, min_trade: 100 USDC}
"""


async def _outcome(config: Config, panel: Panel) -> tuple[float, float]:
    """(net return without gas, trading costs) as fractions of capital: pool fees and price impact against spot."""
    settings = settings_of(config, simulated_universe(config))
    done = await run_replay(settings, config, panel, IdleScorer(), int(panel.times[0]), int(panel.times[-1]))
    capital = config.capital.raw(6)
    costs = sum(report.pool_cost for report in done.reports[:-1])  # the last cycle's trades are after the last value
    return done.reports[-1].nav / capital - 1.0, costs / capital


async def test_without_an_edge_the_mean_net_return_is_below_zero_and_costs_explain_all_of_it(tmp_path: Path) -> None:
    file = tmp_path / "strategy.yaml"
    file.write_text(STRATEGY)
    config = load_config(file, environment={})
    universe = simulated_universe(config)
    assets = tuple(venue.asset for venue in config.venues.values())
    outcomes = []
    for seed in range(SEEDS):
        catalogue = generate(seed, assets, BARS, DAY, START, strength=0.0, params=CALM)
        outcomes.append(await _outcome(config, build_panel(catalogue, universe, "1d", ())))
    net, costs = np.array(outcomes).T
    assert costs.mean() > 0.02, "the strategy must trade, or this test says nothing"
    assert net.mean() < 0.0
    gross = net + costs
    half = 1.984 * gross.std(ddof=1) / math.sqrt(SEEDS)  # Student's t, 99 degrees of freedom, 95 %
    assert abs(gross.mean()) < half, f"return before costs {gross.mean():.4f} ± {half:.4f} is not zero"
    print(f"net {net.mean():.4f}, costs {costs.mean():.4f}, gross {gross.mean():+.4f} ± {half:.4f}")  # noqa: T201

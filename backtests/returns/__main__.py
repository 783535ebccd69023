"""Writes docs/returns.md: what is in the returns of AI and media tokens, with intervals, and the checks of that.

python -m backtests.returns --data DIR      DIR: a folder of files that ready maps know (some minutes)
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np

from backtests.returns.association import SHUFFLES, family, finding
from backtests.returns.markets import older, recent
from backtests.returns.page import Evidence, Market, page
from backtests.returns.power import nothing, planted_power
from backtests.returns.walks import variants, walk
from bot.core.panel import Panel
from bot.core.strategy import load
from bot.scoring.explain import agreements, importances
from bot.scoring.features import features
from bot.scoring.labels import labels
from bot.scoring.params import ScorerParams
from bot.scoring.skill import rank_correlations
from bot.scoring.spans import DAY
from bot.scoring.walkforward import score_panel
from bot.signals.catalogue import build_panel
from bot.signals.generator import STARS, generate
from bot.whole_file import write_whole

ROOT: Final = Path(__file__).resolve().parent.parent.parent
SEED: Final = 20_241_121
HORIZON: Final = 7
# Changed by nobody to make a figure better: those of strategies/trend_tilt.yaml, and 40 bps for a way in and out.
PARAMS: Final = ScorerParams(
    horizon=HORIZON * DAY,
    train=90 * DAY,
    refit=28 * DAY,
    embargo=DAY,
    bar_seconds=DAY,
    costs=0.004,
    on_drift="withhold",
)
PLANTED: Final = (0.0, 0.05, 0.1, 0.15)
ASSETS: Final = ("RNDR", "FET", "AR", "TAO", "WLD", "RARE", "LPT", "AKT")


def main() -> None:
    """Reads the recorded markets, asks everything, and writes the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "returns.md")
    parser.add_argument("--shuffles", type=int, default=SHUFFLES, help="fewer are quicker and coarser")
    given = parser.parse_args()
    write_whole(given.out, page(evidence(given.data, given.shuffles)))
    sys.stdout.write(f"wrote {given.out}\n")


def evidence(folder: Path, shuffles: int, trials: int = 200) -> Evidence:
    """Everything that the page says. The same figures for the same data, shuffles and trials."""
    new, old = recent(folder), older(folder)
    asked = (
        market(
            new,
            "AI and media tokens, 2024",
            "Daily closes of Binance spot (`genetrader_binance`), GitHub ranking and ComfyUI nodes as signals of six "
            "tokens, to which `strategies/trend_tilt.yaml` ties topics.",
            shuffles,
        ),
        market(
            old,
            "AI and media tokens, 2017 to 2022",
            "Daily closes of Yahoo (`crypto_price_daily`), without signals. Tokens come in as they were first traded.",
            shuffles,
        ),
    )
    markets = corrected(asked)
    walks = tuple(walk(name, new, params, SEED) for name, params in variants(PARAMS).items())
    ridge = next(each for each in walks if each.name == "ridge")
    names, x = features(new, DAY)
    rows = x[-90:, 1:].reshape(-1, len(names))
    rows = rows[np.isfinite(rows).any(axis=1)]
    returns = labels(new, PARAMS.horizon).returns
    market_names, more = features(new, DAY, "market")
    return Evidence(
        markets,
        walks,
        agreements(ridge.models, rows),
        tuple(importances(ridge.models[-1], rows).items())[:5],
        tuple(
            nothing(name, more[:, :, market_names.index(name)], returns, HORIZON, SEED, trials, min(99, shuffles))
            for name in ("return_7d", "momentum_84d")
        ),
        tuple(planted_power(returns, HORIZON, strength, SEED, trials, min(199, shuffles)) for strength in PLANTED),
        tuple(generated(strength) for strength in (0.0, 1.0, 3.0)),
        HORIZON,
        shuffles,
    )


def corrected(markets: tuple[Market, ...]) -> tuple[Market, ...]:
    """The markets with their p-values corrected as one family: every hypothesis of the page belongs to it."""
    every = iter(family([found for each in markets for found in each.findings]))
    return tuple(replace(each, findings=tuple(islice(every, len(each.findings)))) for each in markets)


def market(panel: Panel, title: str, about: str, shuffles: int) -> Market:
    """Every plain feature of the panel against the returns that follow."""
    names, x = features(panel, DAY, "market")
    returns = labels(panel, PARAMS.horizon).returns
    found, left_out = [], []
    for column, name in enumerate(names):
        ranks = rank_correlations(x[:, :, column], returns)
        if name.endswith((":demeaned", ":rank")):  # forms of one feature rank alike
            continue
        if np.isfinite(ranks).sum() < 3 * HORIZON:
            left_out.append(name)
        else:
            found.append(finding(name, x[:, :, column], returns, HORIZON, SEED, shuffles))
    known = np.isfinite(returns).sum(axis=1)
    listed = known[known >= 3]
    first, last = int(panel.times[0]), int(panel.times[-1])
    rows, tokens = len(listed) // HORIZON, int(np.median(listed))
    return Market(title, about, first, last, tokens, rows, tuple(found), tuple(left_out))


def generated(strength: float, seeds: int = 6) -> tuple[float, float, float, float]:
    """(strength, mean and largest share that trend_edge holds, share of drifted days) on generated markets."""
    from bot.core.units import Token
    from bot.core.universe import Universe, Venue, idle

    money = Token(1, "0x" + "1" * 40, "USDC", 6)
    venues = tuple(
        Venue(
            asset.lower(),
            "uniswap_v3_hold",
            asset,
            Token(1, f"0x{number:040x}", asset, 18),
            topics={STARS: (f"{asset.lower()}/*",)},
        )
        for number, asset in enumerate(ASSETS, start=2)
    )
    held, drifted = [], []
    params = replace(PARAMS, costs=None)
    for seed in range(seeds):
        made = generate(seed, ASSETS, 400, DAY, 1_704_067_200, strength)
        panel = build_panel(made, Universe(money, (idle(money), *venues)), "1d", (STARS,))
        scores = score_panel(panel, params)
        spoke = np.array([bool(digest) for digest in scores.model])
        held.append(1.0 - load("trend_edge").weights(panel, scores)[spoke, 0].mean())
        drifted.append(scores.drifted[spoke].mean())
    return strength, float(np.mean(held)), float(np.max(held)), float(np.mean(drifted))


if __name__ == "__main__":
    main()

"""What each of several strategies in one portfolio earned: profit and loss by capital sleeve."""

from __future__ import annotations

import numpy as np
import pandas as pd

from backtests.run import BUY, Run
from bot.core.panel import Floats, Panel
from bot.core.score import Scores
from bot.core.sleeves import Sleeves, shares_of


def profit_by_venue(run: Run) -> Floats:
    """(K - 1, N): profit and loss in money of each venue from one cycle to the next, its trades' costs included.

    Column 0, idle, is what is left when every flow is accounted for: rounding. Sums over cycles to
    `backtests.metrics.attribution`.
    """
    worth = run.held * run.nav[:, None]
    flows = np.zeros_like(worth)
    row = np.searchsorted(run.times, run.trades["time"].to_numpy())
    column = pd.Index(run.venues).get_indexer(pd.Index(run.trades["venue"]))
    sign = np.where(run.trades["side"].to_numpy() == BUY, 1.0, -1.0)
    np.add.at(flows, (row, column), sign * run.trades["money"].to_numpy())
    flows[:, 0] = -flows[:, 1:].sum(axis=1)
    return np.asarray(np.diff(worth, axis=0) - flows[:-1])


def attribution_by_sleeve(run: Run, strategy: Sleeves, panel: Panel, scores: Scores) -> dict[str, float]:
    """Profit and loss in money by sleeve, before gas; sums to that of the portfolio.

    A venue's profit between two cycles is split as its target was at the first: by what each sleeve had asked for.
    `panel` and `scores`: the run's own. A cycle's row is the newest one at its time: exact rungs tell a little later.
    """
    rows = np.searchsorted(panel.times, run.times[:-1], side="right") - 1
    shares = shares_of(strategy.parts, strategy.by_part(panel, scores))[:, rows]
    parts = (shares * profit_by_venue(run)[None]).sum(axis=(1, 2))
    return {part.name: float(value) for part, value in zip(strategy.parts, parts, strict=True)}

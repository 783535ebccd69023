"""What a reader of a run must know about assets that lost their price while the run held them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from backtests.run import Run
from bot.core.dates import moment
from bot.core.listing import WRITE_OFF, last_known
from bot.core.panel import Panel


def with_endings(run: Run, panel: Panel) -> Run:
    """`run` with a note for each of its `endings`."""
    return replace(run, notes=(*run.notes, *endings(run, panel)))


def endings(run: Run, panel: Panel) -> tuple[str, ...]:
    """One line per venue and loss of price: since when, how much was in it, and what became of it.

    A hole that begins and ends between two cycles touched nothing and is not told.
    """
    rows = np.searchsorted(panel.times, run.times, side="right") - 1
    now, known = panel.times[rows], last_known(panel)[rows]
    told = []
    for column, venue in enumerate(run.venues):
        silent = (known[:, column] >= 0) & (known[:, column] < now)
        for first in np.flatnonzero(silent & ~np.append(False, silent[:-1])):
            share, since = float(run.held[first, column]), int(known[first, column])
            if share <= 0.0:
                continue
            until = first + int(np.argmin(np.append(silent[first:], False)))
            lost = np.flatnonzero(now[first:until] - since > WRITE_OFF)
            ends = [f"worth nothing from {moment(int(now[first + lost[0]]))} on"] if len(lost) else []
            ends += [f"a price again from {moment(int(now[until]))} on"] if until < len(now) else []
            ends += ["still counted at its last price at the end"] if until == len(now) and not len(lost) else []
            stuck = f"{venue}: no price since {moment(since)}, with {share:.1%} of the portfolio in it"
            told.append(f"{stuck}; {', '.join(ends)}")
    return tuple(told)

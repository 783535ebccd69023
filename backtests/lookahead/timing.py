"""Data under a wrong date, which no recomputation shows: it is wrong before the pipeline begins.

Two statistics, each with a bar that chance does not reach (four standard errors and more, of the number of rows, not of
rows times venues, which are not independent):

label lag   nothing honest is correlated by 0.3 with the return of the next bar and much less with the bar after it: a
            relation that is known beforehand lasts, a wrong date shows in one bar. Nor is anything honest correlated
            by 0.8 with the label itself.
dates       an asset moves with the others, and its volume with its own moves, on the same bar. Where the neighbouring
            bar fits better, one of the two is stamped wrongly.

Power: a series that shares less than a third of its bar-to-bar changes with returns passes, and so does one whose date
is wrong by less than a bar. At fewer than `LEAST_ROWS` rows nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from backtests.lookahead.findings import Finding
from backtests.lookahead.pipeline import FEATURES, PANEL, Trace
from bot.core.panel import Floats, Panel

LABEL_LAG, DATES = "label lag", "dates"
LEAST_ROWS = 60
_TOO_GOOD, _THE_LABEL = 0.3, 0.8  # correlations with the next bar's return, and with the label
_SHARP = 2.5  # how much stronger the next bar is than those after it
_ERRORS = 4.0  # standard errors
_LEAST_FIT = 0.2  # correlation on the neighbouring bar that is worth a word


def timing_findings(base: Trace) -> Iterator[Finding]:
    """Series of the panel and features that are under a wrong date, by what they are correlated with."""
    yield from _asset_dates(base.panel)
    yield from _volume_dates(base.panel)
    yield from _foresight(base)


def _asset_dates(panel: Panel) -> Iterator[Finding]:
    returns = _changes(panel.close)
    for column in range(1, returns.shape[1]):
        others = np.delete(returns[:, 1:], column - 1, axis=1)
        if others.shape[1] < 2:
            return  # of two that disagree, nobody knows which is wrong
        known = np.isfinite(others)
        mean = np.where(known, others, 0.0).sum(axis=1) / np.where(known.any(axis=1), known.sum(axis=1), np.nan)
        yield from _shifted(panel, "close", column, returns[:, column], mean, "the other assets' returns")


def _volume_dates(panel: Panel) -> Iterator[Finding]:
    moves, volume = np.abs(_changes(panel.close)), _logs(panel.volume)
    for column in range(1, moves.shape[1]):
        yield from _shifted(panel, "volume", column, volume[:, column], moves[:, column], "the moves of its own price")


def _shifted(panel: Panel, name: str, column: int, series: Floats, reference: Floats, what: str) -> Iterator[Finding]:
    """A finding if `series` fits `reference` better a bar away than on its own bar."""
    now, rows = correlation(series, reference)
    if rows < LEAST_ROWS:
        return
    for lag, told in ((1, "a bar early"), (-1, "a bar late")):
        there, _ = correlation(series, _shift(reference, lag))
        gap = (np.arctanh(abs(there)) - np.arctanh(abs(now))) / np.sqrt(2.0 / (rows - 3))
        if abs(there) >= _LEAST_FIT and gap > _ERRORS:
            at = int(panel.times[np.flatnonzero(np.isfinite(series))[0]])
            meaning = (
                f"its dates are {told}: its correlation with {what} is {there:.2f} on that bar and {now:.2f} on its own"
            )
            yield Finding(DATES, PANEL, name, panel.venues[column], at, rows, float(there), meaning)


def _foresight(base: Trace) -> Iterator[Finding]:
    panel, watched = base.panel, base.watched
    returns = _across(_changes(panel.close))
    series = [(PANEL, name, _changes(panel.fields[name] + 1.0)) for name in panel.signals]
    series += [(FEATURES, name, watched.x[:, :, place]) for place, name in enumerate(watched.names) if _plain(name)]
    label = _across(watched.truth.returns) if watched.truth is not None else None
    for stage, name, values in series:
        known = _across(values)
        rows = int((np.isfinite(known) & np.isfinite(_shift(returns, 1))).any(axis=1).sum())
        if rows < LEAST_ROWS:
            continue
        ahead = [correlation(known, _shift(returns, lag))[0] for lag in (1, 2, 3)]
        sharp = abs(ahead[0]) >= _TOO_GOOD and abs(ahead[0]) >= _SHARP * max(abs(ahead[1]), abs(ahead[2]))
        of_label = correlation(known, label)[0] if label is not None else 0.0
        told = ("the return of the next bar", ahead[0]) if sharp else ("the label", of_label)
        if (sharp or abs(of_label) >= _THE_LABEL) and abs(told[1]) * np.sqrt(rows) > _ERRORS:
            at = int(panel.times[np.flatnonzero(np.isfinite(known).any(axis=1))[0]])
            meaning = f"its correlation with {told[0]} is {told[1]:.2f}, which only the future can explain"
            yield Finding(LABEL_LAG, stage, name, "", at, rows, float(told[1]), meaning)


def correlation(left: Floats, right: Floats) -> tuple[float, int]:
    """Spearman's correlation over all places that both know, held below 1, and their number; 0 for a constant side.

    Of ranks, so that one wild bar proves nothing.
    """
    both = np.isfinite(left) & np.isfinite(right)
    count = int(both.sum())
    if count < 3:
        return 0.0, count
    one, two = (pd.Series(side[both]).rank().to_numpy() - (count + 1) / 2 for side in (left, right))
    scale = float(np.sqrt((one**2).sum() * (two**2).sum()))
    return (float(np.clip((one * two).sum() / scale, -0.999999, 0.999999)) if scale > 0.0 else 0.0), count


def _plain(name: str) -> bool:
    """Demeaned and ranked forms say nothing here that the feature itself does not."""
    return not name.endswith((":demeaned", ":rank"))


def _across(values: Floats) -> Floats:
    """Each row less its mean over the venues, where three or more are known: what moves all says nothing of dates."""
    known = np.isfinite(values)
    count = known.sum(axis=1, keepdims=True)
    mean = np.where(known, values, 0.0).sum(axis=1, keepdims=True) / np.maximum(count, 1)
    centred: Floats = np.where(count >= 3, values - mean, values)
    return centred


def _logs(values: Floats) -> Floats:
    good = np.isfinite(values) & (values > 0.0)
    return np.where(good, np.log(np.where(good, values, 1.0)), np.nan)


def _changes(values: Floats) -> Floats:
    """(T, N): the change of the logarithm from the row before, NaN in the first."""
    logs = _logs(values)
    return np.vstack([np.full((1, values.shape[1]), np.nan), np.diff(logs, axis=0)])


def _shift(values: Floats, lag: int) -> Floats:
    """Row t holds row t + `lag`, NaN beyond the ends."""
    moved = np.full_like(values, np.nan)
    if lag > 0:
        moved[:-lag] = values[lag:]
    else:
        moved[-lag:] = values[:lag]
    return moved

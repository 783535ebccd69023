"""Many portfolios at once, a row of figures each: costs and limits of one portfolio, or thresholds over indicators."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numba
import numpy as np
import pandas as pd

from backtests.kernels import tell_if_cold, thresholds, weights_path
from backtests.kernels.thresholds import thresholds_nb
from backtests.kernels.weights import Places
from backtests.kernels.weights_path import sweep_nb
from backtests.metrics import FLAT, YEAR
from backtests.overfitting import ONE_AT_A_TIME
from backtests.weights.options import ByAsset, Costs, bars
from backtests.weights.tables import Given, Table, plan_of, prices_of, table_of
from backtests.weights.targets import BALANCED
from bot.core.panel import Floats
from bot.errors import ConfigError, DataError, InvariantBroken, located

VARIED: Final = tuple(field.name for field in fields(Costs) if field.name != "royalty")
TOGETHER: Final = 256  # combinations that share a thread's crossings
FLOOR: Final = 16  # fewer are not worth a thread's crossings
BATCH: Final = 1 << 21  # numbers of indicators held at once: 16 MB


@dataclass(frozen=True, slots=True, eq=False)
class _Bars:
    """Prices turned round: assets are rows. `known`: filled forward; `traded`: NaN where there is no price."""

    known: Floats
    traded: Floats


def portfolio_sweep(
    prices: Given,
    weights: Given,
    grid: Mapping[str, Sequence[Any]],
    *,
    every: int | None = None,
    royalty: ByAsset = 0.0,
) -> pd.DataFrame:
    """A row per combination of `grid`: options of `Costs` (but royalty) by name, with the values to try.

    Columns: the options, final, total_return, sharpe (a year of 365 days where prices have times, else per bar),
    max_drawdown, orders, costs, turnover. Paths share all cores; each thread holds the value of one path, so memory
    grows by a row a combination. Raises as `portfolio`.
    """
    for name, values in grid.items():
        if name not in VARIED:
            raise ConfigError(located("grid", name, f"not one of {', '.join(VARIED)}"))
        if len(values) == 0:
            raise ConfigError(located("grid", name, "has no values"))
    table, step = prices_of(prices), bars("every", every)
    base, plan = Costs(royalty=royalty), plan_of(weights, table, step)
    rows = [dict(zip(grid, combination, strict=True)) for combination in itertools.product(*grid.values())]
    made = [replace(base, **row) for row in rows]
    terms, caps = np.array([each.terms() for each in made]), np.array([each.caps(("all",))[0] for each in made])
    for each in made:
        each.royalties(table.columns)
    royalties = base.royalties(table.columns)
    with ONE_AT_A_TIME:
        tell_if_cold("sweeps of portfolios", "kernels", "weights_path.sweep_nb", "about ten seconds")
        out = sweep_nb(table.values, plan.at, plan.weights, plan.which, table.gaps, terms, royalties, caps)
    _require_balance(out[:, weights_path.UNBALANCED])
    frame = pd.DataFrame(rows, index=pd.RangeIndex(len(rows)))
    figures = _figures(table, terms[:, 0], out, (weights_path.FINAL, weights_path.MEAN, weights_path.SPREAD))
    figures["max_drawdown"] = out[:, weights_path.DRAWDOWN]
    figures["orders"] = out[:, weights_path.TRADED].astype(np.int64)
    figures["costs"], figures["turnover"] = out[:, weights_path.COSTS], out[:, weights_path.TURNED]
    return frame.assign(**figures)


def threshold_sweep(
    prices: Given,
    indicators: Mapping[Any, Given | Callable[[], Given]],
    entries: Sequence[float],
    exits: Sequence[float],
    *,
    capital: float = 100_000.0,
    fee: float = 0.0,
    spread: float = 0.0,
    royalty: ByAsset = 0.0,
) -> pd.DataFrame:
    """A row per indicator, entry and exit threshold, in this order: all of them with each other.

    Without a position, an asset's whole cash buys it at a bar where its indicator is above the entry threshold; with
    one, all is sold at a bar where it is below the exit threshold. Orders are made at that bar's price, one a bar and
    asset at most; each asset starts with an equal part of the capital. So an indicator must be known at its bar.

    indicators: by label, a frame or array of the prices' shape, or a function that makes one when its turn comes, so
    that not all are held at once. NaN: no order. Columns: indicator, entry, exit, final, total_return, sharpe,
    max_drawdown, orders, costs. Raises as `portfolio`.
    """
    costs, table = Costs(capital, fee, spread, royalty=royalty), prices_of(prices)
    terms, keep = costs.terms(), 1.0 - fee - costs.royalties(table.columns)
    pairs = np.array(list(itertools.product(_levels("entries", entries), _levels("exits", exits))))
    if not indicators:
        raise DataError(located("indicators", "", "there are none"))
    turned, count = _turned(table), len(pairs)
    parts = []
    for batch in _batches(indicators.items(), max(1, BATCH // table.values.size)):
        given = np.stack([_indicator(label, each, table) for label, each in batch])
        out = np.zeros((len(batch) * count, thresholds.COLUMNS))
        entry, leave = np.tile(pairs[:, 0], len(batch)), np.tile(pairs[:, 1], len(batch))
        dear, sale = (1.0 + spread) * (1.0 + fee), (1.0 - spread) * keep
        groups = _groups(len(batch), count)
        with ONE_AT_A_TIME:
            tell_if_cold("threshold sweeps", "kernels", "thresholds.thresholds_nb", "about ten seconds")
            thresholds_nb(
                turned.known, turned.traded, given, groups, entry, leave, terms.capital, float(dear), sale, out
            )
        _require_balance(out[:, thresholds.IMBALANCE])
        parts.append(out)
    figures = np.concatenate(parts)
    columns = (thresholds.FINAL, thresholds.MEAN, thresholds.SPREAD)
    made: dict[str, Any] = {
        "indicator": np.repeat(np.fromiter(indicators, dtype=object, count=len(indicators)), count),
        "entry": np.tile(pairs[:, 0], len(indicators)),
        "exit": np.tile(pairs[:, 1], len(indicators)),
    }
    made |= _figures(table, np.full(len(figures), terms.capital), figures, columns)
    made["max_drawdown"] = figures[:, thresholds.DRAWDOWN]
    made["orders"] = figures[:, thresholds.ORDERS].astype(np.int64)
    made["costs"] = figures[:, thresholds.COSTS]
    return pd.DataFrame(made).infer_objects()


def _levels(name: str, values: Sequence[float]) -> list[float]:
    made = [float(value) for value in values]
    if not made or not np.isfinite(made).all():
        raise ConfigError(located(name, "", "finite thresholds, one at least", str(list(values))))
    return made


def _indicator(label: Any, given: Given | Callable[[], Given], prices: Table) -> Floats:
    """(N, T): an indicator's values, turned round."""
    name = f"indicator {label}"
    table = table_of(given() if callable(given) else given, name)
    if table.values.shape != prices.values.shape:
        raise DataError(located(name, "", f"expected the prices' shape {prices.values.shape}", str(table.values.shape)))
    if table.index is not None and (table.columns != prices.columns or not table.index.equals(prices.index)):
        raise DataError(located(name, "", "has not the prices' times and columns"))
    if np.isinf(table.values).any():
        row, column = (int(each[0]) for each in np.nonzero(np.isinf(table.values)))
        raise table.refuse(row, column, "an indicator is finite, or NaN where it is not known")
    return np.ascontiguousarray(table.values.T)


def _turned(table: Table) -> _Bars:
    traded = np.ascontiguousarray(table.values.T)
    if not table.gaps:
        return _Bars(traded, traded)
    # Before an asset's first price nothing of it is held: any number will do.
    known = pd.DataFrame(traded).ffill(axis=1).fillna(1.0).to_numpy()
    return _Bars(np.ascontiguousarray(known), traded)


def _batches(items: Iterable[tuple[Any, Any]], size: int) -> Iterator[list[tuple[Any, Any]]]:
    left = iter(items)
    while batch := list(itertools.islice(left, size)):
        yield batch


def _groups(indicators: int, pairs: int) -> Places:
    """(G, 3) what threads do in one go: enough pieces for all of them, none needlessly small."""
    threads = int(numba.get_num_threads())
    wanted = -(-indicators * pairs // (2 * threads))
    size = min(TOGETHER, max(FLOOR, wanted))
    made = [
        (m, m * pairs + first, m * pairs + min(first + size, pairs))
        for m in range(indicators)
        for first in range(0, pairs, size)
    ]
    # Threads take neighbours, and neighbours trade alike: each gets every so-manieth instead.
    return np.array([each for k in range(threads) for each in made[k::threads]], dtype=np.int64)


def _figures(table: Table, capital: Floats, out: Floats, columns: tuple[int, int, int]) -> dict[str, Any]:
    """Final value, total return and Sharpe ratio, NaN where returns do not vary."""
    final, mean, apart = (out[:, column] for column in columns)
    yearly = 1.0
    if isinstance(table.index, pd.DatetimeIndex):
        seconds = np.diff(table.index.to_numpy()) / np.timedelta64(1, "s")
        yearly = YEAR / float(np.median(seconds))
    varies = apart > FLAT
    sharpe = np.where(varies, mean / np.where(varies, apart, 1.0) * np.sqrt(yearly), np.nan)
    return {"final": final, "total_return": final / capital - 1.0, "sharpe": sharpe}


def _require_balance(imbalance: Floats) -> None:
    if not (imbalance <= BALANCED).all():
        raise InvariantBroken(f"a path's books are off by {np.max(imbalance):.2g} of its value")

"""One portfolio moved to target weights: prices and weights in, value, attribution and orders out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from backtests.kernels import tell_if_cold
from backtests.kernels.weights import (
    BRAKED,
    CASH,
    COST,
    GAINED,
    IMBALANCE,
    LAST,
    ORDERS,
    PAID,
    REFUSED,
    STALE,
    TURNOVER,
    UNITS,
    UNPRICED,
    Account,
    Book,
    Terms,
)
from backtests.kernels.weights_path import portfolio_nb
from backtests.metrics import Metric, metrics
from backtests.run import Run, trades_frame
from backtests.weights.options import ByAsset, Costs, bars
from backtests.weights.tables import Given, Plan, Table, plan_of, prices_of, threads_for
from bot.core.panel import Floats
from bot.errors import DataError, InvariantBroken, located

BALANCED: Final = 1e-9  # of the highest value: what start, gains and costs may leave unexplained
ROOM: Final = 1 << 20  # numbers held between two rounds of the threads: 8 MB
OF_VALUE: Final = (
    *("total_return", "cagr", "volatility", "sharpe", "sortino", "calmar", "max_drawdown", "max_drawdown_duration"),
    *("best_day", "worst_day"),
)


@dataclass(frozen=True, slots=True, eq=False)
class WeightsResult:
    """What came of it. Money as of the prices; `nav` is the value after each bar's orders, net of all costs.

    attribution: by asset, gained by price changes, paid as costs, net of both, units held at the end and their value;
    cash and the values make `final`. counts: orders; refused (money, or a sale's proceeds, did not suffice); unpriced
    (asked for, but no price at that bar); stale (bars × positions valued at an older price); braked (rebalances that
    bought nothing). turnover: money bought and sold over the value, summed over rebalances. What was not asked for is
    None.
    """

    capital: float
    final: float
    cash: float
    costs: float
    turnover: float
    rebalances: int
    counts: Mapping[str, int]
    attribution: pd.DataFrame
    nav: pd.Series[float] | None
    trades: pd.DataFrame | None
    positions: pd.DataFrame | None

    @property
    def metrics(self) -> dict[str, Metric]:
        """The numbers of `backtests.metrics` that a series of values tells; they need a nav with times."""
        if self.nav is None:
            raise DataError(located("metrics", "", "the value at each bar was not asked for"))
        if not isinstance(self.nav.index, pd.DatetimeIndex):
            raise DataError(located("metrics", "", "prices have no times: give a frame with a time index"))
        utc = self.nav.index if self.nav.index.tz is None else self.nav.index.tz_convert("UTC").tz_localize(None)
        times = utc.as_unit("s").to_numpy().astype(np.int64)
        value = np.array(self.nav, dtype=np.float64)
        value[0] = self.capital  # before the first orders, or their costs would be left out
        zeros, columns = np.zeros(len(value)), np.zeros((len(value), 1))
        run = Run(
            label="weights",
            rung="fast",
            venues=("cash",),
            money="money",
            times=times,
            nav=value,
            gas=zeros,
            fees=zeros,
            turnover=zeros,
            held=columns,
            target=columns,
            prices=columns,
            trades=trades_frame([]),
        )
        found = metrics(run)
        made = {name: found[name] for name in OF_VALUE}
        made["fees"] = Metric(self.costs, "money", "fees, spread and royalties of every order")
        made["fees_share"] = Metric(self.costs / self.capital, "fraction", "of the capital at the start")
        made["trades"] = Metric(float(self.counts["orders"]), "count", "orders")
        made["final_equity"] = Metric(self.final, "money", "after the last bar's orders")
        return made


def portfolio(
    prices: Given,
    weights: Given,
    *,
    capital: float = 100_000.0,
    fee: float = 0.0,
    spread: float = 0.0,
    fixed_fee: float = 0.0,
    royalty: ByAsset = 0.0,
    band: float = 0.0,
    cap: ByAsset = 1.0,
    min_cash: float = 0.0,
    brake: float | None = None,
    every: int | None = None,
    nav: bool = True,
    trades: bool = False,
    positions: bool = False,
) -> WeightsResult:
    """A portfolio with shared cash that is moved to `weights`, sales first; costs and limits as of `Costs`.

    prices: a frame (time by asset) or an array, NaN where there is none: not traded then, and valued at the last known
    price. weights: a frame with some or all of these times, or an array like prices; NaN, or a row that is not there:
    no order. A series or a row of weights is one target for all times. every: rebalance each so many bars from the
    first row on, to the row that counts by then, instead of at the rows (default; one target: at the first bar only).
    nav, trades, positions: what to keep beside the sums; `trades` walks twice, once to know how many.

    Raises DataError, one line with column and time, for prices or weights that cannot be used, and ConfigError for an
    option; InvariantBroken when cash and positions are not start plus gains minus costs.
    """
    costs = Costs(capital, fee, spread, fixed_fee, royalty, band, cap, min_cash, brake)
    terms, step, table = costs.terms(), bars("every", every), prices_of(prices)
    royalties, caps, plan = costs.royalties(table.columns), costs.caps(table.columns), plan_of(weights, table, step)
    count, assets = len(plan.at), len(table.columns)
    value = np.empty(len(table.values) if nav else 0)
    between = nav and not table.gaps
    rows = count if positions else min(count, max(64, ROOM // assets)) if between else 0
    held, cash = np.empty((rows, assets)), np.empty(rows)
    final, account = _walk(table, plan, terms, royalties, caps, 0, (value, held, cash))[1:]
    if not account.purse[IMBALANCE] <= BALANCED:
        raise InvariantBroken(f"a portfolio's books are off by {account.purse[IMBALANCE]:.2g} of its value")
    orders = int(account.counts[ORDERS])
    book = _walk(table, plan, terms, royalties, caps, orders, (value[:0], held[:0], cash[:0]))[0] if trades else None
    names = {"orders": ORDERS, "refused": REFUSED, "unpriced": UNPRICED, "stale": STALE, "braked": BRAKED}
    return WeightsResult(
        capital=terms.capital,
        final=float(final),
        cash=float(account.purse[CASH]),
        costs=float(account.purse[COST]),
        turnover=float(account.purse[TURNOVER]),
        rebalances=count,
        counts={name: int(account.counts[place]) for name, place in names.items()},
        attribution=_attribution(account, table.columns),
        nav=pd.Series(value, _index(table), name="nav") if nav else None,
        trades=_trades(book, table) if book is not None else None,
        positions=_positions(held, cash, plan, table) if positions else None,
    )


def _walk(
    table: Table, plan: Plan, terms: Terms, royalty: Floats, cap: Floats, orders: int, room: tuple[Floats, ...]
) -> tuple[Book, float, Account]:
    """One run with room for so many orders, and for (nav, held, cash)."""
    places = np.zeros((2, orders), dtype=np.int64)
    numbers = np.zeros((3, orders))
    book = Book(places[0], places[1], *numbers)
    with threads_for(table.values.size):
        tell_if_cold("portfolios of weights", "kernels", "weights_path.portfolio_nb", "about ten seconds")
        final, account = portfolio_nb(
            table.values, plan.at, plan.weights, plan.which, table.gaps, terms, royalty, cap, book, *room
        )
    return book, final, account


def _index(table: Table) -> pd.Index:
    return pd.RangeIndex(len(table.values)) if table.index is None else table.index


def _attribution(account: Account, columns: tuple[str, ...]) -> pd.DataFrame:
    state = account.state
    made = {"gained": state[GAINED], "costs": state[PAID], "net": state[GAINED] - state[PAID]}
    made |= {"units": state[UNITS], "value": state[UNITS] * state[LAST]}
    return pd.DataFrame(made, index=pd.Index(columns, name="asset"))


def _trades(book: Book, table: Table) -> pd.DataFrame:
    """One row per order: `units` signed, `value` at the price and without costs, `cost` all of them."""
    made = {
        "time": _index(table)[book.bar],
        "asset": np.array(table.columns, dtype=object)[book.asset],
        "side": np.where(book.units > 0.0, "buy", "sell"),
        "units": book.units,
        "value": book.value,
        "cost": book.cost,
    }
    return pd.DataFrame(made)


def _positions(held: Floats, cash: Floats, plan: Plan, table: Table) -> pd.DataFrame:
    """Units by asset and cash, after each rebalance."""
    frame = pd.DataFrame(held, index=_index(table)[plan.at], columns=list(table.columns))
    frame.insert(0, "cash", cash)
    return frame

"""One finished run of any rung, as arrays: what metrics and reports read.

Rows are cycles, columns are the universe's venues (0 = idle). Money is float64 in whole units of the money token: these
are results to look at, and nothing here goes back on chain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from bot.core.amm.swap_math import PIPS
from bot.core.panel import Floats, Times
from bot.core.report import DEPLOYED, FAILED, HELD, CycleReport
from bot.core.universe import HOLD, Universe
from bot.errors import DataError

RUNGS: Final = ("fast", "replay", "fork", "paper", "live")
BUY, SELL = "buy", "sell"
TRADE_COLUMNS: Final = ("time", "venue", "side", "money", "units", "price", "cost", "fee", "cost_bps", "score")


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """K cycles over N venues. `nav`, `held` and `prices` are taken before each cycle's trades.

    `nav` is gross of gas, which the keeper pays from another purse. `fees`: pool fees and price impact against spot.
    `turnover`: one-way, as a fraction of nav. `target`: weights after the policy. `trades`: one row per executed leg
    (`money` spent on a buy or received from a sale, `units` whole tokens, `price` = money / units, `fee` the pool fee
    within `cost`, NaN where it cannot be told apart, `score` NaN where no model spoke). `reasons`: (unix seconds, why
    something was not done). `notes`: what a reader of the run must know.
    """

    label: str
    rung: str
    venues: tuple[str, ...]
    money: str
    times: Times  # (K,) unix seconds, strictly rising
    nav: Floats  # (K,)
    gas: Floats  # (K,)
    fees: Floats  # (K,)
    turnover: Floats  # (K,)
    held: Floats  # (K, N)
    target: Floats  # (K, N)
    prices: Floats  # (K, N), NaN where there is no pool
    trades: pd.DataFrame
    notes: tuple[str, ...] = ()
    reasons: tuple[tuple[int, str], ...] = ()

    def __post_init__(self) -> None:
        cycles, venues = len(self.times), len(self.venues)
        if self.rung not in RUNGS:
            raise ValueError(f"a rung is one of {', '.join(RUNGS)} (got {self.rung!r})")
        if cycles == 0:
            raise ValueError("a run has at least one cycle")
        if np.any(np.diff(self.times) <= 0):
            raise ValueError("cycle times must rise strictly")
        for name in ("nav", "gas", "fees", "turnover"):
            if getattr(self, name).shape != (cycles,):
                raise ValueError(f"{name} has shape {getattr(self, name).shape}, expected {(cycles,)}")
        for name in ("held", "target", "prices"):
            if getattr(self, name).shape != (cycles, venues):
                raise ValueError(f"{name} has shape {getattr(self, name).shape}, expected {(cycles, venues)}")
        if tuple(self.trades.columns) != TRADE_COLUMNS:
            raise ValueError(f"trades have columns {list(self.trades.columns)}, expected {list(TRADE_COLUMNS)}")

    def __len__(self) -> int:
        return len(self.times)

    @property
    def capital(self) -> float:
        """Money at the start: the net asset value before the first cycle."""
        return float(self.nav[0])

    @property
    def equity(self) -> Floats:
        """(K,) net: nav minus the gas of all earlier cycles, since both are taken before the cycle's own trades."""
        paid = np.concatenate(([0.0], np.cumsum(self.gas)[:-1]))
        return np.asarray(self.nav - paid, dtype=np.float64)


def trades_frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Executed legs as a frame with `TRADE_COLUMNS`, also when there are none."""
    kinds = {name: "float64" for name in TRADE_COLUMNS} | {"time": "int64", "venue": "object", "side": "object"}
    return pd.DataFrame(list(rows), columns=list(TRADE_COLUMNS)).astype(kinds)


def run_from_reports(
    reports: Sequence[CycleReport],
    universe: Universe,
    money_decimals: int,
    gas_price_money_per_wei: float,
    label: str,
    rung: str,
) -> Run:
    """The run that the journal's reports tell, oldest first. What was traded is read from the postings.

    `gas_price_money_per_wei`: what one wei of gas money is worth in whole money tokens. When a cycle was reported
    twice (its outcome became known later), the last word counts. A cycle that failed before it saw the market has no
    value to show and is left out, with a note. Cycles at one time are one row: the first, with the costs of all.
    Raises DataError when nothing remains.
    """
    latest = {report.cycle: report for report in reports}
    seen = [latest[cycle] for cycle in sorted(latest) if latest[cycle].outcome != FAILED]
    if not seen:
        raise DataError(f"{label}: no cycle to report: of {len(latest)} cycles none reached the market")
    one = 10.0**money_decimals
    traded = [_trades(report, universe, money_decimals) for report in seen]
    failed = len(latest) - len(seen)
    # A chain that made no block between two cycles, or a clock put back, tells both one time: they are one row.
    times = np.maximum.accumulate(np.array([report.at for report in seen], dtype=np.int64))
    first = np.flatnonzero(np.diff(times, prepend=times[0] - 1))
    fees = np.array([sum(trade["cost"] for trade in trades) for trades in traded], dtype=np.float64)
    turnover = np.array(
        [
            report.turnover / report.nav if trades and report.nav else 0.0
            for report, trades in zip(seen, traded, strict=True)
        ]
    )
    return Run(
        label=label,
        rung=rung,
        venues=universe.ids,
        money=universe.money.symbol,
        times=times[first],
        nav=np.array([seen[row].nav / one for row in first]),
        gas=np.add.reduceat(np.array([report.gas_cost * gas_price_money_per_wei for report in seen]), first),
        fees=np.add.reduceat(fees, first),
        turnover=np.add.reduceat(turnover, first),
        held=np.array([seen[row].held for row in first], dtype=np.float64),
        target=np.array([seen[row].weights for row in first], dtype=np.float64),
        prices=np.array([seen[row].prices for row in first], dtype=np.float64),
        trades=trades_frame([trade for trades in traded for trade in trades]),
        notes=(f"left out, as they failed before they saw the market: {failed} of {len(latest)} cycles",)
        if failed
        else (),
        reasons=tuple((report.at, reason) for report in seen for reason in _reasons(report)),
    )


def _reasons(report: CycleReport) -> list[str]:
    if report.outcome in (DEPLOYED, HELD):
        return list(report.reasons)
    return [f"{report.outcome}: {reason}" for reason in report.reasons or (report.sentence,)]


def _trades(report: CycleReport, universe: Universe, money_decimals: int) -> list[dict[str, Any]]:
    """The legs that the postings prove; a leg that paid out less than planned costs that much more."""
    rows = []
    for leg in report.legs:
        venue = universe[leg["venue"]]
        spent = _posted(report, f"market:{venue.id}", universe.money.address)
        got = _posted(report, f"venue:{venue.id}", venue.unit.address)
        if not spent and not got:
            continue
        money, units = abs(spent) / 10.0**money_decimals, abs(got) / 10.0**venue.unit.decimals
        if leg["entry"]:
            short = (1.0 - got / leg["expected"]) * (leg["value"] - leg["cost"]) / 10.0**money_decimals
        else:
            short = (leg["expected"] + spent) / 10.0**money_decimals
        cost, value = leg["cost"] / 10.0**money_decimals + short, leg["value"] / 10.0**money_decimals
        rows.append(
            {
                "time": report.at,
                "venue": venue.id,
                "side": BUY if leg["entry"] else SELL,
                "money": money,
                "units": units,
                "price": money / units if units else float("nan"),
                "cost": cost,
                # The fee is a part of what goes in; liquidity swaps only some of it, and books do not say how much.
                "fee": value * venue.fee_pips / PIPS if venue.kind == HOLD else float("nan"),
                "cost_bps": cost / value * 10_000 if value else 0.0,
                "score": float("nan") if leg.get("score") is None else leg["score"],
            }
        )
    return rows


def _posted(report: CycleReport, account: str, token: str) -> int:
    return sum(line.amount for line in report.postings if line.account == account and line.token == token)

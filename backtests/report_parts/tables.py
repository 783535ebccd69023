"""The tables of a report as plain data: where the profit went, month by month, and what was not done."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from backtests.run import Run

MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
SHADES: Final = 5  # of the heat colours, each way
FULL_SHADE: Final = 0.10  # a month that gained or lost as much has the deepest one
CENT: Final = 100.0
DECIMAL: Final = re.compile(r"\d[\d,]*\.\d+|#")  # a # of the reason's own is taken for a number that does not change


def waterfall(run: Run) -> list[dict[str, Any]]:
    """Steps from gross to net profit in money, each a whole number of cents; their sum is the last, to the cent.

    Gross is what the same trades would have made at spot and without gas: net and costs added up. Costs of the last
    cycle are left out, as its trades come after its value was taken.
    """
    before_end = run.trades[run.trades["time"] < run.times[-1]]
    apart = before_end[before_end["fee"].notna()]
    fees = float(apart["fee"].sum())
    impact = float(apart["cost"].sum()) - fees
    other = float(run.fees[:-1].sum()) - fees - impact
    costs = [("pool fees", fees), ("price impact", impact), ("fees and impact, not told apart", other)]
    costs.append(("gas", float(run.gas[:-1].sum())))
    steps = [(name, -_cents(cost)) for name, cost in costs if "not told" not in name or abs(cost) >= 0.5 / CENT]
    net = _cents(float(run.equity[-1] - run.equity[0]))
    gross = net - sum(cents for _, cents in steps)
    told = [("gross profit", gross, "absolute"), *((*step, "relative") for step in steps), ("net profit", net, "total")]
    return [{"name": name, "value": cents / CENT, "measure": measure} for name, cents, measure in told]


def months(run: Run) -> list[dict[str, Any]]:
    """Per year, newest last: twelve returns by UTC month (None without a cycle) and the year's, compounded from them.

    A month runs from the last value before it (the first: from the capital) to its own last. Empty when equity ever
    falls to nothing.
    """
    equity = run.equity
    if not np.all(equity > 0.0):
        return []
    last: dict[tuple[int, int], float] = {}
    for at, value in zip(run.times.tolist(), equity.tolist(), strict=True):
        moment = datetime.fromtimestamp(at, UTC)
        last[moment.year, moment.month] = value
    before = run.capital
    years: dict[int, dict[str, Any]] = {}
    for (year, month), value in last.items():
        row = years.setdefault(year, {"year": year, "months": [None] * 12, "whole": 1.0})
        row["months"][month - 1] = value / before - 1.0
        row["whole"] *= value / before
        before = value
    return [{**row, "whole": row["whole"] - 1.0} for row in years.values()]


def shade(value: float | None) -> str:
    """The class of a return's heat colour: ``g1`` to ``g5`` for gains, ``l1`` to ``l5`` for losses, "" for none."""
    if value is None or abs(value) < 0.00005:
        return ""
    depth = min(SHADES, math.ceil(abs(value) / FULL_SHADE * SHADES))
    return f"{'g' if value > 0.0 else 'l'}{depth}"


def grouped(reasons: Sequence[tuple[int, str]], most: int) -> dict[str, Any]:
    """``groups``: each reason once, with how often and when; the most frequent `most`. ``given``, ``kinds``: of all.

    Reasons that differ in a decimal number only are one, which tells the lowest and the highest of it.
    """
    groups: dict[str, dict[str, Any]] = {}
    for at, reason in reasons:
        numbers = DECIMAL.findall(reason)
        group = groups.setdefault(
            DECIMAL.sub("#", reason), {"ends": list(zip(numbers, numbers, strict=True)), "first": at}
        )
        group["ends"] = [_widened(ends, number) for ends, number in zip(group["ends"], numbers, strict=True)]
        group["count"] = group.get("count", 0) + 1
        group["last"] = at
    told = [
        {"reason": _filled(pattern, group["ends"]), **{name: group[name] for name in ("count", "first", "last")}}
        for pattern, group in groups.items()
    ]
    ordered = sorted(told, key=lambda group: (-group["count"], group["reason"]))
    return {"groups": ordered[:most], "given": len(reasons), "kinds": len(groups)}


def _widened(ends: tuple[str, str], number: str) -> tuple[str, str]:
    return min(ends[0], number, key=_value), max(ends[1], number, key=_value)


def _value(number: str) -> float:
    return 0.0 if number == "#" else float(number.replace(",", ""))


def _filled(pattern: str, ends: Sequence[tuple[str, str]]) -> str:
    told = iter([low if low == high else f"{low}–{high}" for low, high in ends])
    return re.sub("#", lambda _: next(told), pattern)


def _cents(money: float) -> int:
    return round(money * CENT)

"""Whole paths: with books or with a summary, by bars or by cycles, compiled or interpreted; and their sums."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backtests
from backtests import fast, kernels
from backtests.kernels import cycle
from backtests.kernels.cycle import ACT, EXITS, NONE, OBSERVE, Rules
from backtests.kernels.plain import plain
from backtests.kernels.pool import Pools, bounds_nb, edges_of, follow_nb
from backtests.kernels.portfolio import DRAWDOWN, FINAL, IMBALANCE, Books, path_nb, portfolio_path
from backtests.kernels.sweep import sweep_nb
from bot.core.score import no_scores
from bot.errors import InvariantBroken
from tests.backtests.markets import START, config_of, panel_of, settings_for, walk

ROOT = Path(backtests.__file__).resolve().parents[1]


def made_path(rows: int, seed: int) -> tuple[Any, ...]:
    """The arguments of a run with late listings, holes, a delisting and all kinds of bars."""
    draw = np.random.default_rng(seed)
    close = np.column_stack([np.ones(rows), 2.0 * walk(rows, 4, seed) / walk(rows, 4, seed)[0]])
    close[draw.random(close.shape) < 0.05] = np.nan
    close[: rows // 5, 2] = close[rows // 2 :, 3] = np.nan
    close[:, 0] = 1.0
    act = draw.choice(np.array([NONE, NONE, OBSERVE, ACT, ACT, EXITS], dtype=np.int8), rows)
    act[[0, -1]] = ACT
    target = draw.random((rows, 5)) * (draw.random((rows, 5)) < 0.7)
    target[:, 0] += 0.1
    target /= target.sum(axis=1, keepdims=True)
    pools = Pools(*(np.full(5, each) for each in (0.003, 1e6, 5e5, 0.8, 3.0)))
    rules = Rules(100_000.0, 0.01, 0.3, 0.4, 0.1, 0.2, 20 * 86_400, 25.0, 0.995, 100.0, 2.0, 3.0)
    return 86_400 * np.arange(rows, dtype=np.int64), close, act, target, pools, rules


@pytest.mark.parametrize("seed", range(5))
def test_cuts_between_cycles_taken_together_leave_every_pool_where_bar_by_bar_does(seed: int) -> None:
    _, close, act, *_ = made_path(300, seed)
    rows, edges = np.flatnonzero(act), edges_of(np.full(5, 0.003))
    lows, highs = bounds_nb(close, rows, edges)
    by_bar, at_once, step = np.full((1, 5), np.nan), np.full(5, np.nan), plain(follow_nb)
    moved = np.random.default_rng(seed)
    first, seen = 0, 0
    for k, row in enumerate(rows):
        for t in range(first, row + 1):
            step(by_bar, 0, close, t, edges)
        first = row + 1
        at_once = np.where(at_once >= lows[k], at_once, lows[k])
        at_once = np.where(at_once > highs[k], highs[k], at_once)
        assert by_bar[0, 1:].tobytes() == at_once[1:].tobytes()
        shock = np.exp(moved.normal(0.0, 0.01, 5) * (moved.random(5) < 0.3))  # as trades move some of them
        by_bar[0], at_once = by_bar[0] * shock, at_once * shock
        seen += bool(np.isfinite(at_once[1:]).all())
    assert seen > 20


@pytest.mark.parametrize("seed", range(4))
def test_a_path_of_a_sweep_and_a_path_with_books_give_the_same_bits(seed: int) -> None:
    *market, rules = given = made_path(250, seed)
    several = [rules, rules._replace(band=0.05, brake=0.05), rules._replace(fees=2.0, taken=0.004, max_loss_bps=90.0)]
    cycles = int((given[2] != NONE).sum())
    block, gas = np.zeros(cycles - 1, dtype=np.int64), np.linspace(1.0, 2.0, cycles)
    summary, total, squares = sweep_nb(*market, np.array(several), block, 1, gas)
    for row, rule in enumerate(several):
        books = portfolio_path(*market, rule, walk=path_nb)
        equity = books.nav - np.concatenate(([0.0], np.cumsum(books.gas * gas)[:-1]))
        assert len(books.leg_cost) > 20
        assert summary[row, FINAL] == equity[-1]
        peak = np.maximum.accumulate(equity)
        assert summary[row, DRAWDOWN] == ((peak - equity) / peak).max()
        assert summary[row, IMBALANCE] == books.imbalance < 1e-12
        assert total[row, 0] == pytest.approx(float((equity[1:] / equity[:-1] - 1.0).sum()), abs=1e-12)
    interpreted = plain(sweep_nb)(*market, np.array(several), block, 1, gas)
    for one, other in zip((summary, total, squares), interpreted, strict=True):
        assert one.tobytes() == other.tobytes()


def test_capital_prices_and_costs_explain_the_value_at_every_cycle() -> None:
    books = portfolio_path(*made_path(200, 7), walk=path_nb)
    idle, units, worth, last = 100_000.0, np.zeros(5), 100_000.0, np.zeros(5)
    leg = 0
    for k in range(len(books.nav)):
        owned = units > 0.0
        worth += float((units * (books.prices[k] - last))[owned].sum())
        assert books.nav[k] == pytest.approx(idle + float((units * books.prices[k])[owned].sum()), rel=1e-12)
        assert books.nav[k] == pytest.approx(worth, rel=1e-12)
        for _ in range(books.legs[k]):
            i, amount, received = books.leg_venue[leg], books.leg_amount[leg], books.leg_received[leg]
            idle += -amount if books.leg_entry[leg] else received
            units[i] = max(0.0, units[i] + (received if books.leg_entry[leg] else -amount))
            worth -= books.leg_cost[leg]
            leg += 1
        last = books.prices[k]
    assert leg == len(books.leg_cost) > 50


@pytest.mark.parametrize(
    ("said", "done"),
    [
        ("floats[COST, leg] = value, cost", "floats[COST, leg] = value, 0.0"),
        ("brought += got", "brought += got * 0.9999"),
        ("floats[UNITS, i] += got", "floats[UNITS, i] += got * 1.0001"),
    ],
)
def test_a_cycle_that_loses_cost_money_or_units_is_found_out(
    said: str, done: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = textwrap.dedent(inspect.getsource(cycle.trade_nb.py_func)).split("\n", 1)[1]
    assert source.count(said) == 1
    reference = plain(path_nb)
    scope = dict(reference.__globals__["trade_nb"].__globals__)
    tampered = "from __future__ import annotations\n" + source.replace(said, done)
    exec(compile(tampered, "tampered", "exec"), scope)
    monkeypatch.setitem(reference.__globals__, "trade_nb", scope["trade_nb"])
    assert portfolio_path(*made_path(120, 7), walk=plain(path_nb)).imbalance < 1e-12
    assert portfolio_path(*made_path(120, 7), walk=reference).imbalance > 1e-6


def test_a_run_whose_books_do_not_balance_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    panel = panel_of(walk(10, 2))
    config = config_of(2)

    def leaking(*given: Any) -> Books:
        return portfolio_path(*given)._replace(imbalance=2e-9)

    monkeypatch.setattr(fast, "portfolio_path", leaking)
    with pytest.raises(InvariantBroken, match=r"equal_weight: capital, prices and costs leave 2.0e-09 of the value"):
        fast.run_fast(settings_for(config), config, panel, no_scores(10, 3), START, int(panel.times[-1]))


SHORT_THEN_LONG = """
import json
from backtests.benchmark.portfolio import market
from backtests.kernels import portfolio as p
short = p.portfolio_path(*market(2, 48))
compiled = [len(p.path_nb.signatures)]
p.quickest(p.SMALL)
long = p.portfolio_path(*market(2, 48))
compiled.append(len(p.path_nb.signatures))
print(json.dumps({"compiled": compiled, "same": short.nav.tobytes() == long.nav.tobytes()}))
"""


def test_a_short_run_is_interpreted_until_something_has_been_compiled(tmp_path: Path) -> None:
    environment = os.environ | {kernels.ROOT_VARIABLE: str(tmp_path)}
    environment.pop("NUMBA_CACHE_DIR", None)
    command = [sys.executable, "-c", SHORT_THEN_LONG]
    cold, warm = (
        subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
        for _ in range(2)
    )
    assert cold.returncode == warm.returncode == 0, cold.stderr + warm.stderr
    assert json.loads(cold.stdout) == {"compiled": [0, 1], "same": True}
    assert cold.stderr.count("compiling the fast rung: once on this machine, a few seconds\n") >= 1
    assert json.loads(warm.stdout) == {"compiled": [1, 1], "same": True}
    assert warm.stderr == ""

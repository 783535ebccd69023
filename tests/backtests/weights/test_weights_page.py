"""The page about target weights does what it says, and the benchmark's own parts but the clock."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backtests
from backtests.benchmark import combinations, weights
from backtests.benchmark.limits import Limits, limits
from backtests.benchmark.memory import extra_megabytes
from backtests.weights import portfolio
from bot.errors import PatronError

PAGE = Path(backtests.__file__).resolve().parents[1] / "docs" / "weights.md"


def test_the_example_of_the_page_runs_as_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(code, str(PAGE), "exec"), names)
    assert names["result"].counts["orders"] == len(names["result"].trades) > 20
    assert len(names["table"]) == 12
    assert "gained" in capsys.readouterr().out


def answer_of(nav: Any, orders: int) -> dict[str, Any]:
    return {"nav": list(nav), "orders": orders}


def test_no_number_is_written_unless_equity_agrees_at_every_bar() -> None:
    ours = weights.run(*weights.market(3, 100, 24))
    assert ours.nav is not None
    nav, orders = ours.nav.to_numpy().copy(), ours.counts["orders"]
    assert weights.require_same(ours, answer_of(nav * (1.0 + 1e-12), orders), "peer") < 2e-12
    with pytest.raises(PatronError, match="orders"):
        weights.require_same(ours, answer_of(nav, orders + 1), "peer")
    nav[50] *= 1.0 + 2e-9
    with pytest.raises(PatronError, match="off by up to 2e-09"):
        weights.require_same(ours, answer_of(nav, orders), "peer")


def test_no_number_is_written_unless_every_figure_agrees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(combinations, "LOOKBACKS", np.array([5, 20]))
    close = combinations.market(2, 300)
    table = combinations.run(close)
    assert len(table) == 2 * 25 * 10
    rows = table.iloc[[0, 260, 499]]
    assert combinations.request_of(close, rows)["combinations"][:, 0].tolist() == [0.0, 1.0, 1.0]
    answer = {"final": rows["final"].to_numpy(), "sharpe": rows["sharpe"].to_numpy()}
    answer["drawdown"] = rows["max_drawdown"].to_numpy()
    assert combinations.require_same(rows, answer, "peer") == 0.0
    for name in answer:
        with pytest.raises(PatronError, match=f"peer's {name} is off"):
            combinations.require_same(rows, answer | {name: answer[name] * (1.0 + 1e-8)}, "peer")


def test_the_workload_of_the_benchmark_is_one() -> None:
    close, wish = weights.market(4, 60, 24)
    assert np.flatnonzero(~np.isnan(wish).any(axis=1)).tolist() == [0, 24, 48]
    assert np.nansum(wish, axis=1)[[0, 24, 48]] == pytest.approx(0.97)
    result = portfolio(close, wish)
    assert result.counts["orders"] == 12


def test_money_is_short_at_most_bars_of_the_hard_case() -> None:
    result = portfolio(*weights.hard_case(8, 300), fee=weights.FEE, positions=True)
    assert result.positions is not None
    assert 0.3 < (result.positions["cash"] < 1e-6 * result.final).mean() < 1.0


def test_bounds_are_measured_and_used() -> None:
    found = limits()
    assert 0.0 < found.read_one <= found.read_all
    assert found.cached_one > 1e8
    assert found.chain > 1e6
    known = Limits(cores=2, read_one=5.0, read_all=10.0, cached_one=20.0, chain=4.0)
    assert (known.read_time(100.0), known.cached_time(80.0), known.chain_time(16.0)) == (10.0, 2.0, 2.0)


def test_extra_memory_is_that_of_the_work_alone() -> None:
    rows = np.zeros((4_000_000, 1))  # 32 MB
    assert 25.0 < extra_megabytes("", "made = given['rows'] + 1.0", {"rows": rows}, 10) < 40.0
    assert extra_megabytes("", "made = given['rows'][:100] + 1.0", {"rows": rows}, 10) < 5.0
    with pytest.raises(PatronError, match="memory: ZeroDivisionError"):
        extra_megabytes("", "1 / 0", {"rows": rows[:10]}, 10)

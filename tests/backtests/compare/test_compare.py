"""A run against its backtest: the causes sum to the difference, and a planted cause is found under its own name."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from backtests.compare import causes
from backtests.compare.causes import Explanation, explain
from backtests.compare.commands import compare
from backtests.compare.grid import grid_of
from backtests.compare.told import read_told
from backtests.fast import run_fast
from backtests.report import report_json
from backtests.run import Run
from bot.core.score import no_scores
from bot.errors import DataError
from tests.backtests.markets import config_of, panel_of, settings_for, walk

ROWS = 80


def run_of(seed: int = 1, weights: np.ndarray | None = None, capital: str = "100000 USDC", **sections: Any) -> Run:
    """A fast run over a made market of three venues."""
    config = config_of(capital=capital, **sections)
    panel = panel_of(walk(ROWS, 3, seed))
    wanted = settings_for(config, weights)
    return run_fast(wanted, config, panel, no_scores(ROWS, 4), int(panel.times[5]), int(panel.times[-1]))


def changing(seed: int) -> np.ndarray:
    """Weights (ROWS, 4) that turn over."""
    drawn = np.random.default_rng(seed).dirichlet([1.0] * 4, ROWS)
    return np.repeat(drawn[::7], 7, axis=0)[:ROWS]


def written(folder: Path, name: str, run: Run, **facts: Any) -> Path:
    """The report of a run as a file; `facts` beside a digest and a strategy."""
    document = report_json(run, [], {"data_digest": "d", "strategy": "s"} | facts)
    file = folder / f"{name}.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    return file


def explained(folder: Path, run: Run, backtest: Run, **facts: Any) -> Explanation:
    return explain(
        grid_of(read_told(written(folder, "run", run, **facts)), read_told(written(folder, "backtest", backtest)))
    )


def without(run: Run, cycle: int) -> Run:
    """The run as if one cycle had never been: its row is gone, and so are its trades."""
    kept = np.arange(len(run)) != cycle
    trades = run.trades[run.trades["time"] != run.times[cycle]].reset_index(drop=True)
    arrays = {name: getattr(run, name)[kept] for name in ("times", "nav", "gas", "fees", "turnover")}
    tables = {name: getattr(run, name)[kept] for name in ("held", "target", "prices")}
    return replace(run, trades=trades, **arrays, **tables)


def only(found: Explanation, *names: str) -> None:
    """All of the difference is under these names."""
    rest = {name: value for name, value in found.causes.items() if name not in names and abs(value) > 1e-6}
    assert not rest
    assert sum(found.causes.values()) == pytest.approx(found.difference, abs=1e-6)


def test_the_same_run_twice_differs_in_nothing(tmp_path: Path) -> None:
    run = run_of(weights=changing(3))
    found = explained(tmp_path, run, run)
    only(found)
    assert found.trades == ()
    assert found.same_trades == len(run.trades[run.trades["time"] < run.times[-1] + 1])


@settings(deadline=None, max_examples=25)
@given(
    st.integers(0, 50),
    st.integers(0, 50),
    st.sampled_from(["50 bps", "300 bps"]),
    st.sampled_from(["4000000 USDC", "60000 USDC"]),
)
def test_whatever_two_runs_do_the_causes_sum_and_nothing_is_left(
    tmp_path_factory: pytest.TempPathFactory, seed: int, other: int, band: str, depth: str
) -> None:
    folder = tmp_path_factory.mktemp("pair")
    ours = run_of(seed % 3, changing(seed), policy={"band": band})
    theirs = run_of(seed % 3, changing(other), devnet={"depth": depth, "noise": "0 %"})
    found = explained(folder, ours, theirs)
    assert sum(found.causes.values()) == pytest.approx(found.difference, abs=1e-6)
    assert abs(found.causes[causes.REST]) < 1e-6 * ours.capital


def test_dearer_gas_is_gas_and_nothing_else(tmp_path: Path) -> None:
    weights = changing(3)
    dear = run_of(weights=weights, costs={"gas_price": "500 gwei"})
    found = explained(tmp_path, dear, run_of(weights=weights))
    only(found, causes.GAS)
    assert found.causes[causes.GAS] < -100.0
    assert found.trades == ()


def test_more_capital_is_named_first(tmp_path: Path) -> None:
    idle = np.tile([1.0, 0.0, 0.0, 0.0], (ROWS, 1))
    found = explained(tmp_path, run_of(weights=idle, capital="100500 USDC"), run_of(weights=idle))
    only(found, causes.CAPITAL)
    assert found.difference == 500.0


def test_a_missed_cycle_is_found_under_its_name(tmp_path: Path) -> None:
    backtest = run_of(weights=changing(3))
    traded = np.flatnonzero(backtest.turnover[1:-1] > 0.05)[0] + 1
    found = explained(tmp_path, without(backtest, int(traded)), backtest)
    missed = [trade for trade in found.trades if trade.time == backtest.times[traded]]
    assert missed
    assert {trade.cause for trade in missed} == {causes.MISSED}
    assert all("the run had no cycle here" in trade.why for trade in missed)


def refused(run: Run, cycle: int) -> Run:
    """The run as if the risk check had refused one cycle, told as such; what followed is left as it was."""
    at = int(run.times[cycle])
    trades = run.trades[run.trades["time"] != at].reset_index(drop=True)
    return replace(run, trades=trades, reasons=((at, "refused: slippage 2 % above 1 %"),))


def delayed(run: Run, cycle: int) -> Run:
    """The run as if the trades of one cycle had been made at the next."""
    trades = run.trades.copy()
    trades.loc[trades["time"] == run.times[cycle], "time"] = int(run.times[cycle + 1])
    return replace(run, trades=trades)


@pytest.mark.parametrize(("changed", "cause"), [(refused, causes.REFUSED), (delayed, causes.TIMING)])
def test_a_refused_and_a_late_trade_are_told_apart(
    tmp_path: Path, changed: Callable[[Run, int], Run], cause: str
) -> None:
    weights = np.tile([1.0, 0.0, 0.0, 0.0], (ROWS, 1))
    weights[20:] = [0.7, 0.1, 0.1, 0.1]
    backtest = run_of(weights=weights, policy={"band": "500 bps", "max_turnover": "100 %"})
    cycle = int(np.flatnonzero(backtest.turnover)[0])
    found = explained(tmp_path, changed(backtest, cycle), backtest)
    there = [trade for trade in found.trades if trade.time == backtest.times[cycle]]
    assert len(there) == 3
    assert {trade.cause for trade in there} == {cause}


def test_another_decision_and_another_size_are_told_apart(tmp_path: Path) -> None:
    weights = np.tile([0.7, 0.1, 0.1, 0.1], (ROWS, 1))
    backtest = run_of(weights=weights)
    other = run_of(weights=np.tile([0.5, 0.3, 0.1, 0.1], (ROWS, 1)), limits={"max_venue": "40 %"})
    found = explained(tmp_path, other, backtest)
    first = {trade.venue: trade.cause for trade in found.trades if trade.time == backtest.times[0]}
    assert first["v1"] == causes.DECISION
    bigger = explained(tmp_path, run_of(weights=weights, capital="200000 USDC"), backtest)
    assert {trade.cause for trade in bigger.trades if trade.time == backtest.times[0]} == {causes.SIZE}


def test_prices_of_other_data_have_their_own_name(tmp_path: Path) -> None:
    weights = np.tile([0.7, 0.1, 0.1, 0.1], (ROWS, 1))
    still = {"policy": {"band": "5000 bps"}}
    ours, theirs = run_of(1, weights, **still), run_of(2, weights, **still)
    found = explained(tmp_path, ours, theirs, data_digest="another")
    assert found.causes[causes.PRICES] == 0.0
    assert sum(found.causes.values()) == pytest.approx(found.difference, abs=1e-6)


def test_blocks_half_an_hour_late_are_the_same_cycles(tmp_path: Path) -> None:
    backtest = run_of(weights=changing(3))
    late = replace(
        backtest, times=backtest.times + 1_800, trades=backtest.trades.assign(time=backtest.trades["time"] + 1_800)
    )
    found = explained(tmp_path, late, backtest)
    only(found)
    assert found.trades == ()


def test_the_command_writes_every_trade_and_one_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours = written(tmp_path, "ours", run_of(weights=changing(3)), strategy="another")
    theirs = written(tmp_path, "theirs", run_of(weights=changing(4)))
    compare(ours, theirs, tmp_path / "trades.parquet", True, Console())
    found = json.loads(capsys.readouterr().out)
    assert found["settings_apart"] == {"strategy": {"run": "another", "backtest": "s"}}
    assert len(pd.read_parquet(tmp_path / "trades.parquet")) == len(found["trades"]) > 0
    assert sum(found["causes"].values()) == pytest.approx(found["difference"], abs=1e-6)
    compare(ours, theirs, None, False, Console())
    shown = capsys.readouterr().out
    assert "the whole difference" in shown
    assert "not explained" in shown
    assert "strategy: another in the run, s in the backtest" in shown
    assert "-0.00" not in shown
    names = f"{ours} {theirs} --out differences.parquet"
    assert f"try next: patron compare {names}" in shown  # on one line, however narrow the terminal is


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "not the JSON of a report"),
        ("[]", "not the JSON of a report"),
        ('{"series": {}}', "not the JSON of a report: it has no times"),
    ],
)
def test_what_is_no_report_is_one_line(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "bad.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=reason):
        read_told(file)


def test_a_report_with_a_hole_is_one_line(tmp_path: Path) -> None:
    file = written(tmp_path, "whole", run_of())
    document = json.loads(file.read_text(encoding="utf-8"))
    for break_it, reason in (
        (lambda d: d["series"]["nav"].pop(), "series.nav has shape"),
        (lambda d: d["series"]["times"].__setitem__(1, 0), "rise strictly|has shape"),
        (lambda d: d["trades"][0].__setitem__("venue", "elsewhere"), "no venue of it"),
    ):
        broken = json.loads(json.dumps(document))
        break_it(broken)
        file.write_text(json.dumps(broken), encoding="utf-8")
        with pytest.raises(DataError, match=reason):
            read_told(file)


def test_what_has_nothing_in_common_is_one_line(tmp_path: Path) -> None:
    run = run_of()
    later = replace(run, times=run.times + 10**8, trades=run.trades.assign(time=run.trades["time"] + 10**8))
    with pytest.raises(DataError, match="0 cycles in common"):
        explained(tmp_path, later, run)
    with pytest.raises(DataError, match="different universes"):
        explained(tmp_path, replace(run, money="EURC"), run)
    with pytest.raises(DataError, match="No such file"):
        read_told(tmp_path)


def test_a_price_that_was_written_off_is_no_division_by_zero(tmp_path: Path) -> None:
    run = run_of(weights=changing(3))
    prices = run.prices.copy()
    prices[40:, 2] = 0.0
    other = without(replace(run, prices=prices), 50)
    found = explained(tmp_path, other, replace(run, prices=prices))
    assert sum(found.causes.values()) == pytest.approx(found.difference, abs=1e-6)

"""What is said of a sweep's best: the command, its figures, the heat map, and markets that hold no relation."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from backtests.overfitting import Moments, deflated_sharpe
from backtests.sweep.analysis import best_run, judge, look
from backtests.sweep.commands import sweep
from backtests.sweep.heatmap import cells, two_keys
from bot.errors import ConfigError
from bot.loading import Options
from tests.backtests.sweep.sweep_worlds import GRID, options_in, rows_in, run_all, store_for, sweep_of


def said(options: Options, grid: Any = GRID, **more: Any) -> str:
    out = io.StringIO()
    sweep(options, grid, console=Console(file=out, width=200), **more)
    return out.getvalue()


def test_the_best_and_its_figures_are_those_of_the_rows(tmp_path: Path) -> None:
    plan = sweep_of(options_in(tmp_path, "reversal"), ["policy.band=50bps:400bps:25bps", GRID[1]])
    run_all(plan, tmp_path / "out")
    with store_for(plan, tmp_path / "out") as store:
        rows = [row for row in rows_in(store) if row["status"] == "ok"]
        found = look(store, "sharpe")
        point = plan.space.combination(0, "")
        sharpes = np.array([row["sharpe"] for row in rows])
        best = max(rows, key=lambda row: row["sharpe"])
        assert found.top[0]["key"] == best["key"]
        assert [row["sharpe"] for row in found.top] == sorted(sharpes, reverse=True)[:10]
        assert found.trials == len(rows) == 30
        assert found.refused == 15
        assert sum(found.reasons.values()) == 15
        assert found.variance == pytest.approx(float(sharpes.var(ddof=1)), rel=1e-12)
        falls = look(store, "max_drawdown").top
        assert falls[0]["max_drawdown"] == min(row["max_drawdown"] for row in rows)
        run = best_run(plan, point.config)  # type: ignore[union-attr]
        figures = judge(store, found, run, 365.0)
    returns = run.equity[1:] / run.equity[:-1] - 1.0
    assert figures.deflated == deflated_sharpe(Moments.of(returns), found.variance / 365.0, 30)
    assert figures.effective is not None
    assert 1.0 <= figures.effective <= 30.0
    assert figures.overfitting is not None
    assert figures.overfitting.trials == 30
    assert figures.interval is not None
    assert figures.interval.low < figures.interval.value < figures.interval.high


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_sweep_of_a_market_without_a_relation_is_called_more_than_luck(tmp_path: Path, seed: int) -> None:
    grid = ["strategy.name=reversal,equal_weight", "policy.band=50bps:400bps:50bps", "limits.max_venue=10%:80%:10%"]
    told = said(replace(options_in(tmp_path), synthetic=seed), grid, out=tmp_path / "out", as_json=True)
    assert json.loads(told)["honesty"]["verdict"].startswith("not to be told from luck")


def test_the_command_prints_best_luck_and_verdict_and_goes_on_with_the_same_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = options_in(tmp_path)
    first = said(options)
    for line in ("best sharpe: policy.band=", "luck alone", "deflated Sharpe", "overfitting", "verdict"):
        assert line in first
    assert "ran 8, refused 4, known before 0; the folder holds 8 trials" in first
    assert "refused 4 times: limits.max_venue and limits.min_idle contradict" in first
    assert "try next: env 'PATRON__POLICY__BAND=" in first
    assert "known before 12" in said(options)
    assert len(list((tmp_path / "runs").glob("sweep-*"))) == 1


def test_json_is_strict_and_whole(tmp_path: Path) -> None:
    told = said(options_in(tmp_path), out=tmp_path / "out", random=5, seed=3, as_json=True)
    document = json.loads(told, parse_constant=lambda name: pytest.fail(name))
    assert document["progress"]["total"] == 5
    assert document["best"] == document["top"][0]
    assert set(document["honesty"]) >= {"trials", "luck", "deflated", "interval", "overfitting", "verdict"}


def test_one_combination_alone_says_that_it_is_too_little(tmp_path: Path) -> None:
    told = said(options_in(tmp_path), ["policy.band=1 %"], out=tmp_path / "out")
    assert "probability of overfitting: needs two trials" in told
    assert "too little to tell skill from luck" in told


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"random": 3, "optuna": 3}, "--random and --optuna contradict"),
        ({"objective": "luck"}, "--objective: expected sharpe"),
        ({"threads": 0}, "--threads: expected 1 to"),
        ({"heat": Path("map.gif")}, "--heat: expected a name that ends in .html"),
        ({"heat": Path("map.html"), "heat_keys": "policy.band"}, "--heat-keys: expected two of"),
    ],
)
def test_options_that_cannot_be_are_refused_before_anything_runs(
    tmp_path: Path, more: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem):
        said(options_in(tmp_path), out=tmp_path / "out", **more)
    assert not (tmp_path / "out").exists()


def test_a_sweep_in_which_everything_is_refused_says_why(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"no combination has a sharpe: 2 refused, 0 run; most often: limits\.max_venue"
    ):
        said(options_in(tmp_path), ["limits.max_venue=95%,100%"], out=tmp_path / "out")


def test_heat_map_holds_the_mean_over_what_else_varied(tmp_path: Path) -> None:
    grid = [*GRID, "policy.max_turnover=10%,20%"]
    plan = sweep_of(options_in(tmp_path), grid)
    _, rows = run_all(plan, tmp_path / "out")
    across, up = two_keys(plan.space.axes, "policy.band,limits.max_venue")
    with store_for(plan, tmp_path / "out") as store:
        mean, most, count = cells(store, across, up, "sharpe")
    assert mean.shape == (3, 4)
    assert np.isnan(mean[2]).all()  # all refused
    assert (count[:2] == 2).all()
    here = [
        row["sharpe"]
        for row in rows
        if '"50 bps"' in row["values"] and '"6500 bps"' in row["values"] and row["sharpe"] is not None
    ]
    assert mean[1, 0] == pytest.approx(float(np.mean(here)))
    assert most[1, 0] == max(here)


def test_heat_map_is_one_file_that_asks_for_nothing_from_elsewhere(tmp_path: Path) -> None:
    page = tmp_path / "map.html"
    told = said(options_in(tmp_path), out=tmp_path / "out", heat=page)
    assert "heat map:" in told
    text = page.read_text(encoding="utf-8")
    assert "policy.band" in text
    assert "<script src=" not in text
    assert "<link" not in text
    assert '"showSendToCloud": false' in text
    with pytest.raises(ConfigError, match="two keys that vary: give --grid a second one"):
        said(options_in(tmp_path), GRID[:1], out=tmp_path / "few", heat=page)
    with pytest.raises(ConfigError, match="3 keys vary; name two"):
        said(options_in(tmp_path), [*GRID, "policy.max_turnover=10%,20%"], out=tmp_path / "more", heat=page)

"""The verbs that say what a strategy or a page is worth, as a user types them, one after the other."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from backtests.trials import VARIABLE, read
from tests.faults.inside import call

Capture = pytest.CaptureFixture[str]
VERBS = ("certify", "sweep", "lookahead", "walkforward", "compare", "verify", "demo")
SLEEVES = """
capital: 50000 USDC
every: 1d
strategy:
  sleeves:
    back: {share: 60 %, name: reversal}
    even: {share: 30 %, name: equal_weight}
venues:
  ink-usdc: {kind: uniswap_v3_hold, asset: INK, fee: 30 bps}
  pen-usdc: {kind: uniswap_v3_hold, asset: PEN, fee: 30 bps}
  cup-usdc: {kind: uniswap_v3_hold, asset: CUP, fee: 5 bps}
"""


@pytest.fixture
def strategy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "trials.jsonl"))
    file = tmp_path / "strategy.yaml"
    file.write_text(SLEEVES, encoding="utf-8")
    return file


def test_every_verb_has_help(capsys: Capture) -> None:
    shown = call(capsys, "--help").out
    for verb in VERBS:
        assert verb in shown
        assert "Usage: " in call(capsys, verb, "--help").out


def test_a_report_is_written_with_its_numbers_and_verified_and_run_again(capsys: Capture, strategy: Path) -> None:
    told = call(capsys, "backtest", str(strategy), "--synthetic", "3", "--rung", "fast", "--report", "b.html")
    assert told.code == 0
    assert "sleeve back: " in told.out
    assert "b.json and b.trades.parquet beside it" in told.out
    assert len(pd.read_parquet("b.trades.parquet")) > 0
    assert "drawn again from its numbers" in call(capsys, "verify", "b.html").out
    again = ("verify", "b.html", "--config", str(strategy), "--synthetic")
    assert "run again: equity, costs and" in call(capsys, *again, "3").out
    assert call(capsys, *again, "4").error(3).startswith("the page is of other data: its digest is ")
    assert "patron verify b.html" in call(capsys, "verify", "b.json").error(2)
    assert "a folder; the report of a run is " in call(capsys, "verify", ".").error(2)
    page = Path("b.html").read_text(encoding="utf-8")
    Path("b.html").write_text(page.replace("Max drawdown", "Max drawdawn", 1), encoding="utf-8")
    assert "was changed after the page was sealed" in call(capsys, "verify", "b.html").error(3)


def test_folds_stand_in_the_report(capsys: Capture, strategy: Path) -> None:
    told = ("backtest", str(strategy), "--synthetic", "3", "--rung", "fast", "--folds", "3")
    assert "--folds: is shown in the report" in call(capsys, *told).error(2)
    assert call(capsys, *told, "--report", "b.html").code == 0
    assert len(json.loads(Path("b.json").read_text(encoding="utf-8"))["extras"]["folds"]["folds"]) == 3


def test_a_refusal_is_written_and_keeps_capital_where_it_is(capsys: Capture, strategy: Path) -> None:
    refused = call(capsys, "certify", str(strategy), "--synthetic", "3", "--report", "c.html")
    assert refused.code == 9
    assert "refused: " in refused.out
    assert [trial.count for trial in read(Path("trials.jsonl"))] == [1]
    assert Path("c.html").is_file()
    known = Path("strategy.certificate.json")
    assert "not granted: no capital is moved under it" in call(capsys, "verify", str(known)).out
    assert "nothing has changed since" in call(capsys, "verify", str(known), "--config", str(strategy)).out
    line = call(capsys, "run", str(strategy), "--mode", "fork", "--synthetic", "3").error(9)
    assert "failed" in line
    known.write_text(known.read_text(encoding="utf-8").replace('"failed"', '"passed"'), encoding="utf-8")
    assert "changed after it was issued" in call(capsys, "verify", str(known)).error(3)
    assert "changed after it was issued" in call(capsys, "run", str(strategy), "--mode", "fork").error(3)


def test_a_paper_run_is_explained_by_its_backtests(capsys: Capture, strategy: Path) -> None:
    run = ("run", str(strategy), "--mode", "paper", "--synthetic", "3", "--cycles", "12", "--data-dir", "books")
    assert call(capsys, *run).code == 0
    for rung, same in (("replay", True), ("fast", False)):
        call(capsys, "backtest", str(strategy), "--synthetic", "3", "--rung", rung, "--report", f"{rung}.html")
        found = json.loads(call(capsys, "compare", "books", f"{rung}.html", "--json").out)
        assert found["settings_apart"] == {}
        assert found["cycles"] == 12
        assert abs(found["causes"]["not explained"]) < 1e-4
        assert sum(found["causes"].values()) == pytest.approx(found["difference"], abs=1e-6)
        assert (found["trades"] == []) == same


def test_walkforward_answers_people_and_machines(capsys: Capture, strategy: Path) -> None:
    asked = ("walkforward", str(strategy), "--synthetic", "3", "--folds", "3")
    assert "equal weight" in call(capsys, *asked).out
    assert json.loads(call(capsys, *asked, "--json").out)


def test_a_sweep_reports_its_best_with_the_heat_map(capsys: Capture, strategy: Path) -> None:
    grid = ("--grid", "policy.band=100bps,400bps", "--grid", "strategy.sleeves.back.share=20%:60%:40%")
    told = call(capsys, "sweep", str(strategy), "--synthetic", "3", *grid, "--report", "best.html")
    assert told.code == 0
    document = json.loads(Path("best.json").read_text(encoding="utf-8"))
    assert document["facts"]["sweep"]["tried"] == "4"
    assert len(document["extras"]["heat"]["values"]) == 2
    assert "the page is the one that was sealed" in call(capsys, "verify", "best.html").out
    assert "no key 'share'" in call(capsys, "sweep", str(strategy), "--synthetic", "3", "--grid", "share=1:2:1").error(
        2
    )


def test_verify_says_what_it_can_verify(capsys: Capture, strategy: Path) -> None:
    assert "expected a report (.html) or a certificate" in call(capsys, "verify", str(strategy)).error(2)
    assert "name the strategy file too" in call(capsys, "verify", "b.html", "--synthetic", "3").error(2)
    assert "no such certificate" in call(capsys, "verify", "none.json").error(2)
    assert "cannot be read" in call(capsys, "verify", "none.html").error(3)


def test_the_demo_shows_a_report_and_a_refusal_and_leaves_no_trial(capsys: Capture, strategy: Path) -> None:
    told = call(capsys, "demo", "shown")
    assert told.code == 0
    assert "refused, as it should be" in told.out
    assert "the page is the one that was sealed" in call(capsys, "verify", "shown/report.html").out
    assert not Path("trials.jsonl").exists()

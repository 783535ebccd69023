"""The provider's page: offline, safe against hostile names, its pictures the run's numbers, its JSON strict."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backtests.lp.bars import backtest_bars
from backtests.lp.picture import lp_charts, price_of_tick, price_window
from backtests.lp.report import lp_report_json, render_lp_html, write_lp_report
from backtests.lp.result import SAME_AMOUNTS, SAME_PRICE, LpResult
from backtests.lp.strategies import Hold, Recentre
from bot.errors import StorageError
from tests.backtests.lp.bar_markets import USDC_WETH, market_minutes, setup_of
from tests.backtests.test_report import Page

HOSTILE = '</script><img src="http://example.com/x" onerror="x()">'


@pytest.fixture(scope="module")
def result() -> LpResult:
    made = backtest_bars(setup_of(market_minutes(3_000)), Recentre.model_validate({"width": "1 %"}), (HOSTILE,))
    return replace(made, facts={**made.facts, "title": HOSTILE, "assumed": [HOSTILE], "costs": {"gas": HOSTILE}})


@pytest.fixture(scope="module")
def page(result: LpResult, tmp_path_factory: pytest.TempPathFactory) -> Page:
    path = tmp_path_factory.mktemp("lp") / "lp.html"
    write_lp_report(result, path)
    assert path.stat().st_size < 6_000_000
    assert json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["headline"] == result.headline
    return Page(path.read_text(encoding="utf-8"))


def test_page_loads_nothing_from_outside(page: Page) -> None:
    assert {tag for tag, _ in page.tags}.isdisjoint({"link", "img", "iframe", "object", "embed", "base", "form"})
    assert not any(name in attrs for _, attrs in page.tags for name in ("src", "href", "srcset", "onerror", "onclick"))
    policy = next(attrs["content"] for _, attrs in page.tags if attrs.get("http-equiv") == "Content-Security-Policy")
    assert str(policy).startswith("default-src 'none';")
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in page.scripts]
    assert re.findall(r"'sha256-([^']+)'", str(policy)) == digests
    assert len(digests) == 2


def test_hostile_names_are_text(page: Page) -> None:
    assert page.words.count(HOSTILE) == 4  # twice the title, once what is assumed (as a note too), once the costs


def test_page_leads_with_the_worse_assumption_and_names_both(page: Page, result: LpResult) -> None:
    profits = [f"{run.series.value[-1] - run.capital:+,.2f}".replace("-", "−") for run in result.runs]
    assert all(profit in page.words for profit in profits)
    assert page.words.index(profits[result.headline]) < page.words.index("trades more, as the pool is deeper")
    assert "minute bars, approximate" in page.words
    assert {"Exact", "Approximate", "Assumed", "The books"} <= set(page.words)


def test_an_exact_result_says_so(result: LpResult, tmp_path: Path) -> None:
    modes = (SAME_AMOUNTS, SAME_PRICE)
    runs, full = (
        tuple(replace(run, mode=mode) for run, mode in zip(each, modes, strict=True))
        for each in (result.runs, result.full_range)
    )
    render_lp_html(replace(result, runs=runs, full_range=full), tmp_path / "exact.html")
    words = Page((tmp_path / "exact.html").read_text(encoding="utf-8")).words
    assert {"exact replay", "sends the same amounts", "keeps the same price"} <= set(words)
    assert not any("bar" in word for word in words if word.startswith(("the liquidity in", "where in")))


def test_pictures_are_the_numbers_of_the_run(page: Page, result: LpResult) -> None:
    drawn, run = json.loads(page.blocks["charts"]), result.worst
    assert drawn["value"][0]["y"][-1] == pytest.approx(run.series.value[-1], rel=1e-6)
    assert [trace["name"] for trace in drawn["value"]][-2:] == ["full range", "holding"]
    fees = run.metrics["fees"].value
    assert drawn["earned"][0]["y"][-1] == pytest.approx(fees, rel=1e-6)
    steps = dict(zip(drawn["flow"][0]["x"], drawn["flow"][0]["y"], strict=True))
    assert steps["fees"] == pytest.approx(fees, rel=1e-6)
    total = steps.pop("against holding")
    assert total == pytest.approx(run.metrics["against_hold"].value, rel=1e-6)
    assert sum(steps.values()) == pytest.approx(total, rel=1e-4)
    shares = np.array([trace["y"] for trace in drawn["inventory"]])
    np.testing.assert_allclose(shares.sum(axis=0), 1.0, atol=1e-6)
    assert len(drawn["picture"][3]["x"]) == sum(action.kind == "mint" for action in run.actions)


def test_ranges_are_bands_at_their_prices(result: LpResult) -> None:
    run = result.worst
    bands = lp_charts(result)["picture"][0]
    held = run.ranges[0]
    edges = sorted((price_of_tick(run.market, held.lower), price_of_tick(run.market, held.upper)))
    low, high = price_window(run)
    assert [bands["y"][0], bands["y"][2]] == pytest.approx(np.clip(edges, low, high), rel=1e-6)
    assert len(bands["x"]) == 6 * len(run.ranges)
    assert low < run.series.price.min() < run.series.price.max() < high


def test_prices_of_ticks_follow_the_quote() -> None:
    assert price_of_tick(USDC_WETH, 202_650) == pytest.approx(1e12 / 1.0001**202_650, rel=1e-9)
    other = replace(USDC_WETH, quote=1)
    assert price_of_tick(other, 202_650) == pytest.approx(1.0001**202_650 / 1e12, rel=1e-9)
    assert price_of_tick(other, -887_272) < price_of_tick(other, 887_272)


def test_json_is_strict_and_holds_raw_units(result: LpResult) -> None:
    back = json.loads(json.dumps(lp_report_json(result), allow_nan=False))
    run = result.worst
    assert run.books is not None
    mine = back["runs"][result.headline]
    assert mine["books"]["fees"] == list(run.books.fees)
    assert mine["series"]["value"][-1] == run.series.value[-1]
    assert mine["metrics"]["net_profit"]["value"] == run.metrics["net_profit"].value
    assert len(mine["ranges"]) == len(run.ranges)
    assert back["facts"]["title"] == HOSTILE


def test_a_run_without_positions_still_makes_a_page(tmp_path: Path) -> None:
    render_lp_html(backtest_bars(setup_of(market_minutes(300)), Hold()), tmp_path / "hold.html")
    assert "0 ranges held" in (tmp_path / "hold.html").read_text(encoding="utf-8")


def test_says_in_one_line_when_the_page_cannot_be_written(result: LpResult, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="the report cannot be written: No such file or directory"):
        write_lp_report(result, tmp_path / "nowhere" / "lp.html")

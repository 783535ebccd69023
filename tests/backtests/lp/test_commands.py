"""What `patron lp backtest` prints and refuses, over a real log file on the compiled machine."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from backtests.lp.commands import lp_backtest
from backtests.lp.made_log import made_log
from backtests.lp.result import SAME_AMOUNTS, SAME_PRICE
from bot.core.amm.events import Kind, PoolEvent
from bot.errors import ConfigError, DataError
from bot.pool_log import PoolLog, pool_log_of, save_pool_log, write_pool_log

FILE = """\
log: pool.parquet
capital: 250000 USDC
strategy:
  name: recentre
  params: {width: 2 %}
every: 1h
costs: {gas_price: 10 gwei, native_price: 3000 USDC}
"""


@pytest.fixture(scope="module")
def log() -> PoolLog:
    return made_log(11, 500)


def shown(folder: Path, log: PoolLog, text: str = FILE, report: Path | None = None, as_json: bool = False) -> str:
    save_pool_log(folder / "pool.parquet", log)
    file = folder / "lp.yaml"
    file.write_text(text, encoding="utf-8")
    console = Console(file=io.StringIO(), width=200, color_system=None)
    lp_backtest(file, report, as_json, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_both_assumptions_stand_side_by_side_and_the_worse_one_is_the_headline(tmp_path: Path, log: PoolLog) -> None:
    text = shown(tmp_path, log)
    assert "recentre width=2 % in WETH/USDC 0.3 %, 250,000.00 USDC, 2023-11-14 22:13 to 2023-11-15" in text
    header = next(line for line in text.splitlines() if "metric" in line and "*" in line)
    assert SAME_AMOUNTS in header
    assert SAME_PRICE in header
    assert header.count("full range, ") == 2
    assert header.count("*") == 1
    assert "headline: " in text
    assert "exact: swaps, mints, burns, fees and collects" in text
    assert "assumed: gas" in text
    for name in ("net profit", "fees", "impermanent loss", "lvr", "markout 5m", "time in range", "against full range"):
        assert f"\n {name}  " in text, name
    assert text.rstrip().endswith(f"try next: patron lp backtest {tmp_path / 'lp.yaml'} --report report.html")


def test_the_json_document_holds_the_same_runs_and_books_that_close(tmp_path: Path, log: PoolLog) -> None:
    found = json.loads(shown(tmp_path, log, as_json=True))
    assert [run["mode"] for run in found["runs"]] == [SAME_AMOUNTS, SAME_PRICE]
    profits = [run["metrics"]["net_profit"]["value"] for run in found["runs"]]
    assert profits[found["headline"]] == min(profits)
    for run in [*found["runs"], *found["full_range"]]:
        books = run["books"]
        for token in (0, 1):
            came = sum(books[name][token] for name in ("deposited", "swapped", "returned", "fees"))
            assert came - books["minted"][token] == books["final"][token]
    assert found["facts"]["events"] == len(log)
    assert found == json.loads(shown(tmp_path, log, as_json=True)), "twice the same"


def test_a_report_is_written(tmp_path: Path, log: PoolLog) -> None:
    page = tmp_path / "page.html"
    text = shown(tmp_path, log, report=page)
    assert f"report: {page} (opens offline)" in text
    assert page.stat().st_size > 100_000
    assert json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))["runs"]


def test_minute_bars_are_run_by_the_same_command(tmp_path: Path) -> None:
    rows = [
        "timestamp,netAmount0,netAmount1,closeTick,openTick,lowestTick,highestTick,inAmount0,inAmount1,currentLiquidity"
    ]
    for minute in range(180):
        tick = 200_000 + minute % 7 * 5
        stamp = f"2024-01-01 {minute // 60:02d}:{minute % 60:02d}:00"
        amounts = f"{10**9},{-(10**17)},{tick},{tick},{tick - 3},{tick + 3},{2 * 10**9},{10**18},{10**19}"
        rows.append(f"{stamp},{amounts}")
    (tmp_path / "bars.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    file = tmp_path / "lp.yaml"
    file.write_text(
        "minutes: bars.csv\npool:\n  token0: {symbol: USDC, decimals: 6}\n  token1: {symbol: WETH, decimals: 18}\n"
        "  fee: 5 bps\ncapital: 10000 USDC\nstrategy: {name: static, params: {width: 5 %}}\n"
        "costs: {gas_price: 0 gwei}\n",
        encoding="utf-8",
    )
    console = Console(file=io.StringIO(), width=200, color_system=None)
    lp_backtest(file, None, False, console)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "static width=5 % in USDC/WETH 0.05 %, 10,000.00 USDC, 2024-01-01" in text
    assert "approximate: the fees, by minute" in text
    assert "minute bars, same price" in text


def test_a_window_of_days_or_blocks_is_cut_out(tmp_path: Path, log: PoolLog) -> None:
    blocks = log.block[len(log) // 2], log.block[-20]
    text = FILE.replace("strategy:", f"from: {blocks[0]}\nto: {blocks[1]}\nstrategy:")
    run = json.loads(shown(tmp_path, log, text, as_json=True))["runs"][0]
    assert run["series"]["time"][0] == int(log.time[len(log) // 2])
    assert run["series"]["time"][-1] == int(log.time[-20])
    wide = FILE.replace("strategy:", "from: 2023-01-01\nto: 2024-12\nstrategy:")
    run = json.loads(shown(tmp_path, log, wide, as_json=True))["runs"][0]
    assert (run["series"]["time"][0], run["series"]["time"][-1]) == (int(log.time[0]), int(log.time[-1]))
    assert len(run["notes"]) == 2


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "capital: 250000 USDC",
            "capital: 250000 DAI",
            "lp.yaml:2: capital: in DAI, but the pool's tokens are WETH",
        ),
        (
            "capital: 250000 USDC",
            "capital: 0.0000001 USDC",
            "lp.yaml:2: capital: less than one unit of USDC",
        ),
        ("every: 1h", "from: 2025-01-01", "lp.yaml:6: from: the log ends on 2023-11-1"),
        ("every: 1h", "from: 99999999", "lp.yaml:6: from: the log ends on 2023-11-1"),
        ("every: 1h", "to: 2022-01-01", "lp.yaml:6: to: nothing is between it and 2023-11-14"),
        ("every: 1h", "to: 5", "lp.yaml:6: to: nothing is between it and"),
        ("every: 1h", "quote: 0", "lp.yaml:6: quote: token 0 is WETH, but capital is in USDC"),
        ("{width: 2 %}", "{width: 2 %, at: 5}", "lp.yaml:5: strategy.params.at: a unit is missing"),
    ],
)
def test_a_setting_that_does_not_go_with_the_data_is_one_line(
    old: str, new: str, said: str, tmp_path: Path, log: PoolLog
) -> None:
    text = FILE.replace(old, new)
    text = text.replace("3000 USDC", "3000 DAI") if "DAI" in new else text
    with pytest.raises(ConfigError) as refused:
        shown(tmp_path, log, text)
    line = str(refused.value)
    assert refused.value.exit_code == 2
    assert line.startswith(f"{tmp_path}/{said}"), line
    assert "\n" not in line


def test_two_tokens_of_one_name_need_a_number(tmp_path: Path, log: PoolLog) -> None:
    facts = replace(log.facts, token0=replace(log.facts.token0, symbol="USDC"))
    with pytest.raises(ConfigError, match=r"lp\.yaml: quote: both tokens are called USDC: write 0 or 1"):
        shown(tmp_path, replace(log, facts=facts))
    found = json.loads(shown(tmp_path, replace(log, facts=facts), FILE + "quote: 1\n", as_json=True))
    assert found["runs"][0]["market"]["quote"] == 1


def test_a_missing_log_is_a_data_error(tmp_path: Path) -> None:
    file = tmp_path / "lp.yaml"
    file.write_text(FILE, encoding="utf-8")
    with pytest.raises(DataError, match=r"pool\.parquet"):
        lp_backtest(file, None, False, Console(file=io.StringIO()))


Damage = Callable[[list[PoolEvent]], list[PoolEvent]]


def _first_swap(events: list[PoolEvent]) -> int:
    return next(row for row, event in enumerate(events) if event.kind is Kind.SWAP)


def _one_wei(events: list[PoolEvent]) -> list[PoolEvent]:
    row = _first_swap(events)
    events[row] = replace(events[row], amount0=events[row].amount0 + 1)
    return events


def _one_gone(events: list[PoolEvent]) -> list[PoolEvent]:
    del events[_first_swap(events)]
    return events


@pytest.mark.parametrize("damage", [_one_wei, _one_gone])
def test_a_log_that_does_not_replay_is_refused_by_its_first_wrong_event(
    damage: Damage, tmp_path: Path, log: PoolLog
) -> None:
    bad = pool_log_of(log.facts, damage(list(log.events())))
    with pytest.raises(DataError, match=r"pool\.parquet: block \d+ log \d+: Swap: ") as refused:
        shown(tmp_path, bad)
    assert refused.value.exit_code == 3


def test_a_truncated_file_is_refused(tmp_path: Path, log: PoolLog) -> None:
    write_pool_log(tmp_path / "whole.parquet", log.facts, log.events())
    whole = (tmp_path / "whole.parquet").read_bytes()
    (tmp_path / "pool.parquet").write_bytes(whole[: len(whole) // 2])
    file = tmp_path / "lp.yaml"
    file.write_text(FILE, encoding="utf-8")
    with pytest.raises(DataError, match="not a whole Parquet file"):
        lp_backtest(file, None, False, Console(file=io.StringIO()))


def test_prices_are_of_the_quote_that_capital_names(tmp_path: Path, log: PoolLog) -> None:
    text = FILE.replace("250000 USDC", "80 WETH").replace("3000 USDC", "1 WETH")
    runs: list[dict[str, Any]] = json.loads(shown(tmp_path, log, text, as_json=True))["runs"]
    assert runs[0]["market"]["quote"] == 0
    assert 1 / 4_000 < runs[0]["series"]["price"][0] < 1 / 2_000
    assert runs[0]["capital"] == 80.0

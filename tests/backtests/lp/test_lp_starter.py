"""The file that `patron lp init` writes: valid as it stands, beside its data, and nothing is overwritten."""

from __future__ import annotations

from pathlib import Path

import pytest

from backtests.lp.bars import backtest_minutes
from backtests.lp.config_file import load_lp_config
from backtests.lp.made_log import made_log
from backtests.lp.minutes import COLUMNS
from backtests.lp.starter import write_lp_starter
from bot.errors import ConfigError, DataError
from bot.pool_log import write_pool_log


def bars(folder: Path) -> Path:
    rows = [
        f"2022-07-19 {n // 60:02}:{n % 60:02}:00,0,0,200000,200000,200000,200000,1000,0,10000000" for n in range(150)
    ]
    path = folder / "my bars.csv"
    path.write_text("\n".join([",".join(COLUMNS), *rows]) + "\n")
    return path


def test_a_file_for_minute_bars_runs_as_it_stands(tmp_path: Path) -> None:
    file = tmp_path / "lp.yaml"
    lines = write_lp_starter(file, minutes=[bars(tmp_path)])
    assert "USDC/WETH" in lines[0]
    assert "patron lp backtest" in lines[1]
    config = load_lp_config(file)
    assert config.minutes == ("my bars.csv",)
    assert (float(config.capital), config.capital.symbol) == (10_000.0, "USDC")
    assert backtest_minutes(config, tmp_path).worst.label.startswith("recentre")


def test_a_file_for_a_log_takes_its_tokens_from_the_log(tmp_path: Path) -> None:
    log = made_log(3, 50)
    write_pool_log(tmp_path / "pool.parquet", log.facts, log.events())
    write_lp_starter(tmp_path / "lp.yaml", log=tmp_path / "pool.parquet")
    config = load_lp_config(tmp_path / "lp.yaml")
    assert config.log == "pool.parquet"
    assert config.pool is None
    assert config.capital.symbol == "USDC"


def test_other_tokens_are_reckoned_in_the_second_when_none_is_money(tmp_path: Path) -> None:
    write_lp_starter(tmp_path / "lp.yaml", minutes=[bars(tmp_path)], tokens=("WBTC:8", "WETH:18"), fee="0.3 %")
    config = load_lp_config(tmp_path / "lp.yaml")
    assert (float(config.capital), config.capital.symbol) == (10.0, "WETH")
    assert config.pool is not None
    assert (config.pool.token0.symbol, config.pool.token0.decimals, config.pool.fee) == ("WBTC", 8, 3_000)


def test_refuses_in_one_line_and_leaves_nothing_behind(tmp_path: Path) -> None:
    data = bars(tmp_path)
    file = tmp_path / "lp.yaml"
    with pytest.raises(ConfigError, match="--token1: write SYMBOL:DECIMALS"):
        write_lp_starter(file, minutes=[data], tokens=("USDC:6", "WETH"))
    with pytest.raises(ConfigError, match=r"pool\.fee"):
        write_lp_starter(file, minutes=[data], fee="0.2 %")
    with pytest.raises(ConfigError, match="name an event log with --log, or minute bars"):
        write_lp_starter(file)
    with pytest.raises(DataError, match="cannot read"):
        write_lp_starter(file, minutes=[tmp_path / "gone.csv"])
    with pytest.raises(ConfigError, match="cannot be written"):
        write_lp_starter(tmp_path / "nowhere" / "lp.yaml", minutes=[data])
    assert not file.exists()
    file.write_text("mine")
    with pytest.raises(ConfigError, match="is already there"):
        write_lp_starter(file, minutes=[data])
    assert file.read_text() == "mine"

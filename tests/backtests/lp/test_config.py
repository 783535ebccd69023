"""A provider's backtest file is read whole, or refused in one line that says where and what."""

from __future__ import annotations

from pathlib import Path

import pytest

from backtests.lp.config import LpConfig, final_second, first_second
from backtests.lp.config_file import load_lp_config
from backtests.lp.strategies import Recentre
from bot.errors import ConfigError

FILE = """\
log: pool.parquet
capital: 100000 USDC
from: 2024-01-01
to: 2024-01-31
strategy:
  name: recentre
  params:
    width: 5 %
every: 30min
costs:
  gas_price: 20 gwei
  native_price: 3000 USDC
  gas:
    mint: 400_000
  swap: external
  swap_cost: 5 bps
"""
MINUTES = """\
minutes: [a.csv, b.csv]
pool:
  token0: {symbol: USDC, decimals: 6}
  token1: {symbol: WETH, decimals: 18}
  fee: 5 bps
capital: 1000 USDC
strategy: {name: full_range}
costs: {gas_price: 0 gwei}
"""


def read(folder: Path, text: str) -> LpConfig:
    file = folder / "lp.yaml"
    file.write_text(text, encoding="utf-8")
    return load_lp_config(file)


def refusal(folder: Path, text: str) -> str:
    """The line that refuses the file, from behind its folder's name on."""
    with pytest.raises(ConfigError) as refused:
        read(folder, text)
    line = str(refused.value)
    assert refused.value.exit_code == 2
    assert line == " ".join(line.split()), "more than one line"
    assert line.startswith(f"{folder}/lp.yaml")
    return line.removeprefix(f"{folder}/")


def test_a_good_file_is_read_with_units_as_integers(tmp_path: Path) -> None:
    config = read(tmp_path, FILE)
    assert (config.every, config.costs.gas_price, config.costs.swap_cost) == (1_800, 20 * 10**9, 5)
    assert (config.costs.gas.mint, config.costs.slippage) == (400_000, 100)
    assert config.strategy_model == Recentre(width="5 %")
    assert first_second(config) == 1_704_067_200
    assert final_second(config) == 1_704_067_200 + 31 * 86_400
    assert config.capital.raw(6) == 100_000 * 10**6


def test_blocks_may_stand_where_days_do(tmp_path: Path) -> None:
    config = read(tmp_path, FILE.replace("2024-01-01", "17000000").replace("2024-01-31", "17000001"))
    assert (config.first, config.last) == (17_000_000, 17_000_001)
    assert first_second(config) is None
    assert final_second(config) is None


def test_minute_bars_bring_their_own_pool(tmp_path: Path) -> None:
    config = read(tmp_path, MINUTES)
    assert config.minutes == ("a.csv", "b.csv")
    assert config.pool is not None
    assert (config.pool.token1.symbol, config.pool.token1.decimals, config.pool.fee) == ("WETH", 18, 500)
    assert read(tmp_path, MINUTES.replace("[a.csv, b.csv]", "a.csv")).minutes == ("a.csv",)


BAD = [
    ("log: pool.parquet\n", "", "lp.yaml: log: name either log or minutes"),
    ("log: pool.parquet", "log: a\nminutes: [b]", "lp.yaml:1: log: name either log or minutes, not both"),
    ("capital: 100000 USDC\n", "", "lp.yaml: capital: is missing"),
    ("100000 USDC", "100000", 'lp.yaml:2: capital: a unit is missing: write an amount such as "250 USDC" (got 100000)'),
    ("100000 USDC", "0 USDC", "lp.yaml:2: capital: must be above zero"),
    ("capital:", "captial:", "lp.yaml:2: captial: unknown key; did you mean 'capital'?"),
    ("name: recentre", "name: recenter", "lp.yaml:6: strategy.name: no such strategy; there are: static, recentre,"),
    ("width: 5 %", "widht: 5 %", "lp.yaml:8: strategy.params.widht: unknown key; did you mean 'width'?"),
    (
        "width: 5 %",
        "width: 0.05",
        "lp.yaml:8: strategy.params.width: a unit is missing: write a share such as",
    ),
    ("width: 5 %", "width: 0 %", "lp.yaml:8: strategy.params.width: input should be greater than 0 (got 0)"),
    ("name: recentre", "name: static", ""),
    ("width: 5 %", "at: 101 %", "lp.yaml:8: strategy.params.at: outside 0 % … 100 % (got '101 %')"),
    ("2024-01-01", "yesterday", "lp.yaml:3: from: a time: expected a day such as"),
    ("2024-01-01", "-5", 'lp.yaml:3: from: expected a day such as "2024-01-31" or the number of a block (got -5)'),
    ("2024-01-31", "2023-01-31", "lp.yaml:3: from: must be before to"),
    ("3000 USDC", "3000 WETH", "lp.yaml:12: costs.native_price: in WETH, but capital is in USDC"),
    ("  native_price: 3000 USDC\n", "", 'lp.yaml:10: costs.native_price: is missing; write such as "3000 USDC"'),
    ("swap: external", "swap: router", "lp.yaml:15: costs.swap: input should be 'pool' or 'external' (got 'router')"),
    ("400_000", "-1", "lp.yaml:14: costs.gas.mint: input should be greater than or equal to 0 (got -1)"),
    ("every: 30min", "every: 0s", "lp.yaml:9: every: must be a whole number of seconds above zero (got '0s')"),
    ("costs:", "costs: [", "lp.yaml:12: not valid YAML"),
    ("every: 30min", "quote: 2", "lp.yaml:9: quote: input should be less than or equal to 1 (got 2)"),
    ("every: 30min", "pool: {fee: 5 bps}", "lp.yaml:9: pool."),
]


@pytest.mark.parametrize(("old", "new", "said"), BAD, ids=[f"{old[:20]}>{new[:20]}" for old, new, _ in BAD])
def test_a_bad_file_is_one_line(old: str, new: str, said: str, tmp_path: Path) -> None:
    assert FILE.count(old) == 1
    text = FILE.replace(old, new)
    if not said:  # the same parameter belongs to another strategy too
        assert read(tmp_path, text).strategy_model.name == "static"
        return
    assert refusal(tmp_path, text).startswith(said)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("minutes: [a.csv, b.csv]", "minutes: []", "lp.yaml:1: minutes: at least one file is needed"),
        ("  fee: 5 bps\n", "", "lp.yaml:2: pool.fee: is missing"),
        ("fee: 5 bps", "fee: 7 bps", "lp.yaml:5: pool.fee: not a Uniswap V3 fee tier"),
        ("decimals: 18", "decimals: 18.5", "lp.yaml:4: pool.token1.decimals: input should be a valid integer"),
        ("capital:", "from: 5\ncapital:", "lp.yaml:6: from: minute bars have no blocks; name a day"),
        ("{name: full_range}", "{name: full_range, params: {width: 1 %}}", "lp.yaml:7: strategy.params.width: unknown"),
        ("{name: full_range}", "full_range", "lp.yaml:7: strategy: expected a section of keys (got 'full_range')"),
    ],
)
def test_a_bad_file_of_minutes_is_one_line(old: str, new: str, said: str, tmp_path: Path) -> None:
    assert refusal(tmp_path, MINUTES.replace(old, new)).startswith(said)


def test_a_pool_is_needed_for_minutes_only(tmp_path: Path) -> None:
    without = "\n".join(line for line in MINUTES.splitlines() if not line.startswith(("pool", "  ")))
    assert refusal(tmp_path, without) == (
        "lp.yaml: pool: minute bars do not say which pool they are of; write its tokens and fee"
    )
    with_log = MINUTES.replace("minutes: [a.csv, b.csv]", "log: x.parquet")
    assert refusal(tmp_path, with_log) == "lp.yaml:2: pool: an event log knows its own pool; drop this section"


def test_no_file_no_mapping_and_no_text_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_lp_config(tmp_path / "none.yaml")
    assert "expected a mapping" in refusal(tmp_path, "- 1\n")
    (tmp_path / "lp.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_lp_config(tmp_path / "lp.yaml")


def test_a_config_cannot_be_changed_once_it_is_read(tmp_path: Path) -> None:
    config = read(tmp_path, FILE)
    with pytest.raises(ValueError, match="frozen"):
        config.every = 5


def test_the_schema_names_every_key() -> None:
    described = LpConfig.model_json_schema(by_alias=True)
    assert {"log", "minutes", "from", "to", "strategy", "costs"} <= set(described["properties"])
    assert all("description" in field or "$ref" in field for field in described["properties"].values())

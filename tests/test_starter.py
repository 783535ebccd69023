"""`patron init`: a file that a stranger can finish."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import jsonschema
import pytest
from ruamel.yaml import YAML

from bot.config import Config, load_config
from bot.errors import ConfigError
from bot.schema import schema_json
from bot.starter import write_starter
from tests.faults.inside import call
from tests.faults.rig import Ledger

POOLS = ("0x88e6A0c2dDD26FEEb64F039a2c41296FcB3f5640", "0x8ad599c3A0ff1De082011EFDDc58f1908eb6e6D8")
ELSEWHERE = [chain for chain in get_args(Config.model_fields["chain"].annotation) if chain != "devnet"]
Capture = pytest.CaptureFixture[str]


def test_writes_the_file_and_the_schema_that_its_first_line_names(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    lines = write_starter(file, "devnet", ())
    assert file.read_text(encoding="utf-8").startswith("# yaml-language-server: $schema=patron.schema.json\n")
    assert (tmp_path / "patron.schema.json").read_text(encoding="utf-8") == schema_json()
    assert lines[0] == f"wrote {file}: chain devnet, 3 venues"
    assert any(line.startswith("try next: patron check ") for line in lines)


@pytest.mark.parametrize("chain", ELSEWHERE)
def test_another_chains_file_names_the_pools_and_is_valid(tmp_path: Path, chain: str) -> None:
    file = tmp_path / "mine.yaml"
    write_starter(file, chain, POOLS)
    config = load_config(file, {})
    assert (config.chain, config.capital.symbol, config.every) == (chain, "USDC", 6 * 3_600)
    assert config.strategy.name == "equal_weight"
    assert {name: venue.pool for name, venue in config.venues.items()} == dict(
        zip(("pool-1", "pool-2"), POOLS, strict=True)
    )


@pytest.mark.parametrize(("chain", "pools"), [("devnet", ()), ("base", POOLS)])
def test_the_file_obeys_the_schema_in_block_style(tmp_path: Path, chain: str, pools: tuple[str, ...]) -> None:
    file = tmp_path / "mine.yaml"
    write_starter(file, chain, pools)
    text = file.read_text(encoding="utf-8")
    jsonschema.validate(YAML(typ="safe").load(text), json.loads(schema_json()))
    assert "{" not in text
    assert max(map(len, text.splitlines())) <= 120


def test_nothing_that_exists_is_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("of my own", encoding="utf-8")
    with pytest.raises(ConfigError, match="is already there, and is not overwritten"):
        write_starter(file, "devnet", ())
    assert file.read_text(encoding="utf-8") == "of my own"
    assert list(tmp_path.iterdir()) == [file]


def test_an_older_schema_beside_it_is_renewed_and_a_present_one_is_not_mentioned(tmp_path: Path) -> None:
    schema = tmp_path / "patron.schema.json"
    schema.write_text("{}", encoding="utf-8")
    assert f"wrote {schema}" in "\n".join(write_starter(tmp_path / "one.yaml", "devnet", ()))
    assert schema.read_text(encoding="utf-8") == schema_json()
    assert f"wrote {schema}" not in "\n".join(write_starter(tmp_path / "two.yaml", "devnet", ()))


REFUSED = [
    ("mars", (), "--chain: no such chain; choose devnet, ethereum, base, polygon, arbitrum (got 'mars')"),
    ("ethereum", (), "--chain ethereum: name at least one Uniswap V3 pool with --pool ADDRESS"),
    ("devnet", POOLS, "--pool: the devnet makes its own pools"),
    ("ethereum", (POOLS[0].lower(),), f"--pool: bad checksum; if the digits are right, write {POOLS[0]}"),
    ("ethereum", ("0x12",), "--pool: not an address"),
    ("ethereum", (POOLS[0], POOLS[0]), "--pool: named twice"),
    ("ethereum", POOLS * 9, "--pool: 18 named, the vault lists at most 16"),
]


@pytest.mark.parametrize(("chain", "pools", "told"), REFUSED)
def test_what_cannot_be_a_strategy_is_refused_and_leaves_nothing(
    tmp_path: Path, capsys: Capture, chain: str, pools: tuple[str, ...], told: str
) -> None:
    options = [part for pool in pools for part in ("--pool", pool)]
    assert call(capsys, "init", tmp_path / "mine.yaml", "--chain", chain, *options).error(2).startswith(told)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_named(tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "none" / "mine.yaml"
    assert call(capsys, "init", file).error(2) == f"{file}: there is no folder {tmp_path / 'none'}"


def test_the_devnet_file_checks_and_backtests_at_once(tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "mine.yaml"
    assert call(capsys, "init", file).code == 0
    assert "ok: " in call(capsys, "check", file).out
    ended = call(capsys, "backtest", file, "--synthetic", 7, "--json")
    assert ended.code == 0, ended.err
    json.loads(ended.out)


@pytest.mark.fork
def test_the_devnet_file_deploys_on_a_fork_at_once(tmp_path: Path, capsys: Capture) -> None:
    file, folder = tmp_path / "mine.yaml", tmp_path / "run"
    assert call(capsys, "init", file).code == 0
    run = ("run", file, "--mode", "fork", "--uncertified", "--synthetic", 7, "--cycles", 3)
    ended = call(capsys, *run, "--data-dir", folder, "--json")
    assert ended.code == 0, ended.err
    told = json.loads(ended.out)
    assert (told["cycles"], told["deployments"]) == (3, 3)
    assert len(Ledger(folder / "ledger.sqlite").reports()) == 3

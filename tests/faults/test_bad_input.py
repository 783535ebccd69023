"""Bad input of every kind: one line, the exit code of its kind, never a traceback, and nothing lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.inside import call
from tests.faults.rig import Ledger, obey_permissions, one_line, patron
from tests.faults.test_sigkill import STRATEGY

Capture = pytest.CaptureFixture[str]

MAP = """
format: 1
about: made in a test
files: prices.csv
kind: prices
bar: 1d
time: {column: day, format: "%Y-%m-%d", stamp: close, timezone: UTC}
asset: {column: asset}
open: price
high: price
low: price
close: price
volume: {column: volume, counts: quote}
"""
HEADER = "day,asset,price,volume"


@pytest.fixture
def strategy(tmp_path: Path) -> Path:
    file = tmp_path / "strategy.yaml"
    file.write_text(STRATEGY, encoding="utf-8")
    return file


def changed(strategy: Path, old: str, new: str) -> Path:
    text = strategy.read_text(encoding="utf-8")
    assert text.count(old) == 1
    strategy.write_text(text.replace(old, new), encoding="utf-8")
    return strategy


MUSIC = "{kind: uniswap_v3_hold, asset: MUSIC, fee: 30 bps}"
WRONG = [
    ("capital: 100000 USDC", "kapital: 100000 USDC", 3, "kapital: unknown key; did you mean 'capital'?"),
    ("max_loss: 300 bps", "max_los: 300 bps", 14, "limits.max_los: unknown key; did you mean 'max_loss'?"),
    ("every: 1d", "every: 1 bps", 4, "every: wrong unit 'bps'"),
    ("band: 1 bps", "band: 1h", 13, "policy.band: wrong unit 'h'"),
    ("band: 1 bps", "band: 1", 13, "policy.band: a unit is missing"),
    ("band: 1 bps", "band: .nan", 13, "policy.band: a unit is missing"),
    ("every: 1d", "every: 86400", 4, "every: a unit is missing"),
    ("every: 1d", "every: -1d", 4, "every: "),
    ("every: 1d", "every: 1" + "0" * 400 + "d", 4, "every: longer than a century"),
    ("capital: 100000 USDC", "capital: 0 USDC", 14, "the smallest trade is more than the capital"),
    ("capital: 100000 USDC", "capital: 1" + "0" * 400 + " USDC", 3, "capital: more than 1,000,000,000,000,000 USDC"),
    ("capital: 100000 USDC", "capital: 100000", 3, "capital: "),
    ("max_venue: 30 %", "max_venue: 95 %", 14, "limits.max_venue and limits.min_idle contradict"),
    ("min_trade: 1 USDC", "min_trade: 1 EURC", 14, "limits.min_trade: in EURC, but capital is in USDC"),
    ("min_trade: 1 USDC", "min_trade: 900000 USDC", 14, "limits.min_trade and capital contradict"),
    ("params: {bars: 2}", "params: {bars: .inf}", 8, "strategy.params.bars: "),
    ("params: {bars: 2}", "params: {bras: 2}", None, "has no parameter 'bras'"),
    ("name: reversal", "name: no_such", None, "no strategy called 'no_such'; shipped: "),
    ("name: reversal", "name: os.path", None, "no strategy called 'os.path'"),
    ("name: reversal", "name: [reversal]", 7, "strategy.name: "),
    (MUSIC, MUSIC.replace("30 bps", "31 bps"), 10, "venues.music-coin.fee: not a Uniswap V3 fee tier"),
    (MUSIC, MUSIC.replace("uniswap_v3_hold", "bank"), 10, "venues.music-coin.kind: "),
    (MUSIC, "null", 10, "venues.music-coin: "),
    ("music-coin: ", "idle: ", 10, "venues.idle: a venue id is"),
    ("chain: devnet", "chain: mars", 1, "chain: "),
    ("mode: fork", "mode: fast", 2, "mode: "),
    ("mode: fork", "mode: fork\nmode: fork", 3, 'found duplicate key "mode"'),
    ("mode: fork", "\tmode: fork", 2, "not valid YAML"),
    ("mode: fork", "mode: !!python/object/apply:os.system [ls]", 2, "mode: "),
]


@pytest.mark.parametrize(("old", "new", "line", "told"), WRONG, ids=lambda value: str(value)[:40])
def test_a_wrong_strategy_file_is_refused_by_its_line(
    strategy: Path, capsys: Capture, old: str, new: str, line: int | None, told: str
) -> None:
    said = call(capsys, "check", changed(strategy, old, new)).error(2)
    assert said.startswith(f"{strategy}:{line}: " if line else f"{strategy}: "), said
    assert told in said
    assert len(said) < 400


BAD_POOLS = [
    ("0x88e6A0c2dDD26FEEb64F039a2c41296FcB3f5641", "bad checksum; if the digits are right, write 0x88E6"),
    ("0x88e6a0c2ddd26feeb64f039a2c41296fcb3f5640", "bad checksum"),
    ("0x88e6A0c2dDD26FEEb64F039a2c41296FcB3f56", "not an address"),
    ("0x" + "0" * 40, "the zero address is not a pool"),
]


@pytest.mark.parametrize(("pool", "told"), BAD_POOLS)
def test_a_mistyped_pool_is_refused(strategy: Path, capsys: Capture, pool: str, told: str) -> None:
    changed(strategy, "chain: devnet", "chain: ethereum")
    changed(strategy, MUSIC, MUSIC.replace("}", f', pool: "{pool}"}}'))
    said = call(capsys, "check", strategy).error(2)
    assert said.startswith(f"{strategy}:10: venues.music-coin.pool: {told}")


@pytest.mark.parametrize("content", [b"", b"- a\n- b\n", b"\xff\xfe\x00", b"a: [1, 2\n", b"&a [*a]\n", b"42"])
def test_a_file_that_is_no_strategy_is_refused(tmp_path: Path, capsys: Capture, content: bytes) -> None:
    file = tmp_path / "strategy.yaml"
    file.write_bytes(content)
    assert call(capsys, "check", file).error(2).startswith(str(file))


def test_a_strategy_file_that_is_not_there_says_how_to_make_one(tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "none.yaml"
    assert call(capsys, "check", file).error(2) == f"{file}: no such file; `patron init {file}` writes one"
    assert call(capsys, "check", tmp_path).error(2).startswith(f"{tmp_path}: cannot be read")


BAD_CODE = [
    ("def targets(:\n", "line 1: "),
    ("import no_such_module\n", "no_such_module"),
    ("PARAMS = {}\n", "defines no targets(panel, scores, params)"),
    ("PARAMS = None\ndef targets(panel, scores, params): return None\n", "PARAMS"),
    ("\0", ""),
]


@pytest.mark.parametrize(("code", "told"), BAD_CODE)
def test_a_strategy_of_ones_own_that_does_not_load_is_refused(
    strategy: Path, capsys: Capture, code: str, told: str
) -> None:
    (strategy.parent / "mine.py").write_text(code, encoding="utf-8")
    changed(strategy, "name: reversal", "name: mine.py")
    changed(strategy, "params: {bars: 2}", "params: {}")
    said = call(capsys, "check", strategy).error(2)
    assert said.startswith(f"{strategy}: strategy: ")
    assert told in said


WRONG_TARGETS = [
    ("return np.full((len(panel), len(panel.venues)), np.nan)", "row"),
    ("return np.ones((len(panel), len(panel.venues)))", "row"),
    ("return np.zeros((1, 1))", "shape"),
    ("return -np.ones((len(panel), len(panel.venues)))", "row"),
    ("return None", ""),
]


@pytest.mark.parametrize(("body", "told"), WRONG_TARGETS)
def test_a_strategy_that_wants_nonsense_moves_nothing(
    strategy: Path, capsys: Capture, tmp_path: Path, body: str, told: str
) -> None:
    code = f"import numpy as np\n\n\ndef targets(panel, scores, params):\n    {body}\n"
    (strategy.parent / "mine.py").write_text(code, encoding="utf-8")
    changed(strategy, "name: reversal", "name: mine.py")
    changed(strategy, "params: {bars: 2}", "params: {}")
    folder = tmp_path / "run"
    ended = call(capsys, "run", strategy, "--mode", "paper", "--synthetic", 7, "--cycles", 1, "--data-dir", folder)
    assert told in ended.error(3)
    assert Ledger(folder / "ledger.sqlite").rows("SELECT * FROM intents") == []


def test_a_strategy_file_that_cannot_be_read_is_refused(strategy: Path, tmp_path: Path) -> None:
    code = strategy.parent / "mine.py"
    code.write_text("def targets(panel, scores, params): return None\n", encoding="utf-8")
    code.chmod(0)
    changed(strategy, "name: reversal", "name: mine.py")
    assert "mine.py" in one_line(patron("check", strategy, cwd=tmp_path, before=obey_permissions), 2)


def test_live_is_refused(strategy: Path, capsys: Capture, tmp_path: Path) -> None:
    said = call(capsys, "run", strategy, "--mode", "live", "--data-dir", tmp_path / "run").error(9)
    assert "mode: live needs a valid certificate" in said
    assert not (tmp_path / "run").exists()


BAD_OPTIONS = [
    (("--synthetic", 7, "--from", "2024-07-01", "--to", "2024-06-01"), 2, "--from and --to contradict"),
    (("--synthetic", 7, "--from", "yesterday"), 2, "--from"),
    (("--synthetic", 7, "--from", "2031-01-01"), 2, ""),
    (("--synthetic", 7, "--from", "2031-01-01", "--to", "2031-02-01"), 3, "no 1d bars from 2031-01-01"),
    (("--synthetic", "seven"), 2, "--synthetic"),
    (("--synthetic", 7, "--strength", "nan"), 2, "--strength"),
    (("--synthetic", 7, "--strength", 11), 2, "--strength"),
    (("--synthetic", 7, "--cycles", 0), 2, "--cycles"),
    (("--synthetic", 7, "--replay", "."), 2, "recorded data and --synthetic contradict"),
    (("--synthetic", 7, "--mode", "fast"), 2, "mode"),
    (("--nonsense",), 2, "--nonsense"),
]


@pytest.mark.parametrize(("options", "code", "told"), BAD_OPTIONS)
def test_a_wrong_option_is_refused(
    strategy: Path, capsys: Capture, tmp_path: Path, options: tuple[object, ...], code: int, told: str
) -> None:
    folder = tmp_path / "run"
    said = call(capsys, "run", strategy, "--mode", "paper", "--data-dir", folder, *options).error(code)
    assert told in said
    assert not folder.exists()


def test_an_override_from_the_environment_is_checked_like_the_file(
    strategy: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATRON__LIMITS__SLIPPAGE", "30")
    assert "limits.slippage: a unit is missing" in call(capsys, "check", strategy).error(2)
    monkeypatch.setenv("PATRON__LIMITS__SLIPPAGE", "[")
    assert "PATRON__LIMITS__SLIPPAGE" in call(capsys, "check", strategy).error(2)


# --- data -------------------------------------------------------------------------------------------------------------


def bars(price: Callable[[int], str], days: int = 60) -> str:
    rows = [f"2024-{1 + day // 28:02d}-{1 + day % 28:02d},{{asset}},{price(day)},1000000" for day in range(days)]
    return "\n".join([HEADER, *(row.format(asset=a) for a in ("MUSIC", "VIDEO", "MODEL") for row in rows)]) + "\n"


def imported(capsys: Capture, tmp_path: Path, text: str) -> Path:
    source = tmp_path / "source"
    source.mkdir()
    (source / "prices.csv").write_text(text, encoding="utf-8")
    (tmp_path / "map.yaml").write_text(MAP, encoding="utf-8")
    ended = call(capsys, "data", "import", source, tmp_path / "data", "--map", tmp_path / "map.yaml")
    assert ended.code == 0, ended.err
    return tmp_path / "data"


@pytest.mark.parametrize("bad", ["inf", "-inf", "-1", "0", "1e308"])
def test_a_price_that_is_none_stops_a_run_before_it_starts(
    strategy: Path, capsys: Capture, tmp_path: Path, bad: str
) -> None:
    data = imported(capsys, tmp_path, bars(lambda day: bad if day == 40 else f"{4 + day % 3}"))
    folder = tmp_path / "run"
    said = call(capsys, "run", strategy, "--mode", "paper", "--replay", data, "--data-dir", folder).error(3)
    assert "MODEL: price " in said
    assert "2024-02-13" in said
    assert not folder.exists()
    assert call(capsys, "data", "check", data).code == 3


@pytest.mark.parametrize("bad", ["nan", "cheap"])
def test_a_price_that_is_not_a_number_is_not_imported(capsys: Capture, tmp_path: Path, bad: str) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "prices.csv").write_text(bars(lambda day: bad if day == 40 else "4"), encoding="utf-8")
    (tmp_path / "map.yaml").write_text(MAP, encoding="utf-8")
    said = call(capsys, "data", "import", source, tmp_path / "data", "--map", tmp_path / "map.yaml").error(3)
    assert "prices.csv" in said
    assert not (tmp_path / "data").exists()


def test_good_data_of_ones_own_runs(strategy: Path, capsys: Capture, tmp_path: Path) -> None:
    data = imported(capsys, tmp_path, bars(lambda day: f"{4 + day % 3}"))
    folder = tmp_path / "run"
    ended = call(capsys, "run", strategy, "--mode", "paper", "--replay", data, "--cycles", 3, "--data-dir", folder)
    assert ended.code == 0, ended.err
    assert len(Ledger(folder / "ledger.sqlite").reports()) == 3


def without_manifest(data: Path) -> None:
    (data / "catalogue.yaml").unlink()


def emptied(data: Path) -> None:
    for file in data.rglob("*.parquet"):
        file.write_bytes(b"")


def cut(data: Path) -> None:
    for file in data.rglob("*.parquet"):
        file.write_bytes(file.read_bytes()[:-40])


def removed(data: Path) -> None:
    for file in data.rglob("*.parquet"):
        file.unlink()


def flipped(data: Path) -> None:
    for file in data.rglob("*.parquet"):
        raw = bytearray(file.read_bytes())
        raw[len(raw) // 3] ^= 0xFF
        file.write_bytes(raw)


def garbled_manifest(data: Path) -> None:
    (data / "catalogue.yaml").write_text("{", encoding="utf-8")


@pytest.mark.parametrize("damage", [without_manifest, emptied, cut, removed, flipped, garbled_manifest])
def test_damaged_data_is_refused(
    strategy: Path, capsys: Capture, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    data = imported(capsys, tmp_path, bars(lambda day: f"{4 + day % 3}"))
    damage(data)
    for verb in (("backtest", strategy, "--data", data), ("run", strategy, "--mode", "paper", "--replay", data)):
        assert str(data) in call(capsys, *verb).error(3)


def test_data_that_is_not_there_is_refused(strategy: Path, capsys: Capture, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for place in (empty, tmp_path / "nowhere", strategy):
        assert str(place) in call(capsys, "backtest", strategy, "--data", place).error(3)


def test_an_asset_that_the_data_lacks_is_named(strategy: Path, capsys: Capture, tmp_path: Path) -> None:
    data = imported(capsys, tmp_path, bars(lambda day: "4").replace("MODEL", "OTHER"))
    assert "MODEL" in call(capsys, "backtest", strategy, "--data", data).error(3)

"""The benchmark's parts but the clock: what a peer is asked, how it is run, who agrees, and what is written."""

from __future__ import annotations

import ast
import importlib.util
import os
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import backtests
from backtests import kernels
from backtests.benchmark.environment import peer_python
from backtests.benchmark.portfolio import PEER, SCRIPT, Row, compare, table
from backtests.benchmark.vectorbt import (
    TOLERANCE,
    Answer,
    ask,
    bare_market,
    difference,
    pool_prices,
    request_of,
    require_agreement,
)
from backtests.kernels.cycle import ACT
from backtests.kernels.plain import plain
from backtests.kernels.portfolio import Books, path_nb, portfolio_path
from bot.errors import PatronError

ROOT = Path(backtests.__file__).resolve().parents[1]
PYTHON = Path(sys.executable)

# A peer in a few lines: reaches given weights from shared cash, sells first, with the fee on the value of an order.
FAKE_PEER = """
import json, sys
import numpy as np
given = np.load(sys.argv[1])
close, size = given["close"], given["size"]
fees = np.broadcast_to(given["fees"], size.shape)
cash, units, nav, orders = float(given["capital"]), np.zeros(size.shape[1]), [], 0
for price, weight, fee in zip(close, size, fees):
    if not np.isnan(weight).any():
        values = units * price
        change = weight * (cash + values.sum()) - values
        for i in np.argsort(change):
            cash -= change[i] + abs(change[i]) * fee[i]
            units[i] += change[i] / price[i]
            orders += change[i] != 0.0
    nav.append(cash + float(units @ price))
runs = int(given["runs"])
answer = {"versions": "fake " + str(given["engine"]), "nav": nav, "orders": int(orders)}
answer |= {"simulate": [0.25] * runs, "equity": [0.5] * runs}
json.dump(answer, open(sys.argv[2], "w"))
"""


def script_of(folder: Path, code: str) -> Path:
    script = folder / "fake.py"
    script.write_text(code, encoding="utf-8")
    return script


def small_request() -> dict[str, Any]:
    return {"close": np.ones((2, 1)), "runs": 1}


def books_of(given: tuple[Any, ...]) -> Books:
    return portfolio_path(*given, walk=plain(path_nb))


def locks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("locks", ROOT / "requirements" / "locks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_peer_by_other_means_finds_the_kernels_equity_at_every_bar(tmp_path: Path) -> None:
    given = bare_market(4, 300, 12)
    books = books_of(given)
    request = request_of(given, books) | {"engine": "any", "runs": 0}
    answer = ask(PYTHON, script_of(tmp_path, FAKE_PEER), request, tmp_path)
    require_agreement(books, answer, "fake")
    assert answer.orders == 4 * 25
    assert difference(books, answer) < TOLERANCE


def test_fee_on_top_of_an_order_is_another_rule_and_does_not_pass(tmp_path: Path) -> None:
    given = bare_market(4, 300, 12)
    books = books_of(given)
    request = request_of(given, books, fee_on_top=True) | {"engine": "any", "runs": 0}
    answer = ask(PYTHON, script_of(tmp_path, FAKE_PEER), request, tmp_path)
    assert TOLERANCE < difference(books, answer) < 1e-3
    with pytest.raises(PatronError, match="fake's equity is off by up to"):
        require_agreement(books, answer, "fake")


def test_refuses_to_compare_when_trades_are_not_as_many_or_equity_is_no_number() -> None:
    given = bare_market(2, 30, 12)
    books = books_of(given)
    same = Answer("fake 1", books.nav - books.fees, int(books.legs.sum()), (), ())
    require_agreement(books, same, "fake")
    with pytest.raises(PatronError, match="fake made 7 trades, the kernel 6"):
        require_agreement(books, replace(same, orders=7), "fake")
    with pytest.raises(PatronError, match="off by up to nan"):
        require_agreement(books, replace(same, nav=np.full(30, np.nan)), "fake")


def test_pools_follow_the_market_as_the_kernels_pools_do() -> None:
    given = bare_market(3, 200, 24)
    fees, close = given[4].fee, given[1]
    np.testing.assert_allclose(pool_prices(close, fees[0]), books_of(given).prices, rtol=1e-8)
    assert np.abs(pool_prices(close, fees[0]) / close - 1.0).max() > 0.9 * fees[0]


def test_orders_are_asked_for_on_cycles_only_and_entries_are_net_of_the_fee() -> None:
    given = bare_market(3, 100, 24)
    books = books_of(given)
    request = request_of(given, books)
    asked = ~np.isnan(request["size"]).all(axis=1)
    np.testing.assert_array_equal(asked, given[2] == ACT)
    first = given[3][0, 1:]  # out of idle: all of them entries
    np.testing.assert_allclose(request["size"][0], first * (1 - 0.003), rtol=0, atol=1e-8)
    np.testing.assert_allclose(request["fees"][0], 0.003 / 0.997, rtol=1e-12)
    assert set(np.unique(request["fees"])) == {0.003, 0.003 / 0.997}


def test_each_round_asks_each_column_and_the_rows_hold_what_was_measured(tmp_path: Path) -> None:
    given = bare_market(2, 50, 24)
    portfolio_path(*given)
    versions, rows = compare(PYTHON, script_of(tmp_path, FAKE_PEER), tmp_path, given, 2)
    assert versions == "fake rust"
    assert [row.name for row in rows[:4]] == [row.name for row in rows[4:]]
    whole, orders = rows[1], rows[5]
    assert whole.rounds == ((0.75,) * 9,) * 2
    assert orders.rounds == ((0.25,) * 9,) * 2
    assert (whole.base, orders.base) == (rows[0].rounds, rows[4].rounds)
    assert [row.difference is None for row in rows] == [True, False, False, False, True, True, True, True]
    assert rows[1].difference == rows[2].difference != rows[3].difference


def test_table_writes_medians_spreads_and_the_ratio_within_rounds() -> None:
    ours = ((0.001, 0.002, 0.003), (0.010, 0.010, 0.010))  # the machine was busy in the second round
    theirs = ((0.008, 0.008, 0.020), (0.030, 0.020, 0.020))
    written = table([Row("us", "here", ours, ours), Row("them", "there", theirs, ours, 1.5e-7)], 1_000)
    us, them = written.splitlines()[2:]
    assert us == "| us | here | 6.5 ms | 1.0–10.0 ms | 153,846 |  |  |"
    assert them == "| them | there | 20.0 ms | 8.0–30.0 ms | 50,000 | **3.0** (2.0–4.0) | 1.5e-07 |"
    assert {line.count("|") for line in written.splitlines()} == {8}


def test_says_in_one_line_what_the_peer_died_of(tmp_path: Path) -> None:
    script = script_of(tmp_path, "raise SystemExit('first\\nno such engine')")
    with pytest.raises(PatronError, match=r"^fake\.py: exit code 1: no such engine$"):
        ask(PYTHON, script, small_request(), tmp_path)


def test_says_when_the_peers_interpreter_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PatronError, match=r"^fake\.py: No such file or directory$"):
        ask(tmp_path / "python", script_of(tmp_path, ""), small_request(), tmp_path)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "{",
        "[]",
        '{"versions": "1"}',
        '{"versions": "1", "nav": [1, "x"], "orders": 1, "simulate": [1], "equity": [1]}',
        '{"versions": "1", "nav": [1], "orders": 1, "simulate": [1], "equity": [1]}',
        '{"versions": "1", "nav": [1, 1], "orders": 1, "simulate": [1, 2], "equity": [1]}',
    ],
)
def test_refuses_an_answer_that_is_none(tmp_path: Path, answer: str) -> None:
    script = script_of(tmp_path, f"import sys; open(sys.argv[2], 'w').write({answer!r})")
    with pytest.raises(PatronError, match=r"^fake\.py: unusable answer: [^\n]+$"):
        ask(PYTHON, script, small_request(), tmp_path)


def test_peer_sees_neither_our_modules_nor_our_compiled_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    assert os.environ["NUMBA_CACHE_DIR"] == str(kernels.CACHE)
    code = """
import json, os, sys
seen = {k: v for k, v in os.environ.items() if k.startswith("NUMBA_")}
answer = {"versions": json.dumps([seen, sys.path]), "nav": [1, 1], "orders": 0, "simulate": [1], "equity": [1]}
json.dump(answer, open(sys.argv[2], "w"))
"""
    answer = ask(PYTHON, script_of(tmp_path, code), small_request(), tmp_path / "compiled")
    assert f'{{"NUMBA_CACHE_DIR": "{tmp_path / "compiled"}"}}' in answer.versions
    assert f'"{ROOT}"' not in answer.versions


def test_environment_is_made_from_its_lock_once_and_anew_when_the_lock_changes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(PatronError, match=r"^requirements/peer-none-py3\d+\.txt is missing"):
        peer_python("none", tmp_path)
    lock = tmp_path / "requirements" / f"peer-none-py3{sys.version_info.minor}.txt"
    lock.parent.mkdir()
    lock.write_text("no lock at all\n")
    with pytest.raises(PatronError, match="exit code 1: "):
        peer_python("none", tmp_path)
    lock.write_text("# needs nothing\n")
    python = peer_python("none", tmp_path)
    assert python.is_file()
    assert tmp_path in python.parents
    left = python.parents[1] / "left"
    left.write_text("")
    capsys.readouterr()
    assert peer_python("none", tmp_path) == python
    assert left.exists()
    assert capsys.readouterr().err == ""
    lock.write_text("# still nothing\n")
    peer_python("none", tmp_path)
    assert not left.exists()


def test_every_source_has_a_lock_for_each_of_its_pythons_and_none_names_a_host() -> None:
    module, folder = locks(), ROOT / "requirements"
    assert set(module.PURPOSES) == {source.stem for source in folder.glob("*.in")}
    files = {module.lock_file(purpose, python) for purpose, pythons in module.PURPOSES.items() for python in pythons}
    assert files == set(folder.glob("*.txt"))
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert "--hash=sha256:" in text
        assert not module.names_host(text), file.name


@pytest.mark.parametrize(
    "line", ["--index-url x", "--extra-index-url x", "--find-links x", "a @ https://x/a.whl", "# from http://x"]
)
def test_host_in_a_lock_is_found(line: str) -> None:
    module = locks()
    assert module.names_host(f"a==1 \\\n    --hash=sha256:00\n{line}\n")


def test_nothing_of_ours_imports_a_peer() -> None:
    assert not (SCRIPT.parent / "__init__.py").exists()
    found = 0
    for package in ("bot", "strategies", "backtests"):
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom):
                    names = [node.module or "", *(f"{node.module}.{each.name}" for each in node.names)]
                found += len(names)
                assert not any(name.split(".")[0] == PEER or "peers" in name.split(".") for name in names), file
    assert found > 100

"""What a certificate was issued for: each digest changes with what it is of, and with nothing else."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from backtests.certify import inputs
from backtests.certify.inputs import INPUTS, engine_files, inputs_of
from bot.config import Config, load_config
from bot.errors import ConfigError

ROOT = Path(__file__).resolve().parents[3]
MAKE_NO_RESULT = {
    *("bot/errors.py", "bot/ports.py", "bot/yaml_file.py", "backtests/lookahead/commands.py"),
    *("backtests/sweep/plan.py", "backtests/sweep/space.py"),
}
MINE = "def targets(panel, scores, params):\n    return panel.close\n"


def read(folder: Path, change: tuple[str, str] = ("", ""), base: str = "synthetic_market") -> tuple[Config, Path]:
    path = folder / "strategy.yaml"
    text = (ROOT / "strategies" / f"{base}.yaml").read_text(encoding="utf-8")
    assert change[0] in text
    path.write_text(text.replace(*change) if change[0] else text, encoding="utf-8")
    return load_config(path, {}), path


def changed(folder: Path, change: tuple[str, str]) -> set[str]:
    before, after = inputs_of(*read(folder), "data"), inputs_of(*read(folder, change), "data")
    return {name for name in INPUTS if before[name] != after[name]}


def test_there_is_a_digest_of_everything_and_the_same_twice(tmp_path: Path) -> None:
    found = inputs_of(*read(tmp_path), "snapshot")
    assert tuple(found) == INPUTS
    assert found == inputs_of(*read(tmp_path), "snapshot")
    assert found["data"] == "snapshot"
    assert all(found.values())


def test_the_mode_may_change_under_a_certificate_and_capital_may_not(tmp_path: Path) -> None:
    assert changed(tmp_path, ("mode: fork", "mode: paper")) == set()
    assert changed(tmp_path, ("capital: 100000 USDC", "capital: 100001 USDC")) == {"config"}
    assert changed(tmp_path, ("fee: 5 bps", "fee: 1 bps")) == {"config"}


def test_a_changed_scorer_is_another_fitting(tmp_path: Path) -> None:
    assert changed(tmp_path, ("refit: 14d", "refit: 28d")) == {"config", "fitting"}


def test_another_strategy_is_other_code_and_one_without_a_model_has_no_fitting(tmp_path: Path) -> None:
    found = inputs_of(*read(tmp_path, base="equal_weight"), "data")
    assert found["fitting"] == ""
    assert found["strategy"] != inputs_of(*read(tmp_path), "data")["strategy"]


def test_ones_own_code_is_read_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")
    change = ("name: equal_weight", "name: mine.py")
    before = inputs_of(*read(tmp_path, change, "equal_weight"), "data")
    (tmp_path / "mine.py").write_text(MINE + "# one word more\n", encoding="utf-8")
    after = inputs_of(*read(tmp_path, change, "equal_weight"), "data")
    assert {name for name in INPUTS if before[name] != after[name]} == {"strategy"}
    (tmp_path / "mine.py").unlink()
    with pytest.raises(ConfigError, match=r"mine\.py"):
        inputs_of(*read(tmp_path, change, "equal_weight"), "data")


def test_the_engine_is_every_source_that_makes_results_and_none_that_shows_them(tmp_path: Path) -> None:
    names = {file.relative_to(ROOT).as_posix() for file in engine_files()}
    assert {
        *("bot/core/policy.py", "bot/core/amm/concentrated.py", "bot/signals/catalogue.py", "bot/cycle.py"),
        *("backtests/fast.py", "backtests/stress.py", "backtests/kernels/portfolio.py", "backtests/overfitting.py"),
        *("backtests/walkforward/folds.py", "backtests/lookahead/detectors.py", "backtests/certify/gates/edge.py"),
    } <= names
    assert not {name for name in names if name.endswith(("backtests/report.py", "page.py", "cli.py", "commands.py"))}


def test_nothing_that_the_procedure_imports_is_missing_from_the_digests() -> None:
    digested = {*engine_files(), *(ROOT / "bot" / "scoring").glob("*.py")}
    waiting, seen = [ROOT / "backtests" / "certify" / "procedure.py"], set[Path]()
    while waiting:
        file = waiting.pop()
        if file not in seen:
            seen.add(file)
            waiting += imported(file)
    missing = {file.relative_to(ROOT).as_posix() for file in seen - digested if file.name != "__init__.py"}
    assert len(seen) > 60
    assert missing <= MAKE_NO_RESULT, "name it in backtests/certify/inputs.py, or here if no result depends on it"


def imported(file: Path) -> list[Path]:
    """Our own modules that a source imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    places = [ROOT / f"{name.replace('.', '/')}.py" for name in names if name.startswith(("bot.", "backtests."))]
    return [place for place in places if place.is_file()]


def test_a_changed_source_changes_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, path = read(tmp_path)
    before = inputs_of(config, path, "data")
    other = tmp_path / "fast.py"
    other.write_text("changed = True\n", encoding="utf-8")
    files = tuple(other if file.name == "fast.py" else file for file in engine_files())
    monkeypatch.setattr(inputs, "engine_files", lambda: files)
    assert inputs_of(config, path, "data")["engine"] != before["engine"]

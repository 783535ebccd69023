"""What a certificate was issued for: each digest changes with what it is of, and with nothing else."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import pytest

from backtests.certify import inputs
from backtests.certify.inputs import INPUTS, engine_files, inputs_of
from bot.config import Config, load_config
from bot.errors import ConfigError
from bot.settings import is_benchmark
from bot.strategy_code import strategy_codes, strategy_digest

ROOT = Path(__file__).resolve().parents[3]
MAKE_NO_RESULT = {
    *(
        "bot/again.py",
        "bot/errors.py",
        "bot/ports.py",
        "bot/whole_file.py",
        "bot/yaml_file.py",
        "backtests/lookahead/commands.py",
    ),
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


def test_the_order_of_venues_is_certified_for_it_is_that_of_a_strategys_columns(tmp_path: Path) -> None:
    config, path = read(tmp_path)
    turned = config.model_copy(update={"venues": dict(reversed(config.venues.items()))})
    before, after = inputs_of(config, path, "data"), inputs_of(turned, path, "data")
    assert {name for name in INPUTS if before[name] != after[name]} == {"config"}


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


def test_what_ones_own_code_imports_beside_it_is_its_code_too(tmp_path: Path) -> None:
    package = tmp_path / "tools"
    package.mkdir()
    files = {
        tmp_path / "mine.py": "import json\nimport numpy as np\nimport helper\n" + MINE,
        tmp_path / "helper.py": "def later():\n    from tools import sums\n    import mine\n",
        package / "__init__.py": "",
        package / "sums.py": "from . import parts\n",
        package / "parts.py": "PART = 1\n",
    }
    for file, text in {**files, tmp_path / "stranger.py": "X = 1\n"}.items():
        file.write_text(text, encoding="utf-8")
    given = read(tmp_path, ("name: equal_weight", "name: mine.py"), "equal_weight")
    before = strategy_digest(*given)
    for file, text in files.items():
        file.write_text(text + "# one word more\n", encoding="utf-8")
        assert strategy_digest(*given) != before, file
        file.write_text(text, encoding="utf-8")
    (tmp_path / "stranger.py").write_text("X = 2\n", encoding="utf-8")
    assert strategy_digest(*given) == before


def test_a_renamed_copy_has_the_same_code_and_other_words_have_not(tmp_path: Path) -> None:
    for name, text in {"mine.py": MINE, "copy.py": MINE, "other.py": MINE + "# one word more\n"}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    mine, copy, other = strategy_codes(("mine.py", "copy.py", "other.py"), tmp_path / "mine.yaml")
    assert mine == copy != other
    with pytest.raises(ConfigError, match=r"gone\.py: cannot be read"):
        strategy_codes(("gone.py",), tmp_path / "mine.yaml")


def test_only_the_shipped_strategy_alone_is_the_benchmark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "equal_weight.py").write_text(MINE, encoding="utf-8")
    own = ("name: equal_weight", "name: equal_weight.py")
    sleeves = ("name: equal_weight", "sleeves: {half: {share: 50 %, name: equal_weight}}")
    assert is_benchmark(read(tmp_path, base="equal_weight")[0])
    assert not is_benchmark(read(tmp_path, own, "equal_weight")[0])
    assert not is_benchmark(read(tmp_path, sleeves, "equal_weight")[0])
    assert not is_benchmark(read(tmp_path)[0])
    found = importlib.util.spec_from_file_location("strategies.equal_weight", tmp_path / "equal_weight.py")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: found)
    assert not is_benchmark(read(tmp_path, base="equal_weight")[0]), "another package of that name is found first"


def test_the_engine_is_every_source_that_makes_results_and_none_that_shows_them(tmp_path: Path) -> None:
    names = {file.relative_to(ROOT).as_posix() for file in engine_files()}
    assert {
        *("bot/core/policy.py", "bot/core/amm/concentrated.py", "bot/signals/catalogue.py", "bot/cycle.py"),
        *("backtests/fast.py", "backtests/stress.py", "backtests/kernels/portfolio.py", "backtests/overfitting.py"),
        *("backtests/walkforward/folds.py", "backtests/lookahead/detectors.py", "backtests/certify/gates/edge.py"),
    } <= names
    assert all(file.is_file() for file in engine_files()), "a name in backtests/certify/inputs.py that is no source"
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

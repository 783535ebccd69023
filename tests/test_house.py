"""Rules of the house that no type checker sees."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from bot.config import load_config
from bot.schema import reference_markdown, schema_json

ROOT = Path(__file__).resolve().parents[1]
STRATEGIES = sorted(set((ROOT / "strategies").glob("*.yaml")) - {ROOT / "strategies/sources.yaml"})
HEAVY = ("numpy", "pandas", "web3", "sklearn", "numba", "sqlalchemy", "scipy", "pyarrow", "eth_account", "aiohttp")


def tracked() -> list[Path]:
    """The project's own text files: what is committed, or would be."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    found = [ROOT / line for line in listed.stdout.splitlines()]
    return [path for path in found if path.is_file()] or [path for path in ROOT.glob("*/*.*") if path.is_file()]


def sources(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def test_imports_keep_to_the_architecture() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_the_core_needs_numpy_and_the_error_tree_alone_and_strategies_need_the_core() -> None:
    for folder, needed in (("bot/core", ("bot.core", "bot.errors")), ("strategies", ("bot.core",))):
        for path, tree in sources(folder):
            for node in ast.walk(tree):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom):
                    names = [f"{node.module}.{alias.name}" for alias in node.names]
                for name in names:
                    first = name.partition(".")[0]
                    known = first in sys.stdlib_module_names or first == "numpy" or name.startswith(needed)
                    assert known, f"{path.relative_to(ROOT)}:{node.lineno} imports {name}"


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom bot.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as end:\n    assert end.code == 0\n"
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]\nassert not loaded, loaded\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage: " in done.stdout


def test_the_schema_and_the_reference_are_fresh() -> None:
    assert (ROOT / "strategies" / "patron.schema.json").read_text(encoding="utf-8") == schema_json()
    assert (ROOT / "docs" / "strategy-file.md").read_text(encoding="utf-8") == reference_markdown()


@pytest.mark.parametrize("file", STRATEGIES, ids=lambda file: file.stem)
def test_a_shipped_strategy_file_obeys_the_schema_and_loads(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=patron.schema.json\n")
    jsonschema.validate(YAML(typ="safe").load(text), json.loads(schema_json()))
    load_config(file, {})


def test_strategies_are_shipped() -> None:
    assert len(STRATEGIES) >= 4


def test_compiled_functions_live_in_the_kernels_and_say_how_they_are_compiled() -> None:
    for path, tree in sources("bot", "strategies", "backtests"):
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                for decorator in node.decorator_list:
                    name = decorator.func if isinstance(decorator, ast.Call) else decorator
                    if ast.unparse(name).rpartition(".")[2] in ("njit", "jit", "vectorize", "guvectorize"):
                        assert isinstance(decorator, ast.Call), f"{path}:{node.lineno}: a bare {ast.unparse(name)}"
                        assert "kernels" in path.parts, f"{path}:{node.lineno}"


def test_no_handler_catches_everything() -> None:
    for path, tree in sources("bot", "strategies", "backtests", "tests"):
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler):
                caught = ast.unparse(node.type) if node.type else ""
                whole = caught in ("", "Exception")
                lets_go = any(
                    isinstance(inner, ast.Raise) and (inner.exc is None or inner.cause) for inner in ast.walk(node)
                )
                assert not whole or lets_go, f"{path}:{node.lineno}: except {caught}"


def test_web_sql_and_models_stay_in_their_shells() -> None:
    homes = {
        "web3": "bot/chain",
        "sqlalchemy": "bot/ledger",
        "sklearn": "bot/scoring",
        "ccxt": "bot/signals/sources/exchange.py",
        "duckdb": "bot/signals/store",
    }
    for path, tree in sources("bot", "strategies", "backtests"):
        place = path.relative_to(ROOT).as_posix()
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                home = homes.get(name.partition(".")[0])
                assert home is None or place.startswith(home), f"{place}:{node.lineno} imports {name}"


def test_no_file_names_a_registry_or_a_place_on_somebodys_machine() -> None:
    hosts = re.compile(
        r"https?://[^\s\"'<>)]*\b(pypi\.org|pythonhosted\.org|npmjs\.(org|com)|yarnpkg\.com|proxy\.golang\.org|crates\.io)"
        r"|(?<![\w.])/(home|Users|root|work)/\w"
    )
    mine = Path(__file__).resolve()
    for path in tracked():
        if path.resolve() == mine or path.suffix in (".png", ".sqlite", ".parquet"):
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        found = hosts.search(text)
        line = text.count("\n", 0, found.start()) + 1 if found else 0
        assert found is None, f"{path.relative_to(ROOT)}:{line}: {found[0]}"

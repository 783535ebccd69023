"""What the README and the docs tell a new user to do must work."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.recordings import ROOT

PAGES = [ROOT / "README.md", ROOT / "bot" / "ARCHITECTURE.md", *sorted((ROOT / "docs").glob("*.md"))]
PATRON = [sys.executable, "-m", "bot"]


def _verbs() -> list[tuple[str, ...]]:
    """Every `patron VERB [VERB]` that a page writes in a code block, with the options it uses."""
    found = set()
    for page in PAGES:
        for block in re.findall(r"```\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.S):
            for line in block.splitlines():
                call = re.match(r"\s*(?:\.venv/bin/)?patron ((?:data |ledger |devnet |lp |models )?[a-z]+)", line)
                if call:
                    found.add((*call[1].split(), *re.findall(r"--[a-z-]+", line.split("#")[0])))
    return sorted(found)


def test_the_pages_name_verbs_at_all() -> None:
    assert len(_verbs()) >= 10


@pytest.mark.parametrize("call", _verbs(), ids=" ".join)
def test_every_verb_and_option_in_the_pages_exists(call: tuple[str, ...]) -> None:
    words = [word for word in call if not word.startswith("--")]
    shown = subprocess.run(
        [*PATRON, *words, "--help"], capture_output=True, text=True, check=False, env={"COLUMNS": "200", "PATH": ""}
    )
    assert shown.returncode == 0, shown.stderr
    for option in call[len(words) :]:
        assert option in shown.stdout, f"patron {' '.join(words)} has no {option}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_in_a_page_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert "://" in target or (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_notebook_example_runs_as_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    file = ROOT / "docs" / "examples" / "frames.py"
    spec = importlib.util.spec_from_file_location("frames", file)
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    result = example.main()
    assert "Sharpe" in capsys.readouterr().out
    assert set(result.equity.columns) == {"reversal", "equal weight", "buy and hold"}
    assert (result.weights.sum(axis=1) - 1.0).abs().max() < 1e-9
    assert len(result.trades) > 10


def test_every_guarantee_names_code_and_tests_that_exist() -> None:
    text = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
    solidity = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "contracts" / "test").rglob("*.sol"))
    named = re.findall(r"`([^`\s]+)`", text)
    assert len(named) > 40
    for name in named:
        if name.startswith(("invariant_", "test_attack_")):
            assert f"function {name}(" in solidity, name
        else:
            assert (ROOT / name).is_file() or (ROOT / "contracts" / "src" / name).is_file(), name

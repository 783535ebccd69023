"""`patron lookahead` from a strategy file: what it prints, and the exit code it asks for."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from backtests.lookahead.commands import lookahead
from bot.errors import ConfigError
from bot.loading import Options

STRATEGIES = Path(__file__).resolve().parents[3] / "strategies"
CHEAT = '''
import numpy as np

def targets(panel, scores, params):
    """Buys what will have risen by tomorrow."""
    ahead = np.vstack([panel.close[1:], panel.close[-1:]])
    rises = (ahead > panel.close) & panel.listed
    rises[:, 0] = ~rises[:, 1:].any(axis=1)
    return rises / rises.sum(axis=1, keepdims=True)
'''


def shown(options: Options, rung: str = "fast", as_json: bool = False, **more: float) -> tuple[int, str]:
    console = Console(file=io.StringIO(), width=200)
    code = lookahead(options, rung, as_json, console, **more)  # type: ignore[arg-type]
    assert isinstance(console.file, io.StringIO)
    return code, console.file.getvalue()


def cheating(folder: Path) -> Options:
    text = (STRATEGIES / "reversal.yaml").read_text(encoding="utf-8")
    text = text.replace("name: reversal\n  params:\n    bars: 7", "name: cheat.py")
    (folder / "cheat.yaml").write_text(text, encoding="utf-8")
    (folder / "cheat.py").write_text(CHEAT, encoding="utf-8")
    return Options(config=folder / "cheat.yaml", synthetic=1)


@pytest.mark.parametrize("name", ["equal_weight", "reversal", "trend_tilt"])
def test_a_shipped_strategy_is_clean_and_the_exit_code_zero(name: str) -> None:
    options = Options(config=STRATEGIES / f"{name}.yaml", synthetic=1)
    code, text = shown(options, as_json=True, cuts=1)
    told = json.loads(text)
    assert code == 0
    assert told["clean"]
    assert told["complete"]
    assert told["findings"] == []
    assert told["strategy"] == name
    assert told["passes"] == len(told["futures"]) == 8


def test_a_cheating_strategy_file_is_named_with_its_row_and_the_exit_code_is_nine(tmp_path: Path) -> None:
    code, text = shown(cheating(tmp_path), as_json=True)
    assert code == 9
    (found,) = json.loads(text)["findings"]
    assert (found["stage"], found["name"]) == ("targets", "targets of cheat")
    assert {"truncation", "tampering"} <= {found["detector"], *found["also"]}
    assert found["row"] in json.loads(text)["past_ends_at"], "the last row of the past is the one that looked ahead"
    assert found["rows"] == 1


def test_the_table_names_the_leak_and_what_to_do_next(tmp_path: Path) -> None:
    code, text = shown(cheating(tmp_path))
    assert code == 9
    assert "targets of cheat" in text
    assert "it changes when" in text
    assert text.rstrip().endswith("1 leak found; mend the first stage named, then try next: the same command")


def test_a_clean_run_names_the_next_command_and_a_spent_budget_is_told() -> None:
    beyond = 2_000_000_000  # 2033: the market ends long before
    options = Options(config=STRATEGIES / "equal_weight.yaml", synthetic=1, first=0, last=beyond)
    code, text = shown(options, cuts=2, budget_seconds=0.0)
    assert code == 0
    assert "2024-01-01 to 2025-02-03: 1 other future, after" in text
    assert "the budget was enough for 1 of 16" in text
    assert "no leak found so far: " in text
    assert "try next: patron backtest" in text
    assert "--synthetic 1 --from 1970-01-01 --to 2033-05-18T03:33:20" in text


def test_the_replay_rung_can_be_audited() -> None:
    code, text = shown(Options(config=STRATEGIES / "reversal.yaml", synthetic=1), rung="replay", cuts=1)
    assert code == 0
    assert "reversal on the replay rung" in text


@pytest.mark.parametrize(
    ("options", "rung", "said"),
    [
        (Options(config=STRATEGIES / "reversal.yaml", synthetic=1), "fork", "--rung: expected fast or replay"),
        (Options(config=STRATEGIES / "reversal.yaml"), "fast", "lookahead needs data"),
    ],
)
def test_what_cannot_be_audited_is_one_line(options: Options, rung: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        shown(options, rung=rung)

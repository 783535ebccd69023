"""What people and programs read of the books."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bot.core.postings import deposit, income
from bot.errors import ConfigError
from bot.ledger.journal import open_ledger
from bot.ledger.views import show_intents, show_positions, show_status
from tests.ledger.builders import MEDIA, MONEY, UNIVERSE, intent_of, lines_of, plan_of, receipt_of, report_of

View = Callable[..., None]


def _shown(view: View, folder: Path, as_json: bool = False) -> str:
    console = Console(file=io.StringIO(), width=200)
    view(folder, as_json, console)
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def _document(view: View, folder: Path) -> Any:
    return json.loads(_shown(view, folder, as_json=True))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A ledger with a deposit, a deployment, a revert, an open intent, and a report whose text tries to be markup."""

    async def fill() -> None:
        async with open_ledger(tmp_path) as journal:
            await journal.name_tokens([MONEY, MEDIA])
            await journal.post("opening", 0, deposit(UNIVERSE, 5_000_000))
            for number, ok in ((1, True), (2, False), (3, None)):
                plan = plan_of(number)
                intent = intent_of(plan, cycle=number)
                await journal.intent(intent, plan)
                if ok is not None:
                    receipt = receipt_of(intent, plan, ok)
                    await journal.outcome(intent, receipt, lines_of(receipt))
            await journal.report(replace(report_of(3, nav=10**30), sentence="bought [bold]media[/bold]"))

    asyncio.run(fill())
    return tmp_path


def test_positions_are_shown_in_whole_tokens_and_raw_units(folder: Path) -> None:
    found = {row["account"]: row for row in _document(show_positions, folder)["positions"]}
    assert found["idle"] == {
        "account": "idle",
        "token": MONEY.address,
        "raw": 4_000_000,
        "human": "4.00",
        "symbol": "USDC",
    }
    assert (found["venue:media"]["raw"], found["venue:media"]["symbol"]) == (3_000_000, "MEDIA")
    assert found["keeper"]["symbol"] == "ETH"
    assert "4.00" in _shown(show_positions, folder)


def test_a_venue_is_shown_with_value_cost_income_and_what_leaving_gained(folder: Path) -> None:
    async def more() -> None:
        async with open_ledger(folder) as journal:
            await journal.post("income of media at 0x7", 3, income(UNIVERSE, "media", 1_500_000))
            await journal.value(12, 1_700_000_000, {"media": 3_250_000})

    before = {row["account"]: row for row in _document(show_positions, folder)["positions"]}["venue:media"]
    assert before["cost"]["raw"] == 1_000_000
    assert (before["income"]["raw"], before["realised"]["raw"]) == (0, 0)
    assert "value" not in before
    assert _document(show_positions, folder)["valued"] is None
    asyncio.run(more())
    document = _document(show_positions, folder)
    assert document["valued"] == {"block": 12, "at": 1_700_000_000}
    found = {row["account"]: row for row in document["positions"]}["venue:media"]
    assert {what: found[what]["human"] for what in ("value", "cost", "income", "realised")} == {
        "value": "3.25",
        "cost": "1.00",
        "income": "1.50",
        "realised": "0.00",
    }
    shown = _shown(show_positions, folder)
    assert "3.25" in shown
    assert "values as of block 12, 2023-11-14 22:13:20" in shown


def test_status_tells_the_newest_cycle_and_the_open_intents(folder: Path) -> None:
    found = _document(show_status, folder)
    assert (found["last_cycle"]["cycle"], found["last_cycle"]["nav"]) == (3, 10**30)
    assert found["open_intents"] == 1
    shown = _shown(show_status, folder)
    assert "cycle 3" in shown
    assert "bought [bold]media[/bold]" in shown
    assert "1 intent(s) open" in shown


def test_intents_are_shown_newest_first_with_what_became_of_them(folder: Path) -> None:
    found = _document(show_intents, folder)["intents"]
    assert [intent["state"] for intent in found] == ["open", "reverted", "done"]
    assert found[0]["receipt"] is None
    assert found[1]["receipt"]["reason"] == "SlippageTooHigh()"
    assert found[2]["receipt"]["gas_cost"] == {"raw": 200_000 * 10**9, "human": "0.0002", "symbol": "ETH"}
    shown = _shown(show_intents, folder)
    assert "reverted: SlippageTooHigh()" in shown
    assert "+media" in shown


def test_an_empty_ledger_is_shown_as_empty(tmp_path: Path) -> None:
    async def make() -> None:
        async with open_ledger(tmp_path):
            pass

    asyncio.run(make())
    assert "no cycle yet" in _shown(show_status, tmp_path)
    assert "nothing is held" in _shown(show_positions, tmp_path)
    assert _document(show_intents, tmp_path) == {"intents": []}


@pytest.mark.parametrize("view", [show_status, show_positions, show_intents])
def test_without_a_ledger_one_line_names_the_command_to_try(tmp_path: Path, view: View) -> None:
    with pytest.raises(ConfigError, match="`patron run CONFIG` makes one") as caught:
        view(tmp_path)
    assert "\n" not in str(caught.value)

"""The tour: one venue of every kind, entered and left through the vault on a fork, with books equal to the chain."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.core.universe import ERC4626, HOLD, LP, NFT, REVENUE, ZORA
from bot.loading import Options, load
from tests.faults.inside import call
from tests.recordings import ROOT

pytestmark = pytest.mark.fork

TOUR = ROOT / "strategies" / "tour.yaml"
CYCLES = 12
IN_MONEY = ("value", "cost", "income", "realised")


def test_every_kind_is_entered_and_left_and_the_books_know_what_it_cost_and_brought(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    universe = load(Options(TOUR, mode="fork", synthetic=7)).universe
    assert {venue.kind for venue in universe.risky} == {HOLD, LP, ERC4626, ZORA, NFT, REVENUE}
    run = ("run", TOUR, "--synthetic", 7, "--cycles", CYCLES, "--uncertified", "--data-dir", tmp_path / "run")
    told = call(capsys, *run)
    assert told.code == 0, told.err
    assert f"{CYCLES} deployments, 0 refusals; ledger equal to the chain" in told.out
    assert "patron backtest" not in told.out, "no backtest makes these kinds"

    intents = json.loads(call(capsys, "ledger", "intents", "--json", "--data-dir", tmp_path / "run").out)["intents"]
    assert all(intent["receipt"]["ok"] for intent in intents)
    done = {(leg["venue"], leg["entry"]) for intent in intents for leg in intent["legs"]}
    assert done == {(venue.id, entry) for venue in universe.risky for entry in (True, False)}

    found = json.loads(call(capsys, "ledger", "positions", "--json", "--data-dir", tmp_path / "run").out)
    assert found["valued"]["block"] > 0
    lines = {line["account"].removeprefix("venue:"): line for line in found["positions"]}
    held = {venue.id: lines[venue.id]["raw"] for venue in universe.risky}
    money = {venue: {what: lines[venue][what]["raw"] for what in IN_MONEY} for venue in held}
    for venue, each in money.items():
        assert (held[venue] > 0) == (each["cost"] > 0) == (each["value"] > 0), venue
        assert each["realised"] != 0, f"{venue} was left, and yet nothing was gained or lost by it"
    assert any(held[venue] for venue in money), "nothing is held at the end, so no value is shown"
    assert money["song-revenue"]["income"] > 0
    assert {venue for venue, each in money.items() if each["income"]} == {"song-revenue"}

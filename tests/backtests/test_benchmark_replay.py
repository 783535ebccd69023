"""What is timed of the replay rung and of whole processes is what it says, on a market of two days."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backtests.benchmark import product, replay
from bot.config import load_config
from bot.errors import InvariantBroken


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "HISTORY", 30)
    monkeypatch.setattr(replay, "CYCLES", 48)
    monkeypatch.setattr(replay, "ROUNDS", 1)
    monkeypatch.setattr(replay, "VENUES", ("A00", "A01", "A02"))


@pytest.mark.usefixtures("small")
def test_the_swaps_alone_are_those_of_the_run(tmp_path: Path) -> None:
    loaded, settings = replay.prepared(tmp_path)
    run = replay.replayed(loaded, settings)
    count, swaps = replay.swaps_alone(loaded, settings, run)
    legs = sum(len(report.legs) for report in run.reports if report.postings)
    assert len(run.reports) == 48
    assert legs > 20
    assert count == legs + 6 * 3 * 48, "six noise trades for each pool and bar"
    assert swaps() == run.market.pools


@pytest.mark.usefixtures("small")
def test_nothing_is_timed_that_posts_differently_or_does_not_balance(tmp_path: Path) -> None:
    runs = [replay.replayed(*replay.prepared(tmp_path)) for _ in range(2)]
    replay.require_sound(runs)
    posted = runs[1].journal.postings
    posted[0] = replace(posted[0], amount=posted[0].amount + 1)
    with pytest.raises(InvariantBroken, match="posted differently"):
        replay.require_sound(runs)
    with pytest.raises(InvariantBroken, match="do not balance"):
        replay.require_sound(runs[1:])


@pytest.mark.usefixtures("small")
def test_the_section_says_how_many_cycles_and_against_what() -> None:
    text = replay.sections()["replay"]
    assert "48 cycles of which" in text
    assert "swaps and the arbitrage, on plain integers" in text


def test_the_strategy_files_that_are_timed_are_good_ones(tmp_path: Path) -> None:
    config = load_config(product.strategy_file(tmp_path, "reversal", "1d", params="{bars: 24}"), {})
    assert len(config.venues) == 50
    assert config.strategy.params == {"bars": 24.0}
    assert load_config(product.strategy_file(tmp_path, "trend_tilt", "1d"), {}).strategy.name == "trend_tilt"

"""A store that grows wakes the daemon, and every stage up to the transaction is seen once."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import ConfigError
from bot.latency.__main__ import BEGIN, END, measured, published
from bot.latency.stages import STAGES, Watch, table
from tests.recordings import ROOT


@pytest.mark.fork
async def test_each_arrival_in_a_store_comes_to_a_transaction_by_every_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ETH_RPC_URL", raising=False)
    found = await measured(tmp_path, 2)
    assert len(found) == 2
    for seconds in found:
        assert list(seconds) == list(STAGES)
        assert all(took > 0.0 for took in seconds.values())
    decisions = [path for path in (tmp_path / "run" / "decisions").glob("*.json") if path.stem != "anchor"]
    assert len(decisions) == 3, "the first cycle by the clock, and one for each arrival"


def test_an_arrival_that_came_to_no_transaction_has_no_seconds() -> None:
    watch = Watch()
    watch.start()
    for stage in list(STAGES)[:-1]:
        watch.over(stage)
    assert watch.seconds() is None
    watch.over("mined")
    assert list(watch.seconds() or ()) == list(STAGES)


def test_the_table_adds_up() -> None:
    lines = table([dict.fromkeys(STAGES, 0.1), dict.fromkeys(STAGES, 0.3)])
    assert len(lines) == len(STAGES) + 3
    assert lines[2].endswith("| 200 | 298 |")
    assert lines[-1].endswith("| 1,400 | 2,086 |")


def test_the_page_has_a_place_for_the_table() -> None:
    page = (ROOT / "docs" / "provenance.md").read_text(encoding="utf-8")
    again = published(page, 40, ["| new |"])
    before, _, rest = page.partition(BEGIN)
    assert again.startswith(before + BEGIN + "\n40 arrivals, ")
    assert again.endswith("| new |\n" + END + rest.partition(END)[2])
    with pytest.raises(ConfigError, match="no place for the table"):
        published("nothing", 1, [])

"""The section about scores, from small runs: its words follow from its numbers."""

from __future__ import annotations

from backtests.benchmark.scoring import Batch, Latency, batches, latencies, text


def test_small_runs_give_a_row_of_each() -> None:
    asked, summed = latencies(count=20, runs=2), batches(count=2_000, rounds=1)
    assert [each.what.partition(":")[0] for each in asked] == ["venues", "venues", "venues", "topics"]
    assert all(0.0 < each.fastest <= each.middle <= each.slowest for each in asked)
    assert [each.trees for each in summed] == [60, summed[1].trees]
    page = text(asked, summed)
    assert page.count("\n| venues: ") == 3
    assert "topics: growth" in page


def test_the_verdicts_follow_from_the_numbers() -> None:
    swift = Latency("venues: ridge", 500, 1.0, 4.9, 6.0), Batch("venues", 60, 1e5, 1_000_000.0, (10.0, 9.0, 11.0))
    slow = Latency("topics", 500, 1.0, 5.1, 6.0), Batch("venues", 60, 1e5, 999_999.0, (10.0, 9.0, 11.0))
    assert text([swift[0]], [swift[1]]).count("reached") == 2
    assert text([swift[0], slow[0]], [swift[1], slow[1]]).count("missed") == 2

"""The page: drawn from what was found, fresh, and on recorded data what it says is there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtests.returns.__main__ import PARAMS, corrected, generated, market
from backtests.returns.association import Finding
from backtests.returns.markets import OLDER, YAHOO, older, recent
from backtests.returns.page import REGIMES, Evidence, Market, page
from backtests.returns.power import Nothing, Power
from backtests.returns.walks import Walk, variants, walk
from bot.errors import DataError
from bot.scoring.explain import Agreement
from tests.recordings import recorded_data
from tests.scoring.test_honesty import synthetic_panel

ROOT = Path(__file__).resolve().parents[3]
COVERED = dict.fromkeys(REGIMES, 0.79)


def evidence(holm: float) -> Evidence:
    """Numbers made up for the page alone."""
    found = Finding("return_7d", 200, -0.05, -0.09, -0.01, 0.002, holm, holm)
    made = Market("Made up", "Nothing real.", 1_700_000_000, 1_710_000_000, 20, 34, (found,), ("signal:x:growth_7d",))
    nan = float("nan")
    zero = Walk("zero", 100, nan, nan, nan, COVERED, 0.2, 0.1, 0.4, 0.01, 0.0, ())
    ridge = Walk("ridge", 100, 0.05, -0.01, 0.1, COVERED | {"wild third": 0.92}, 0.2, 0.1, 0.4, 0.01, 0.1, ())
    return Evidence(
        (made,),
        (zero, ridge),
        (Agreement(1_700_000_000, 1_702_000_000, None, 0.5),),
        (("return_28d", 0.01),),
        (Nothing("return_7d", 200, 0.05, 0.04, 0.6, 0.07),),
        (Power(0.1, 35, 19, 0.71, 0.7, 200),),
        ((0.0, 0.03, 0.05, 0.01),),
        7,
        999,
    )


def test_the_verdict_is_what_survives_the_correction() -> None:
    assert "**no relation is claimed.**" in " ".join(page(evidence(holm=0.06)).split())
    said = page(evidence(holm=0.04))
    assert "no relation is claimed" not in said
    assert "- `return_7d` (Made up): -0.050 (-0.090 to -0.010)." in said


def test_failures_are_told_beside_successes() -> None:
    said = " ".join(page(evidence(holm=1.0)).split())
    assert "| zero | 100 | none: all alike |" in said
    assert "12 points off in its worst regime" not in said, "the least wrong of them is told"
    assert "zero, is 1 points off" in said
    assert "2023-11-14 | 2023-12-08 | cannot be told | +0.50" in said
    assert "Not asked, for want of tokens that differ: `signal:x:growth_7d`." in said


def test_every_table_of_the_page_in_the_docs_is_the_one_that_is_drawn() -> None:
    """The recorded figures cannot be made again everywhere; the page's shape can."""
    written = (ROOT / "docs" / "returns.md").read_text(encoding="utf-8").splitlines()
    drawn = page(evidence(holm=0.04)).splitlines()
    for heads in ("## ", "|---"):
        shape = {line for line in drawn if line.startswith(heads)} - {"## Made up"}
        assert shape <= set(written), shape - set(written)


def test_a_walk_counts_what_it_says() -> None:
    panel = synthetic_panel(1, 3.0, bars=300)
    found = {name: walk(name, panel, params, seed=1) for name, params in list(variants(PARAMS).items())[:3]}
    assert np.isnan(found["zero"].skill)
    assert found["zero"].deployed == 0.0
    assert found["ridge"].skill > found["past_return"].skill
    assert found["ridge"].deployed > 0.01
    assert set(found["ridge"].covered) == set(REGIMES)
    assert found["ridge"].days > 150
    assert found["ridge"].models[0].fit_time < found["ridge"].models[-1].fit_time


def test_a_market_without_relation_has_no_finding_and_one_with_it_has() -> None:
    nothing, something = (market(synthetic_panel(2, strength), "t", "a", shuffles=99) for strength in (0.0, 3.0))
    (nothing,) = corrected((nothing,))
    names = [found.name for found in nothing.findings]
    assert "signal:synthetic_stars:growth_7d" in names
    assert not [name for name in names if name.endswith(("rank", "demeaned"))]
    assert min(found.holm for found in nothing.findings) > 0.05
    assert {found.name: found for found in something.findings}["signal:synthetic_stars:acceleration"].p == 0.01
    assert (nothing.tokens, nothing.rows) == (8, 393 // 7)


def test_every_hypothesis_of_the_page_is_of_one_family() -> None:
    def one(p: float) -> Market:
        return replace(evidence(1.0).markets[0], findings=(Finding("x", 1, 0.0, 0.0, 0.0, p),) * 2)

    first, second = corrected((one(0.01), one(0.5)))
    assert [found.holm for found in first.findings] == [0.04, 0.04]
    assert [found.p for found in second.findings] == [0.5, 0.5]


def test_generated_markets_tell_a_relation_from_none_by_what_is_held() -> None:
    none, planted = generated(0.0, seeds=2), generated(3.0, seeds=2)
    assert none[2] < planted[1]


def test_old_prices_are_known_when_their_day_is_over_and_missing_days_stay_missing(tmp_path: Path) -> None:
    days = pd.date_range("2021-01-01", periods=30)
    rows = [(name, at, 2.0, 5.0) for name in OLDER[:7] for at in days if at != days[10]]
    rows += [("AR1", days[0], 1.0, 1.0), ("FET", days[10], 0.0, 1.0)]
    pd.DataFrame(rows, columns=["ticker", "Date", "Close", "Volume"]).to_parquet(tmp_path / YAHOO)
    panel = older(tmp_path)
    assert panel.times[0] == 1_609_459_200 + 86_400
    assert (np.diff(panel.times) == 86_400).all()
    assert np.isnan(panel.close[10, 1:]).all()
    assert panel.close.shape == (30, len(OLDER) + 1)
    with pytest.raises(DataError, match="yahoo"):
        older(tmp_path / "nowhere")


def test_recorded_markets_are_read_whole_and_say_what_was_measured_before() -> None:
    """Where the recordings are at hand; elsewhere a folder without them is refused, which is all that can be told."""
    folder = recorded_data()
    if folder is None:
        with pytest.raises(DataError):
            older(ROOT / "docs")
        return
    panel = recent(folder)
    found = {each.name: each for each in market(panel, "t", "a", shuffles=49).findings}
    assert found["signal:github_stars:growth_7d"].high < 0.3
    assert found["signal:github_stars:growth_7d"].p > 0.05
    assert found["return_7d"].mean == pytest.approx(-0.044, abs=0.002)
    old = market(older(folder), "t", "a", shuffles=49)
    assert {each.name: each for each in old.findings}["return_28d"].mean == pytest.approx(-0.05, abs=0.002)

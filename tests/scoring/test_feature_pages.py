"""The catalogue of features says what the code does, and is as fresh as it."""

from __future__ import annotations

from pathlib import Path

from bot.scoring.feature_pages import page
from bot.scoring.features import BASIC_FEATURES
from bot.scoring.market_features import FIELD_FEATURES, MARKET_FEATURES
from bot.scoring.trends.features import FEATURES

ROOT = Path(__file__).resolve().parent.parent.parent


def test_the_page_is_what_the_code_writes() -> None:
    written = (ROOT / "docs" / "features.md").read_text(encoding="utf-8")
    assert written == page(), "run `python -m bot.scoring.feature_pages docs/features.md`"


def test_every_feature_has_a_line_of_its_own_with_all_that_is_said_of_it() -> None:
    lines = page().splitlines()
    for feature in (*FEATURES, *BASIC_FEATURES, *MARKET_FEATURES, *FIELD_FEATURES):
        (row,) = [line for line in lines if line.startswith(f"| `{feature.name}` |")]
        assert row.count("|") - row.count("\\|") == 6, row
        assert f"| {feature.lookback_days} d |" in row
        assert feature.formula
        assert feature.unit
        assert feature.why

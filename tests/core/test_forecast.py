from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

from bot.core.forecast import forecasts_of
from bot.core.plan import make_plan
from bot.core.score import Scores, no_scores
from tests.backtests.markets import panel_of, walk
from tests.builders import LIMITS, market_of, pools_of, universe_of

UNIVERSE = universe_of()
MARKET = market_of(UNIVERSE, pools_of(UNIVERSE, (4.0, 0.07)), 100_000 * 10**6)
WEIGHTS = np.array([0.7, 0.2, 0.1])
PLAN = make_plan(WEIGHTS, MARKET, UNIVERSE, LIMITS)
PANEL = panel_of(walk(6, 2))
SCORES = Scores(
    np.array([[np.nan, 0.25, np.nan]]),
    np.array([[np.nan, -0.5, np.nan]]),
    np.array([[np.nan, 0.75, np.inf]]),
    ("ab",),
    0.9,
)


def test_every_venue_has_a_record_of_what_was_said_wanted_and_done_about_it() -> None:
    scores = replace(SCORES, clears=np.array([[np.nan, 0.7, np.nan]]))
    first, second = forecasts_of(UNIVERSE, PANEL, scores, np.array([0.1, 0.6, 0.3]), PLAN, "in", "re")
    assert first.facts() == {
        "venue": "v1",
        "at": int(PANEL.times[-1]),
        "inputs": "in",
        "model": "ab",
        "expected": 0.25,
        "low": -0.5,
        "high": 0.75,
        "coverage": 0.9,
        "target": 0.6,
        "weight": 0.2,
        "plan": PLAN.id,
        "clears": 0.7,
        "recipe": "re",
        "version": 2,
    }
    assert second.clears is None
    assert (second.venue, second.expected, second.low, second.high) == ("v2", None, None, None)


def test_the_text_that_is_hashed_is_canonical_json() -> None:
    forecast = forecasts_of(UNIVERSE, PANEL, no_scores(1, 3), WEIGHTS, PLAN, "in", "re")[0]
    text = forecast.text().decode()
    assert json.loads(text) == forecast.facts()
    assert list(json.loads(text)) == sorted(forecast.facts())
    assert " " not in text
    assert '"expected":null' in text


def test_records_of_the_first_version_hash_as_they_did() -> None:
    now = forecasts_of(UNIVERSE, PANEL, SCORES, WEIGHTS, PLAN, "in", "re")[0]
    first = replace(now, version=1)
    assert first.facts().keys() == now.facts().keys() - {"clears", "recipe", "version"}
    assert json.loads(first.text()) == first.facts()

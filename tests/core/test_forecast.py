from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from bot.core.forecast import forecasts_of, panel_digest
from bot.core.panel import Panel
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
    first, second = forecasts_of(UNIVERSE, PANEL, SCORES, np.array([0.1, 0.6, 0.3]), PLAN)
    assert first.facts() == {
        "venue": "v1",
        "at": int(PANEL.times[-1]),
        "inputs": panel_digest(PANEL),
        "model": "ab",
        "expected": 0.25,
        "low": -0.5,
        "high": 0.75,
        "coverage": 0.9,
        "target": 0.6,
        "weight": 0.2,
        "plan": PLAN.id,
    }
    assert (second.venue, second.expected, second.low, second.high) == ("v2", None, None, None)


def test_the_text_that_is_hashed_is_canonical_json() -> None:
    forecast = forecasts_of(UNIVERSE, PANEL, no_scores(1, 3), WEIGHTS, PLAN)[0]
    text = forecast.text().decode()
    assert json.loads(text) == forecast.facts()
    assert list(json.loads(text)) == sorted(forecast.facts())
    assert " " not in text
    assert '"expected":null' in text


def test_the_digest_of_the_inputs_is_of_every_number_and_name_in_them() -> None:
    digest = panel_digest(PANEL)
    assert panel_digest(panel_of(walk(6, 2))) == digest
    for name in PANEL.fields:
        fields = {other: values.copy() for other, values in PANEL.fields.items()}
        fields[name][3, 1] = np.nextafter(fields[name][3, 1], np.inf)
        assert panel_digest(replace(PANEL, fields=fields)) != digest, name
    renamed = {f"{name}x": values for name, values in PANEL.fields.items()}
    others = [
        replace(PANEL, fields=renamed),
        replace(PANEL, venues=("idle", "v2", "v1")),
        replace(PANEL, times=PANEL.times + 1),
        replace(PANEL, observed=PANEL.times - 1),
        PANEL.rows(0, 5),
    ]
    assert len({panel_digest(other) for other in others} | {digest}) == len(others) + 1


@pytest.mark.parametrize("bits", [0x7FF8000000000001, 0xFFF8000000000000])
def test_what_is_not_known_is_the_same_whoever_wrote_it(bits: int) -> None:
    def with_hole(hole: float) -> Panel:
        fields = {name: values.copy() for name, values in PANEL.fields.items()}
        fields["close"][2, 1] = hole
        return replace(PANEL, fields=fields)

    odd = float(np.array([bits], dtype=np.uint64).view(np.float64)[0])
    assert panel_digest(with_hole(odd)) == panel_digest(with_hole(float("nan")))

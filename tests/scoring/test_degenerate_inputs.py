"""Inputs that break models: scores are finite or NaN, and nothing is raised or warned of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from bot.core.panel import Floats, Panel
from bot.scoring import score_panel
from bot.scoring.params import ModelName
from tests.scoring.test_features import panel_of
from tests.scoring.test_walkforward import MODELS, SHORT
from tests.strategies.properties import DAY

ROWS = 60


def walk(seed: int = 0, venues: int = 3) -> Floats:
    return np.exp(np.cumsum(np.random.default_rng(seed).normal(0.0, 0.05, (ROWS, venues)), axis=0))


def with_price(value: float) -> Panel:
    close = walk()
    close[::7, 1] = value
    return panel_of(close, stars=1e3 * walk(1))


def with_signal(value: float) -> Panel:
    return panel_of(walk(), stars=np.full((ROWS, 3), value))


def with_late_signal() -> Panel:
    stars = 1e3 * walk(1)
    stars[:-3] = np.nan
    return panel_of(walk(), stars=stars)


CASES: dict[str, tuple[Callable[[], Panel], bool]] = {
    "constant prices": (lambda: panel_of(np.ones((ROWS, 3)), stars=1e3 * walk(1)), True),
    "constant everything": (lambda: panel_of(np.ones((ROWS, 3)), stars=np.ones((ROWS, 3))), True),
    "all signals missing": (lambda: with_signal(np.nan), True),
    "infinite signal": (lambda: with_signal(np.inf), True),
    "negative signal": (lambda: with_signal(-5.0), True),
    "signal of 1e308": (lambda: with_signal(1e308), True),
    "signal only in the last rows": (with_late_signal, True),
    "no signals": (lambda: panel_of(walk()), True),
    "one venue": (lambda: panel_of(walk(venues=1), stars=1e3 * walk(1, venues=1)), True),
    "identical venues": (lambda: panel_of(np.repeat(walk(venues=1), 4, axis=1)), True),
    "volume of 1e308": (lambda: panel_of(walk(), volume=np.full((ROWS, 3), 1e308)), True),
    "no volume": (lambda: panel_of(walk(), volume=np.zeros((ROWS, 3))), True),
    "price of 1e-308": (lambda: with_price(1e-308), True),
    "price of 1e308": (lambda: with_price(1e308), True),
    "price of zero": (lambda: with_price(0.0), True),
    "infinite price": (lambda: with_price(np.inf), True),
    "every price 1e-308": (lambda: panel_of(1e-308 * walk()), True),
    "no prices": (lambda: panel_of(np.full((ROWS, 3), np.nan)), False),
    "one row": (lambda: panel_of(walk()[:1]), False),
    "two rows": (lambda: panel_of(walk()[:2]), False),
    "no rows": (lambda: panel_of(walk()[:0]), False),
    "no venue but idle": (lambda: panel_of(walk()[:, :0]), False),
}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("case", CASES)
def test_scores_are_finite_or_missing(case: str, model: ModelName) -> None:
    make, speaks = CASES[case]
    panel = make()
    scores = score_panel(panel, replace(SHORT, train=48 * DAY, model=model))
    assert scores.expected.shape == panel.close.shape
    for values in (scores.expected, scores.low, scores.high):
        assert not np.isinf(values).any()
    assert np.isfinite(scores.expected[-1:]).any() == speaks
    assert any(scores.model) == speaks

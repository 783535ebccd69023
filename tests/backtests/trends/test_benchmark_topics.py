"""The section about topics, from a small panel: its verdicts follow from its numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backtests.benchmark.topics import PARAMS, fitted_model, made_panel, text
from bot.errors import InvariantBroken
from bot.scoring.trends.model import foretold
from bot.scoring.trends.params import DAY


def test_a_made_panel_gives_a_model_that_speaks_of_all_that_are_known() -> None:
    model, x = fitted_model(made_panel(150, 150), replace(PARAMS, train=150 * DAY))
    known = np.isfinite(x).any(axis=1)
    said = foretold(model, x[known])
    assert 100 < known.sum() == np.isfinite(said.probability).sum() == np.isfinite(said.high).all(axis=0).sum()


def test_a_panel_too_short_for_a_model_is_told() -> None:
    with pytest.raises(InvariantBroken, match="too few rows"):
        fitted_model(made_panel(20, 40), PARAMS)


def test_the_verdicts_follow_from_the_numbers() -> None:
    assert text([4.9] * 3, [0.0049] * 3, 27).count("reached") == 2
    page = text([5.1] * 3, [0.0051] * 3, 27)
    assert page.count("missed") == 2
    assert "**5.1 s**" in page

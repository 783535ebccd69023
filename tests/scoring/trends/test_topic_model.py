"""A fitted model of topics: what it is made of is enough to make it again, and it can say why."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from bot.scoring.trends.explain import contributions, reasons
from bot.scoring.trends.features import topic_features
from bot.scoring.trends.model import TopicModel, fit, foretold, log_odds_of
from bot.scoring.trends.params import TopicModelName
from bot.scoring.trends.training import TopicTraining, learnable, training_of
from tests.scoring.trends.made_topics import DAY, SHORT, START, made_panel


@pytest.fixture(scope="module")
def training() -> TopicTraining:
    panel = made_panel(21, 70, 60)
    names, x = topic_features(panel, SHORT)
    found = training_of(panel, learnable(panel, SHORT, names, x), START + 69 * DAY, SHORT)
    assert found is not None
    return found


@pytest.mark.parametrize("name", ["stack", "hist_gradient_boosting", "logistic"])
def test_a_model_is_the_same_again_from_what_it_was_made_of(training: TopicTraining, name: TopicModelName) -> None:
    params = replace(SHORT, model=name)
    model, twin = fit(training, params), fit(training, params)
    facts = json.loads(json.dumps(model.facts, allow_nan=False))
    kept = TopicModel.from_kept(model.parts, model.arrays, facts)
    x = training.calibration.x
    said = foretold(model, x)
    for other in (foretold(kept, x), foretold(twin, x)):
        for field in ("probability", "expected", "low", "high"):
            np.testing.assert_array_equal(getattr(other, field), getattr(said, field))
    assert kept.digest == model.digest == training.digest


def test_a_row_is_foretold_by_itself(training: TopicTraining) -> None:
    model, x = fit(training, SHORT), training.calibration.x[:40]
    whole = foretold(model, x)
    for place in range(0, 40, 7):
        alone = foretold(model, x[place : place + 1])
        assert alone.probability[0] == whole.probability[place]
        assert alone.expected[0] == whole.expected[place]
        np.testing.assert_array_equal(alone.high[:, 0], whole.high[:, place])


def test_reasons_name_the_features_that_say_most(training: TopicTraining) -> None:
    model, x = fit(training, SHORT), training.calibration.x[:5]
    added = contributions(model, x)
    for row, told in enumerate(reasons(model, x)):
        assert len(told) == 3
        sizes = [abs(value) for _, value in told]
        assert sizes == sorted(sizes, reverse=True)
        assert sizes[0] == np.abs(added[row]).max()
        place = training.names.index(told[0][0])
        changed = x[row : row + 1].copy()
        changed[0, place] = model.arrays["medians"][place]
        assert told[0][1] == pytest.approx(
            float(log_odds_of(model, x[row : row + 1])[0] - log_odds_of(model, changed)[0])
        )

"""Admission of refitted models: ordinary refits pass, and what broke, ran away or contradicts itself does not."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.panel import Floats, Panel
from bot.errors import DataError
from bot.loading import Options, load
from bot.scoring.features import features
from bot.scoring.labels import labels
from bot.scoring.params import ModelName, ScorerParams
from bot.scoring.stability import DRIFTED, GONE, admit, rank_correlation, reference_of
from bot.scoring.walkforward import FittedModel, TrainingSet, fit, fit_times, training_set
from tests.scoring.test_walkforward import MODELS
from tests.strategies.properties import DAY, made_panel

PARAMS = ScorerParams(horizon=7 * DAY, train=90 * DAY, refit=14 * DAY, embargo=DAY, bar_seconds=DAY)
Fit = tuple[TrainingSet, FittedModel]
Market = tuple[tuple[str, ...], list[Fit]]


def fits(panel: Panel, params: ScorerParams = PARAMS) -> tuple[tuple[str, ...], list[Fit]]:
    """Names of the features, and every fit of the schedule that had enough to learn from."""
    names, x = features(panel, params.bar_seconds)
    truth = labels(panel, params.horizon)
    found = []
    for time in np.unique(fit_times(panel.times, params.refit)).tolist():
        training = training_set(panel, names, x, truth, time, params)
        if training is not None:
            found.append((training, fit(training, params)))
    return names, found


def generated(seed: int, strength: float = 0.0) -> Panel:
    """A generated market of six venues, as `--synthetic` makes it."""
    file = Path(__file__).parents[2] / "strategies" / "synthetic_market.yaml"
    return load(Options(file, mode="paper", synthetic=seed, strength=strength)).panel


@pytest.fixture(scope="module")
def market() -> Market:
    return fits(made_panel(seed=31, rows=400, venues=6, gaps=0.0))


def later(training: TrainingSet, change: Callable[[Floats], Floats]) -> TrainingSet:
    """The same fit on features that were changed."""
    return replace(training, x=change(training.x), calibration_x=change(training.calibration_x))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_most_ordinary_refits_within_the_life_of_a_certificate_are_admitted(model: ModelName, strength: float) -> None:
    verdicts = []
    for seed in (3, 5):
        names, found = fits(generated(seed, strength), replace(PARAMS, model=model))
        for start in range(8, len(found) - 1, 3):
            reference = reference_of(*found[start], names)
            for before, (training, refit) in zip(found[start:], found[start + 1 :], strict=False):
                if refit.fit_time - found[start][1].fit_time <= 90 * DAY:
                    verdicts.append(admit(reference, before[1], training, refit, names).ok)
    assert len(verdicts) >= 40
    assert np.mean(verdicts) >= 0.9


def test_the_model_that_was_certified_is_admitted_with_nothing_changed(
    market: Market,
) -> None:
    names, found = market
    training, model = found[10]
    reference = reference_of(training, model, names)
    again = admit(json.loads(json.dumps(reference)), model, training, model, names)
    assert again.ok
    assert again.reasons == ()
    assert again.figures == {
        "drifted": 0.0,
        "gone": 0.0,
        "worst_index": 0.0,
        "radius": 1.0,
        "rank_correlation": pytest.approx(1.0),
        "rows": 1.0,
        "calibration_error": 1.0,
    }


def test_the_index_is_the_published_formula() -> None:
    """Two features, one unchanged and one moved up by a tenth of its rows, counted by hand."""
    old = np.column_stack([np.arange(100.0), np.arange(100.0)])
    new = np.column_stack([np.arange(100.0), np.arange(100.0) + 10.0])
    training = TrainingSet(0, old[:60], np.zeros(60), old[60:], np.zeros(40), "d")
    model = replace(stub(lambda x: x[:, 0]), rows=60, calibration_rows=40)
    moved = replace(training, x=new[:60], calibration_x=new[60:])
    found = admit(reference_of(training, model), None, moved, model)
    # Old shares: a tenth in each bin. New: none in the lowest, two tenths in the highest; half a row added to each of
    # the eleven counts, the last of which is of unknown rows.
    shares = [(10.5 / 105.5, 0.5 / 105.5), (10.5 / 105.5, 20.5 / 105.5)]
    expected = sum((a - b) * np.log(a / b) for a, b in shares)
    assert found.figures["worst_index"] == pytest.approx(expected, rel=1e-12)
    assert DRIFTED < expected < GONE


class Says:
    """A pipeline of one line: what it expects of each row."""

    def __init__(self, function: Callable[[Floats], Floats]) -> None:
        self._function = function

    def predict(self, x: Floats) -> Floats:
        return self._function(x)

    def __getitem__(self, place: int) -> object:
        return object()


def stub(function: Callable[[Floats], Floats]) -> FittedModel:
    return FittedModel(0, "stub", Says(function), -1e9, 1e9, 1.0, 60, 40)


BROKEN: dict[str, tuple[Callable[[TrainingSet, tuple[str, ...]], TrainingSet], str]] = {
    "a source that died": (
        lambda t, names: later(t, lambda x: np.where([name.startswith("signal:") for name in names], np.nan, x)),
        "nothing in common",
    ),
    "a source that changed its unit": (
        lambda t, names: later(t, lambda x: x * np.where([name.startswith("signal:") for name in names], 1_000.0, 1.0)),
        "nothing in common",
    ),
    "a source that stands still": (
        lambda t, names: later(t, lambda x: np.where([name.startswith("signal:") for name in names], 9.0, x)),
        "nothing in common",
    ),
    "everything a little higher": (lambda t, names: later(t, lambda x: x + 2.0 * np.nanstd(x, axis=0)), "drifted"),
    "one feature less": (lambda t, names: later(t, lambda x: x[:, 1:]), "features that are not"),
}


@pytest.mark.parametrize(("broken", "told"), BROKEN.values(), ids=BROKEN)
def test_features_unlike_the_certified_ones_are_refused(
    market: Market,
    broken: Callable[[TrainingSet, tuple[str, ...]], TrainingSet],
    told: str,
) -> None:
    names, found = market
    reference = reference_of(*found[10], names)
    training, model = found[11]
    assert admit(reference, found[10][1], training, model, names).ok
    refused = admit(reference, None, broken(training, names), model, names)
    assert not refused.ok
    assert any(told in reason for reason in refused.reasons), refused.reasons


def test_renamed_features_are_refused(market: Market) -> None:
    names, found = market
    other = ("weather", *names[1:])
    assert not admit(reference_of(*found[10], names), None, *found[11], other).ok


MODELS_GONE_WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "an interval four times as wide": ({"radius": 4.0}, "its interval is ±"),
    "an interval of nothing": ({"radius": 0.0}, "its interval is ±"),
    "a third of the rows": ({"rows": 0.33}, "rows to learn from"),
}


@pytest.mark.parametrize(("scaled", "told"), MODELS_GONE_WRONG.values(), ids=MODELS_GONE_WRONG)
def test_a_model_unlike_the_certified_one_is_refused(market: Market, scaled: dict[str, float], told: str) -> None:
    names, found = market
    training, model = found[10]
    changed = {name: type(getattr(model, name))(getattr(model, name) * factor) for name, factor in scaled.items()}
    refused = admit(reference_of(training, model, names), model, training, replace(model, **changed), names)
    assert [told in reason for reason in refused.reasons] == [True]


def test_a_model_that_contradicts_the_one_before_it_is_refused(market: Market) -> None:
    names, found = market
    training, model = found[10]
    upside_down = replace(training, y=-training.y, calibration_y=-training.calibration_y)
    refused = admit(reference_of(training, model, names), model, training, fit(upside_down, PARAMS), names)
    assert len(refused.reasons) == 1
    assert refused.reasons[0].startswith("it ranks the newest rows against the model before it (rank correlation -")


def test_a_model_that_ranks_nothing_contradicts_nothing() -> None:
    x = np.linspace(0.0, 1.0, 20)[:, None]
    rising, falling, flat = (stub(f) for f in (lambda x: x[:, 0], lambda x: -x[:, 0], lambda x: 0.0 * x[:, 0]))
    assert rank_correlation(rising, rising, x) == pytest.approx(1.0)
    assert rank_correlation(rising, falling, x) == pytest.approx(-1.0)
    assert rank_correlation(rising, flat, x) is None


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), gaps=st.sampled_from([0.0, 0.3]), model=st.sampled_from(MODELS))
def test_a_reference_is_plain_json_and_its_figures_are_finite(seed: int, gaps: float, model: ModelName) -> None:
    params = replace(PARAMS, train=40 * DAY, model=model)
    names, found = fits(made_panel(seed=seed, rows=120, venues=3, gaps=gaps), params)
    for one, other in itertools.pairwise(found):
        text = json.dumps(reference_of(*one, names), allow_nan=False)
        verdict = admit(json.loads(text), one[1], *other, names)
        json.dumps(dict(verdict.figures), allow_nan=False)
        assert verdict.ok == (not verdict.reasons)
        assert all("\n" not in reason for reason in verdict.reasons)


MALFORMED: dict[str, Callable[[dict[str, Any]], object]] = {
    "no edges": lambda r: r.pop("edges"),
    "an edge that is a word": lambda r: r["edges"][0].append("high"),
    "fewer counts": lambda r: r["counts"].pop(),
    "a count below zero": lambda r: r["counts"][0].__setitem__(0, -1),
    "names of something else": lambda r: r.update(names=["a"]),
    "nothing": lambda r: r.clear(),
}


@pytest.mark.parametrize("spoil", MALFORMED.values(), ids=MALFORMED)
def test_a_reference_that_is_none_is_one_line(market: Market, spoil: Callable[[dict[str, Any]], object]) -> None:
    names, found = market
    reference = reference_of(*found[10], names)
    spoil(reference)
    with pytest.raises(DataError, match=r"^the certificate's reference of models: [^\n]+$"):
        admit(reference, None, *found[10], names)

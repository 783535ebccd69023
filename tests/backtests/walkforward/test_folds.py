"""Folds: they cover the window once, begin anew, and their models know nothing of what they are tested on."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from backtests.api import scores_of
from backtests.fast import buy_and_hold, run_fast
from backtests.run import Run
from backtests.walkforward.folds import Fold, walk_forward
from backtests.walkforward.window import fold_edges, window
from bot.core.panel import Floats, Panel
from bot.core.score import Scores, no_scores
from bot.errors import ConfigError, DataError
from bot.loading import Loaded
from tests.backtests.walkforward.cases import DAY, changed, loaded_of, on_panel, settings_for


def folds_of(loaded: Loaded, folds: int = 5) -> tuple[Fold, ...]:
    return walk_forward(loaded, settings_for(loaded), folds)


def assert_same_run(one: Run, other: Run) -> None:
    for name in ("times", "nav", "gas", "fees", "turnover", "held", "target", "prices"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_folds_follow_one_another_and_hold_every_return_once() -> None:
    loaded = loaded_of()
    found = folds_of(loaded)
    schedule = window(loaded)
    assert found[0].first == schedule.first
    assert found[-1].last == schedule.last
    assert all(one.last == other.first for one, other in itertools.pairwise(found))
    returns = [len(fold.run) - 1 for fold in found]
    assert sum(returns) == schedule.cycles - 1
    assert max(returns) - min(returns) <= 1


def test_each_fold_starts_anew_with_the_whole_capital_beside_its_benchmarks() -> None:
    loaded = loaded_of("reversal")
    settings = settings_for(loaded)
    panel = window(loaded).panel
    for fold in folds_of(loaded, 3):
        assert fold.run.capital == fold.rival.capital == fold.held.capital == float(loaded.config.capital)
        alone = run_fast(settings, loaded.config, panel, no_scores(*panel.close.shape), fold.first, fold.last)
        assert_same_run(fold.run, alone)
        assert_same_run(fold.held, buy_and_hold(settings, loaded.config, panel, fold.first, fold.last))
        assert fold.models == ()


def test_models_are_refitted_inside_and_are_those_that_the_cycle_would_have_had() -> None:
    loaded = loaded_of()
    panel = window(loaded).panel
    scores = scores_of(settings_for(loaded), loaded.config, panel)
    found = folds_of(loaded)
    for fold in found:
        inside = (panel.times >= fold.first) & (panel.times < fold.last)
        assert list(fold.models) == list(dict.fromkeys(np.array(scores.model)[inside].tolist()))
    spoken = dict.fromkeys(digest for fold in found for digest in fold.models)
    assert len(spoken) >= 8  # 240 days, a refit every 28


def test_nothing_after_a_fold_s_end_changes_it() -> None:
    loaded = loaded_of()
    honest = folds_of(loaded)
    for number in (0, 2, 4):
        end = honest[number].last
        other = on_panel(loaded, changed(loaded.panel, loaded.panel.times > end, lambda values: values[::-1] * 3.0))
        again = folds_of(other)[: number + 1]
        for one, two in zip(honest, again, strict=False):
            assert_same_run(one.run, two.run)
            assert one.models == two.models


def test_models_fitted_by_a_fold_s_begin_see_nothing_of_it() -> None:
    loaded = loaded_of()
    honest = folds_of(loaded)
    for number, fold in enumerate(honest):
        tested = (loaded.panel.times >= fold.first) & (loaded.panel.times <= fold.last)
        other = folds_of(on_panel(loaded, changed(loaded.panel, tested, lambda values: values**2 + 1.0)))[number]
        assert other.models[0] == fold.models[0]
        assert other.models[1:] != fold.models[1:], "refits later in the fold learn from its beginning, in either case"


@pytest.mark.parametrize("gap", [0, DAY])
def test_a_label_is_not_learned_from_until_the_embargo_has_passed(gap: int) -> None:
    """A fit knows prices up to the embargo before it: one changed later than that changes no model of that fit."""
    loaded = loaded_of()
    refit, embargo = loaded.config.scorer.refit, loaded.config.scorer.embargo
    fit_time = int(loaded.panel.times[300]) // refit * refit
    late = loaded.panel.times > fit_time - embargo - gap
    other = on_panel(loaded, changed(loaded.panel, late, lambda values: values * 1.5 + 1.0))
    at = int(np.searchsorted(loaded.panel.times, fit_time))
    one, two = (scores_of(settings_for(each), each.config, each.panel).model[at] for each in (loaded, other))
    assert (one == two) == (gap == 0)


def test_gas_is_paid_at_recorded_prices_where_the_file_names_them() -> None:
    loaded = loaded_of("reversal")
    asset = next(iter(loaded.config.venues.values())).asset
    costs = loaded.config.costs.model_copy(update={"native_asset": asset})
    recorded = replace(loaded, config=loaded.config.model_copy(update={"costs": costs}))
    prices = loaded.panel.close[:, 1]
    for one, other in zip(folds_of(recorded, 3), folds_of(loaded, 3), strict=True):
        assert one.run.gas.any()
        paid = one.run.gas > 0.0
        at = np.searchsorted(loaded.panel.times, one.run.times[paid])
        units = other.run.gas[: len(paid)][paid] / (costs.gas_price * float(costs.native_price) / 1e18)
        np.testing.assert_allclose(one.run.gas[paid][0], units[0] * costs.gas_price * prices[at][0] / 1e9 / 1e9)


def test_the_strategy_is_asked_once_and_refused_in_a_line() -> None:
    loaded = loaded_of("reversal")
    settings = settings_for(loaded)
    asked = []

    def counting(panel: Panel, scores: Scores, params: Mapping[str, float]) -> Floats:
        asked.append(len(panel))
        return settings.strategy.targets(panel, scores, params)

    def wrong(panel: Panel, scores: Scores, params: Mapping[str, float]) -> Floats:
        return settings.strategy.targets(panel, scores, params) * 2.0

    once = walk_forward(loaded, replace(settings, strategy=replace(settings.strategy, targets=counting)), 4)
    assert asked == [len(loaded.panel)]
    for fold, other in zip(once, folds_of(loaded, 4), strict=True):
        assert_same_run(fold.run, other.run)
    with pytest.raises(DataError, match=r"^strategy reversal: targets in row 0 are not weights"):
        walk_forward(loaded, replace(settings, strategy=replace(settings.strategy, targets=wrong)), 4)


def test_the_window_ends_where_it_is_told_to() -> None:
    loaded = loaded_of()
    assert loaded.schedule is not None
    last = int(loaded.panel.times[320])
    shorter = replace(loaded, schedule=replace(loaded.schedule, last=last))
    assert window(shorter).panel.times[-1] == last
    assert folds_of(shorter, 2)[-1].last == last


def test_refuses_more_folds_than_cycles_allow() -> None:
    loaded = loaded_of("reversal")
    assert len(fold_edges(window(loaded), 79)) == 80
    for folds in (0, -1, 80, 10_000):
        with pytest.raises(ConfigError, match=r"^--folds: expected 1 to 79: a fold needs 4 cycles, here are 240"):
            folds_of(loaded, folds)
    assert loaded.schedule is not None
    tiny = replace(loaded, schedule=replace(loaded.schedule, first=loaded.schedule.last - 2 * DAY))
    with pytest.raises(ConfigError, match=r"^a fold needs 4 cycles, the window has 3$"):
        folds_of(tiny, 1)


def test_refuses_what_has_no_window_and_what_the_fast_rung_refuses() -> None:
    loaded = loaded_of("reversal")
    with pytest.raises(ConfigError, match=r"^walkforward needs data"):
        folds_of(replace(loaded, schedule=None))
    close = loaded.panel.close.copy()
    close[300, 2] = -1.0
    broken = on_panel(
        loaded, replace(loaded.panel, times=loaded.panel.times.copy(), fields={**loaded.panel.fields, "close": close})
    )
    with pytest.raises(DataError, match="a price is a finite number above zero"):
        folds_of(broken)

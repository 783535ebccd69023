"""Combinatorial paths: blind models, honest assembly, and planted leaks that must be caught."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from backtests.api import scores_of
from backtests.fast import run_fast
from backtests.metrics import returns_of
from backtests.walkforward import judging
from backtests.walkforward.combinatorial import Combinatorial, combinatorial
from backtests.walkforward.judging import Judge
from backtests.walkforward.splits import chosen_groups, path_splits
from backtests.walkforward.window import window
from bot.core.panel import Times
from bot.errors import ConfigError, DataError, InvariantBroken
from bot.loading import Loaded
from bot.scoring.features import features
from bot.scoring.labels import labels
from bot.scoring.walkforward import SHIPPED, Mask, Steps, expected_returns
from tests.backtests.lookahead.zoo_of_models import LEAKS
from tests.backtests.markets import run_of
from tests.backtests.walkforward.cases import DAY, changed, judge_of, loaded_of, on_panel, settings_for

ALL = [tuple(split) for split in chosen_groups(6, 2).tolist()]


def paths_of(loaded: Loaded, groups: int = 6, tested: int = 2, steps: Steps = SHIPPED) -> Combinatorial:
    return combinatorial(loaded, settings_for(loaded), groups, tested, steps)


def test_every_split_s_model_stays_the_same_when_all_that_it_judges_changes() -> None:
    loaded = loaded_of()
    judge = judge_of(loaded)
    honest = {split: judge.training(split) for split in ALL}
    digests = set()
    for split, training in honest.items():
        assert training is not None
        digests.add(training.digest)
        inside = np.zeros(len(judge.panel), dtype=bool)
        for begin, end in judge.stretches(split):
            inside |= (judge.panel.times >= begin - DAY) & (judge.panel.times <= end + DAY)  # with the embargo
        for change in (lambda values: values * 1.01, lambda values: np.full_like(values, np.nan)):
            other = judge_of(on_panel(loaded, changed(loaded.panel, inside, change))).training(split)
            assert other is not None
            assert other.digest == training.digest
    assert len(digests) == len(ALL)


def test_a_model_does_depend_on_the_rows_just_outside_of_what_it_judges() -> None:
    loaded = loaded_of()
    judge = judge_of(loaded)
    (begin, end), split = judge.stretches((3,))[0], (3,)
    training = judge.training(split)
    assert training is not None
    for at in (begin - 2 * DAY, end + 2 * DAY):  # the embargo is one day
        other = judge_of(
            on_panel(loaded, changed(loaded.panel, loaded.panel.times == at, lambda values: values * 1.01))
        )
        again = other.training(split)
        assert again is not None
        assert again.digest != training.digest


def test_rows_of_all_venues_at_a_time_go_together_and_both_sides_are_learned_from() -> None:
    judge = judge_of(loaded_of())
    estimator, calibration = judge.masks((2, 3))
    (begin, _), (_, end) = judge.stretches((2, 3))
    times = judge.panel.times
    assert not (estimator | calibration)[(times >= begin) & (times <= end)].any()
    seen = estimator | calibration
    before, behind = times[seen & (times < begin)], times[seen & (times > end)]
    assert begin - before.max() == 9 * DAY  # a horizon of seven days, an embargo of one, and strictly before
    assert behind.min() - end == 30 * DAY  # features look back 28 days
    assert (times[estimator] > end).any(), "the estimator learns from what came after, too"
    assert (times[calibration] < begin).any()


Planted = Callable[[Times, Times, list[tuple[int, int]], int, int, int], Mask]


def planted(**less: int) -> Planted:
    """`unseen_rows` that keeps a rule one bar short, or not at all."""

    def unseen_rows(
        times: Times, known_at: Times, stretches: list[tuple[int, int]], reach: int, embargo: int, last: int
    ) -> Mask:
        kept = known_at <= last
        for begin, end in stretches:
            before = known_at + embargo - less.get("before", 0) < begin
            kept &= before | (times - reach - embargo + less.get("behind", 0) > end)
        return np.asarray(kept)

    return unseen_rows


LEAKY_SPLITS: dict[str, Planted] = {
    "an embargo one bar short before": planted(before=DAY),
    "an embargo one bar short behind": planted(behind=DAY),
    "labels that reach into what is judged": planted(before=8 * DAY),
    "features that look back into what is judged": planted(behind=28 * DAY),
    "no purge at all": lambda times, known_at, stretches, reach, embargo, last: np.asarray(known_at <= last),
}


def test_the_planting_itself_is_honest_without_a_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "unseen_rows", planted())
    assert paths_of(loaded_of()).models == _shipped().models


@pytest.mark.parametrize("leak", LEAKY_SPLITS)
def test_a_leak_between_groups_is_refused(leak: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "unseen_rows", LEAKY_SPLITS[leak])
    with pytest.raises(
        InvariantBroken, match=r"^the model that judges groups \(0, \d\) depends on what is in group [01]$"
    ):
        paths_of(loaded_of())


@pytest.mark.parametrize(
    "leak",
    [
        "scaled_over_the_whole_sample",
        "winsorised_at_quantiles_of_the_whole_sample",
        "ranked_within_its_whole_history",
        "signed_by_its_correlation_over_the_whole_sample",
        "labels_that_are_said_to_be_known_at_once",
    ],
)
def test_planted_leaks_of_the_zoo_are_refused(leak: str) -> None:
    _, pipeline = LEAKS[leak].plant()
    with pytest.raises(InvariantBroken, match="depends on what is in group"):
        paths_of(loaded_of(), steps=pipeline.steps)


def _shipped() -> Combinatorial:
    return paths_of(loaded_of())


def test_each_group_of_each_path_is_scored_by_a_model_of_other_groups() -> None:
    loaded = loaded_of()
    judge, settings = judge_of(loaded), settings_for(loaded)
    models = [judge.model(split) for split in ALL]
    found = _shipped()
    assert found.models == tuple(model.digest for model in models if model)
    _, x = features(judge.panel, DAY)
    speaks = judge.panel.listed & np.isfinite(x).any(axis=2)
    for path, returns in zip(path_splits(6, 2).tolist(), found.paths, strict=True):
        scores = judge.scores([models[split] for split in path])
        assert set(scores.model[: judge.bounds[0]]) == {""}
        for group, split in enumerate(path):
            rows = slice(judge.bounds[group], judge.bounds[group + 1])
            model = models[split]
            assert model is not None
            assert group in ALL[split]
            np.testing.assert_array_equal(scores.expected[rows], expected_returns(model, x[rows], speaks[rows]))
            np.testing.assert_allclose(scores.high[rows] - scores.low[rows], 2 * model.radius + 0 * scores.low[rows])
            assert set(scores.model[rows]) == {model.digest}
        schedule = window(loaded)
        run = run_fast(settings, loaded.config, judge.panel, scores, schedule.first, schedule.last)
        np.testing.assert_array_equal(returns, run.equity[1:] / run.equity[:-1] - 1.0)


def test_one_group_tested_at_a_time_makes_one_path() -> None:
    found = paths_of(loaded_of(), groups=5, tested=1)
    assert (len(found.paths), found.splits, len(found.models)) == (1, 5, 5)


def test_all_paths_are_the_same_where_no_model_is_asked() -> None:
    loaded = loaded_of("reversal")
    found, settings = paths_of(loaded), settings_for(loaded)
    assert not found.asks_model
    assert found.models == ()
    assert (len(found.paths), found.splits) == (5, 15)
    schedule = window(loaded)
    scores = scores_of(settings, loaded.config, schedule.panel)
    run = run_fast(settings, loaded.config, schedule.panel, scores, schedule.first, schedule.last)
    for path in found.paths:
        np.testing.assert_array_equal(path, returns_of(run.equity))


def test_paths_tell_a_planted_edge_from_none() -> None:
    with_edge, without = (paths_of(loaded_of(strength=strength)) for strength in (4.0, 0.0))
    gain = [np.median(each.sharpes) - each.sharpe(each.rival) for each in (with_edge, without)]
    assert with_edge.share_below == 0.0
    assert gain[0] > 0.3 + abs(gain[1])


def test_a_split_without_enough_to_learn_from_has_no_model_and_is_counted() -> None:
    loaded = loaded_of()
    assert loaded.schedule is not None
    late = replace(loaded, panel=loaded.panel.rows(160, 400))  # no history before the window
    late = replace(late, schedule=replace(loaded.schedule, panel=late.panel))
    found = paths_of(late, groups=6, tested=4)
    assert 0 < found.models.count("") < len(found.models)
    with pytest.raises(DataError, match=r"^no split of 12 groups leaves enough to learn from while 11 are .* 37 days"):
        paths_of(late, groups=12, tested=11)


@pytest.mark.parametrize(
    ("groups", "tested", "words"),
    [
        (2, 1, "--groups: expected 3 to 120: the window has 240 bars"),
        (121, 1, "--groups: expected 3 to 120"),
        (6, 0, "--tested: expected 1 to 5 of 6 groups"),
        (6, 6, "--tested: expected 1 to 5 of 6 groups"),
        (20, 10, "--groups: 184,756 models would be fitted, at most 1,000 are"),
    ],
)
def test_refuses_groups_that_cannot_be(groups: int, tested: int, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        paths_of(loaded_of(), groups, tested)


def test_returns_end_at_a_total_loss_when_gas_eats_the_capital() -> None:
    run = run_of([100.0, 110.0, 50.0, 60.0], gas=[0.0, 60.0, 0.0, 0.0])
    np.testing.assert_allclose(returns_of(run.equity), [0.1, -1.0, 0.0])


def test_labels_known_after_the_window_s_end_are_not_learned_from() -> None:
    judge = judge_of(loaded_of())
    estimator, calibration = judge.masks((0,))
    last = int(judge.panel.times[-1])
    used = (estimator | calibration).nonzero()[0]
    assert labels(judge.panel, judge.params.horizon).known_at[used].max() <= last
    assert isinstance(judge, Judge)

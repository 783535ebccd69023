"""The detectors themselves: each is needed, each tampering touches the future alone, and honest pipelines pass."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

from backtests.lookahead import detectors
from backtests.lookahead.detectors import cuts_of, examine, fill_findings, refit_findings
from backtests.lookahead.findings import Finding, difference
from backtests.lookahead.pipeline import Case, Output, Pipeline, panel_of, replay_fills, trace
from backtests.lookahead.tampering import TAMPERINGS, Tampering, market_of, tampered
from bot.core.panel import Floats, Panel
from bot.core.score import Scores
from bot.core.strategy import Strategy
from bot.core.universe import LP
from bot.errors import ConfigError, DataError
from bot.scoring.labels import Labels
from bot.scoring.params import ScorerParams
from bot.scoring.walkforward import SHIPPED, TrainingSet, score_panel, training_set
from bot.settings import settings_of, simulated_universe
from tests.backtests.lookahead.cases import ASSETS, SIGNAL, case_of, frames_of, made
from tests.backtests.lookahead.zoo import HONEST, ZOO
from tests.backtests.lookahead.zoo_of_markets import legal
from tests.backtests.markets import DAY


def nothing(*_: object) -> Iterable[Finding]:
    return ()


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_pipeline_is_clean(name: str) -> None:
    report = examine(*HONEST[name](), cuts=2)
    assert report.clean, [str(finding) for finding in report.findings]
    assert report.complete
    assert report.passes == 2 * len(TAMPERINGS)
    assert report.trades > 10
    assert report.fits > 0 or name != "trend_tilt"


def test_a_clean_trace_has_trades_fits_and_scores_to_be_wrong_about() -> None:
    base = trace(Pipeline(), made())
    assert len(base.run.trades) > 10
    assert len(base.watched.models) >= 5
    assert np.isfinite(base.scores.expected).any()
    stages = {output.stage for output in base.outputs}
    assert stages == {"panel", "features", "labels", "training", "models", "scores", "targets", "costs", "fills"}


def test_the_traced_scores_are_those_of_the_scorer() -> None:
    case = made()
    base = trace(Pipeline(), case)
    shipped = score_panel(base.panel, case.scorer)
    np.testing.assert_array_equal(base.scores.expected, shipped.expected)
    assert base.scores.model == shipped.model


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=lambda tampering: tampering.name)
def test_a_tampering_changes_the_future_and_nothing_else(tampering: Tampering) -> None:
    case = made()
    panel = panel_of(Pipeline(), case)
    cut = int(panel.times[120])
    other = panel_of(Pipeline(), tampered(case, market_of(case), tampering, cut, seed=1))
    past = int(np.searchsorted(panel.times, cut, side="right"))
    for name, values in panel.fields.items():
        np.testing.assert_array_equal(other.fields[name][:past], values[:past], err_msg=name)
    future = [
        not np.array_equal(other.fields[name][past:], panel.fields[name][past:], equal_nan=True)
        for name in panel.fields
    ]
    assert any(future), "a future that is the same proves nothing"


def test_scaling_turns_round_who_is_traded_most() -> None:
    case = made()
    panel = panel_of(Pipeline(), case)
    scaled = next(tampering for tampering in TAMPERINGS if tampering.name == "scaled")
    other = panel_of(Pipeline(), tampered(case, market_of(case), scaled, int(panel.times[100]), seed=1))
    before, after = (np.argsort(np.nanmean(p.volume[:, 1:], axis=0)) for p in (panel, other))
    assert before[0] == after[-1]


@pytest.mark.parametrize(
    ("planted", "stage", "detector"),
    [
        ("revised_values_under_their_first_date", "panel", "revised"),
        ("a_universe_of_what_will_be_traded_most", "panel", "scaled"),
    ],
)
def test_some_leaks_are_found_by_one_tampering_alone(
    monkeypatch: pytest.MonkeyPatch, planted: str, stage: str, detector: str
) -> None:
    case, pipeline = ZOO[planted].plant()
    assert stage in {finding.stage for finding in examine(case, pipeline, cuts=1).findings}
    others = tuple(tampering for tampering in TAMPERINGS if tampering.name != detector)
    monkeypatch.setattr(detectors, "TAMPERINGS", others)
    assert examine(case, pipeline, cuts=1).clean


@pytest.mark.parametrize(
    ("planted", "detector"),
    [
        ("no_embargo", "refit_findings"),
        ("labels_that_overlap_across_folds", "refit_findings"),
        ("fills_at_the_best_price_of_the_bar", "fill_findings"),
        ("one_asset_stamped_a_day_early", "timing_findings"),
        ("a_signal_whose_growth_is_the_label", "timing_findings"),
    ],
)
def test_some_leaks_are_found_by_one_detector_alone(
    monkeypatch: pytest.MonkeyPatch, planted: str, detector: str
) -> None:
    case, pipeline = ZOO[planted].plant()
    assert not examine(case, pipeline, cuts=1).clean
    monkeypatch.setattr(detectors, detector, nothing)
    assert examine(case, pipeline, cuts=1).clean


def test_survivors_are_found_out_only_where_a_series_ends_early(monkeypatch: pytest.MonkeyPatch) -> None:
    _, pipeline = ZOO["a_universe_of_survivors"].plant()
    prices, signals = frames_of(made(strategy="equal_weight"))
    prices["1d", ASSETS[-1]] = prices["1d", ASSETS[0]]  # nobody is listed late, and nobody ever leaves
    case = case_of(prices, signals, "equal_weight")
    (found,) = examine(case, pipeline, cuts=1).findings
    assert (found.detector, found.stage, found.name) == ("universe", "panel", "close")
    lasting = tuple(tampering for tampering in TAMPERINGS if tampering.name not in ("delisted", "thinned"))
    monkeypatch.setattr(detectors, "TAMPERINGS", lasting)
    assert examine(case, pipeline, cuts=1).clean


def test_an_embargo_that_is_a_bar_too_short_is_found() -> None:
    def training_of(
        panel: Panel, names: tuple[str, ...], x: Floats, truth: Labels, fit_time: int, params: ScorerParams
    ) -> TrainingSet | None:
        return training_set(panel, names, x, truth, fit_time, replace(params, embargo=params.embargo - DAY))

    case, pipeline = made(), Pipeline(steps=replace(SHIPPED, training_of=training_of))
    base = trace(pipeline, case)
    assert list(refit_findings(pipeline, case, base, market_of(case), seed=0))


def test_a_purge_without_a_bar_of_slack_is_honest() -> None:
    case = made(scorer={"model": "ridge", "horizon": "1d", "train": "45d", "refit": "14d", "embargo": "1d"})
    base = trace(Pipeline(), case)
    assert any(training is not None for training in base.watched.trainings.values())
    assert not list(refit_findings(Pipeline(), case, base, market_of(case), seed=0))


def test_two_leaks_in_stages_that_do_not_feed_each_other_are_both_named() -> None:
    _, deep = ZOO["pools_as_deep_as_their_later_volume"].plant()
    case, scaled = ZOO["scaled_over_the_whole_sample"].plant()
    found = examine(case, replace(scaled, pools_of=deep.pools_of), cuts=1).findings
    assert {"features", "costs"} <= {finding.stage for finding in found}


def test_forms_of_a_leaking_feature_are_not_told_again() -> None:
    def features_of(panel: Panel, bar_seconds: int) -> tuple[tuple[str, ...], Floats]:
        names, x = SHIPPED.features_of(panel, bar_seconds)
        own = [place for place, name in enumerate(names) if name.startswith("return_7d")]
        x[:, :, own] += np.nanmean(x[:, :, own])
        return names, x

    found = examine(made(), Pipeline(steps=replace(SHIPPED, features_of=features_of)), cuts=1).findings
    assert [finding.name for finding in found if finding.stage == "features"] == ["return_7d"]


def test_a_strategy_that_throws_dice_is_told_apart_from_one_that_leaks() -> None:
    dice = np.random.default_rng(1)

    def targets_of(strategy: Strategy, panel: Panel, scores: Scores) -> Floats:
        return legal(dice.random(panel.close.shape), panel)

    report = examine(made(strategy="reversal"), Pipeline(targets_of=targets_of))
    assert {(finding.detector, finding.stage) for finding in report.findings} == {("repeat", "targets")}
    assert report.passes == 0


def test_a_strategy_that_breaks_on_another_future_is_one_line() -> None:
    def targets_of(strategy: Strategy, panel: Panel, scores: Scores) -> Floats:
        if len(panel) < 170:
            raise ValueError("I need 170 rows")
        return legal(np.ones(panel.close.shape), panel)

    with pytest.raises(DataError, match=r"cannot run when everything after .* is cut off: I need 170 rows"):
        examine(made(strategy="reversal"), Pipeline(targets_of=targets_of), cuts=1)


def test_a_strategy_that_breaks_at_once_is_one_line() -> None:
    def targets_of(strategy: Strategy, panel: Panel, scores: Scores) -> Floats:
        raise ValueError("I am broken")

    with pytest.raises(DataError, match="strategy reversal: I am broken"):
        examine(made(strategy="reversal"), Pipeline(targets_of=targets_of))


def test_no_cut_at_all_is_refused() -> None:
    with pytest.raises(ConfigError, match="--cuts: at least 1"):
        examine(made(strategy="reversal"), cuts=0)


def test_liquidity_is_audited_on_the_replay_rung() -> None:
    case = made(strategy="equal_weight")
    ranges = {name: v.model_copy(update={"kind": LP, "width": 2_000}) for name, v in case.config.venues.items()}
    config = case.config.model_copy(update={"venues": ranges})
    liquid = replace(case, config=config, settings=settings_of(config, simulated_universe(config)))
    report = examine(liquid, Pipeline(fills_of=replay_fills), cuts=1)
    assert report.trades > 0
    assert report.clean, [str(finding) for finding in report.findings]


def test_a_budget_ends_the_passes_and_the_report_says_so() -> None:
    report = examine(made(strategy="reversal"), cuts=3, budget_seconds=0.0)
    assert report.passes == 1
    assert not report.complete


def test_cuts_fall_on_a_fit_and_between_fits_within_the_run() -> None:
    case = made()
    times = cuts_of(case, panel_of(Pipeline(), case), 4)
    assert len(times) == 4
    assert all(case.first < at < case.last for at in times)
    on_fit = [at % case.scorer.refit < case.bar_seconds for at in times]
    assert on_fit[0]
    assert on_fit[2]
    assert not all(on_fit)


def test_a_run_of_two_bars_is_too_short_to_look_at() -> None:
    case = made(strategy="reversal")
    with pytest.raises(DataError, match="too short to look for leaks: 2 bars"):
        examine(replace(case, last=case.first + DAY))


def test_the_replay_rung_is_clean_and_fills_like_the_fast_one() -> None:
    case = made(strategy="reversal")
    pipeline = Pipeline(fills_of=replay_fills)
    base = trace(pipeline, case)
    assert base.run.rung == "replay"
    assert len(base.run.trades) > 10
    assert not list(fill_findings(base.run, base.panel, case.settings.universe))
    assert examine(case, pipeline, cuts=1).clean


def test_a_fill_at_the_close_before_is_found_on_a_market_that_stands_still_but_for_the_jump() -> None:
    case, pipeline = ZOO["fills_at_the_price_before_the_bar_that_decided"].plant()
    prices = {("1d", asset): case.catalogue.prices(asset, "1d") for asset in case.catalogue.assets("1d")}
    still = {key: frame.assign(open=2.0, high=2.0, low=2.0, close=2.0) for key, frame in prices.items()}
    quiet = replace(
        case,
        catalogue=type(case.catalogue).of(
            "still", "synthetic", still, {source: case.catalogue.signals(source) for source in case.catalogue.sources()}
        ),
    )
    base = trace(pipeline, quiet)
    assert not list(fill_findings(base.run, base.panel, quiet.settings.universe)), "nothing moves, so nothing shows"
    found = list(detectors.jump_findings(pipeline, quiet, base, cuts_of(quiet, base.panel, 1)))
    assert {finding.name for finding in found} >= {"prices"}


def output(values: list[list[float]], times: list[int]) -> Output:
    return Output("features", "f", np.array(times, dtype=np.int64), np.array(values), ("idle", "v1"))


def test_a_difference_is_where_rows_up_to_the_cut_part() -> None:
    nan = math.nan
    one = output([[0.0, nan], [1.0, 2.0], [1.0, 2.0]], [10, 20, 30])
    assert difference(one, output([[-0.0, nan], [1.0, 2.0], [9.0, 9.0]], [10, 20, 30]), 20) is None
    found = difference(one, output([[0.0, nan], [1.0, 2.5], [1.0, 2.0]], [10, 20, 30]), 30)
    assert found is not None
    assert (found.venue, found.row, found.rows, found.size) == ("v1", 20, 1, 0.5)
    unknown = difference(one, output([[0.0, 1.0], [1.0, 2.0], [1.0, 2.0]], [10, 20, 30]), 30)
    assert unknown is not None
    assert unknown.size == math.inf
    missing = difference(one, output([[0.0, nan], [1.0, 2.0]], [10, 30]), 30)
    assert missing is not None
    assert missing.row == 20
    assert difference(one, None, 5) is None
    assert difference(one, None, 10) is not None


def test_the_case_has_a_signal_and_a_late_listing() -> None:
    panel = panel_of(Pipeline(), made())
    assert np.isfinite(panel.fields[SIGNAL][:, 1:4]).any()
    assert not panel.listed[120, 4]
    assert panel.listed[-1, 4]


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("name", ["equal_weight", "reversal", "trend_tilt"])
def test_honest_pipelines_are_clean_on_many_markets(name: str, seed: int) -> None:
    report = examine(made(seed=seed, strategy=name), cuts=4, seed=seed)
    assert report.clean, [str(finding) for finding in report.findings]


@pytest.mark.deep
def test_boosted_trees_are_clean() -> None:
    scorer = {"model": "hist_gradient_boosting", "horizon": "3d", "train": "45d", "refit": "14d", "embargo": "2d"}
    case: Case = made(scorer=scorer)
    report = examine(case, cuts=2)
    assert report.clean, [str(finding) for finding in report.findings]
    assert report.complete

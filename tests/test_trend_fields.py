"""Trends as fields of the venue panel, end to end from catalogue to field: causal, in any order, hard to bribe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bot.scoring.trends.walkforward as walkforward
from bot.config import Config
from bot.core.panel import Floats, Panel
from bot.errors import ConfigError, DataError
from bot.scoring import ScorerParams, score_panel
from bot.scoring.trends import TopicParams
from bot.scoring.trends.model import TopicModel, fit
from bot.scoring.trends.training import TopicTraining
from bot.signals.catalogue import Catalogue, build_panel
from bot.signals.feed import CatalogueFeed
from bot.signals.store.signal_store import SignalStore
from bot.topics.votes import FIELDS, GROWTH_CAP, WIDTH_CAP
from bot.trend_fields import check_bearings, panels, trends_of
from tests.trend_worlds import DAY, LIKES, STARS, START, catalogue_of, config_of, frames_of, universe_of, world

BARS = 240
CUT = START + 200 * DAY
Frames = dict[str, pd.DataFrame]


@pytest.fixture(scope="module")
def whole() -> Catalogue:
    return world(BARS)


@pytest.fixture(scope="module")
def told(whole: Catalogue) -> Panel:
    """The panel of the world as it is."""
    return panel_of(whole)


def panel_of(catalogue: Catalogue, config: Config | None = None) -> Panel:
    config = config or config_of()
    return panels(config)(catalogue, universe_of(config), "1d", config.read)


def same(one: Panel, other: Panel, upto: int = 1 << 40) -> None:
    """Every trend field is the same, bit for bit, in the rows up to a time."""
    one, other = one.upto(upto), other.upto(upto)
    for name in FIELDS:
        np.testing.assert_array_equal(one.fields[name], other.fields[name], err_msg=name)


def later(frame: pd.DataFrame, at: int) -> pd.Series:
    return frame["published_at"] > pd.Timestamp(at, unit="s", tz="UTC")


def test_every_venue_has_fields_and_idle_has_none(told: Panel) -> None:
    for name in FIELDS:
        assert told.fields[name].shape == (len(told), 4)
        assert np.isnan(told.fields[name][:, 0]).all()
        assert np.isfinite(told.fields[name][-60:, 1:]).all(), name
    np.testing.assert_array_equal(told.fields["trend:sources"][-1, 1:], [2, 2, 1])
    assert np.all(told.fields["trend:sources"][0, 1:] == 0)  # no model had been fitted
    assert np.nanstd(told.fields["trend:persistence"][-60:, 1:]) > 0.01


def test_a_file_without_trends_gets_the_panel_of_before() -> None:
    assert panels(config_of().model_copy(update={"trends": None, "signals": (STARS, LIKES)})) is build_panel


def reborn(frames: Frames) -> Frames:
    """After the cut: levels thrown about, topics gone, new ones that one venue's glob would take in."""
    changed = {}
    for series, frame in frames.items():
        random = np.random.default_rng(len(series))
        after = later(frame, CUT)
        frame = frame.copy()
        frame.loc[after, "value"] = np.floor(frame.loc[after, "value"] * random.lognormal(0, 2, int(after.sum())))
        gone = after & frame["topic"].isin(sorted(frame["topic"].unique())[::3])
        new = frame[after].assign(topic=[f"one/new-{number % 90:02d}" for number in range(int(after.sum()))])
        new = new.drop_duplicates(["topic", "observed_at"])
        changed[series] = pd.concat([frame[~gone], new], ignore_index=True)
    return changed


def cut_off(frames: Frames) -> Frames:
    return {series: frame[~later(frame, CUT)] for series, frame in frames.items()}


def frozen(frames: Frames) -> Frames:
    """What is published after the cut speaks of before it: revisions of what was known."""
    changed = {}
    for series, frame in frames.items():
        after = later(frame, CUT)
        back = frame["observed_at"] - pd.Timedelta(days=60)
        changed[series] = frame.assign(
            observed_at=frame["observed_at"].where(~after, back), value=frame["value"].where(~after, 7.0)
        )
    return changed


@pytest.mark.parametrize("change", [reborn, cut_off, frozen])
def test_the_future_changes_no_field_and_no_score_of_the_past(
    whole: Catalogue, told: Panel, change: Callable[[Frames], Frames]
) -> None:
    other = panel_of(catalogue_of(change(frames_of(whole)), BARS))
    assert any(
        not np.array_equal(told.fields[name][told.times > CUT], other.fields[name][other.times > CUT], equal_nan=True)
        for name in FIELDS
    )
    same(told, other, CUT)
    params = ScorerParams(horizon=7 * DAY, train=90 * DAY, refit=28 * DAY, embargo=DAY, bar_seconds=DAY)
    scores, others = (score_panel(panel.upto(CUT + 20 * DAY), params) for panel in (told, other))
    rows = int(np.searchsorted(told.times, CUT, side="right"))
    assert np.isfinite(scores.expected[:rows]).any()
    np.testing.assert_array_equal(scores.expected[:rows], others.expected[:rows])


def test_neither_the_order_of_rows_nor_of_venues_matters(whole: Catalogue, told: Panel) -> None:
    mixed = {series: frame.sample(frac=1.0, random_state=7) for series, frame in frames_of(whole).items()}
    same(told, panel_of(catalogue_of(mixed, BARS)))
    config = config_of()
    turned = config.model_copy(update={"venues": dict(reversed(config.venues.items()))})
    other = panel_of(whole, turned)
    assert other.venues == ("idle", "ccc", "bbb", "aaa")
    same(told, other.columns(told.venues))


async def test_a_feed_that_grows_says_what_the_backtest_says_and_fits_no_more_than_it(
    whole: Catalogue, told: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[str] = []

    def counting(training: TopicTraining, params: TopicParams) -> TopicModel:
        fitted.append(training.digest)
        return fit(training, params)

    monkeypatch.setattr(walkforward, "fit", counting)
    config = config_of()
    universe, make = universe_of(config), panels(config)
    for bars in (205, 206, 207, 230):
        now = START + (bars - 1) * DAY
        known = {series: frame[~later(frame, now)] for series, frame in frames_of(whole).items()}
        live = CatalogueFeed(catalogue_of(known, bars), universe, "1d", config.read, make)
        same(told, await live.panel(now), now)
    assert len(fitted) == len(set(fitted)) > 0
    same_again = await CatalogueFeed(whole, universe, "1d", config.read, make).panel(1 << 40)
    same(told, same_again)


def bursts(frame: pd.DataFrame, topics: Callable[[str], bool]) -> pd.DataFrame:
    """Fifty times the level for the hour around one midnight; an hour later the source says what was right."""
    midnight = pd.Timestamp(CUT, unit="s", tz="UTC")
    day = frame[(frame["published_at"] <= midnight) & (frame["published_at"] > midnight - pd.Timedelta(days=1))]
    day = day[[topics(topic) for topic in day["topic"]]]
    assert len(day)
    shift = midnight - pd.Timedelta(minutes=30)
    wrong = day.assign(value=day["value"] * 50, observed_at=shift, published_at=shift)
    back = midnight + pd.Timedelta(minutes=30)
    return pd.concat([frame, wrong, day.assign(observed_at=back, published_at=back)], ignore_index=True)


@pytest.mark.parametrize("all_of_them", [False, True])
def test_a_source_times_fifty_for_an_hour_moves_a_field_by_no_more_than_its_share(
    whole: Catalogue, told: Panel, all_of_them: bool
) -> None:
    frames = frames_of(whole)
    frames[STARS] = bursts(frames[STARS], lambda topic: all_of_them or topic == "two/thing-001")
    other = panel_of(catalogue_of(frames, BARS))
    same(told, other, CUT - 1)
    row = int(np.searchsorted(told.times, CUT))
    ranges = {"persistence": 1.8, "growth": 2 * GROWTH_CAP, "width": WIDTH_CAP, "breadth": 1.0, "attention": 1.0}
    for name, span in ranges.items():
        was, now = (panel.fields[f"trend:{name}"][row, 1:3] for panel in (told, other))
        assert np.all(np.abs(now - was) <= span / 2 + 1e-12), name
        if not all_of_them:  # AAA hears others; what it says of them changes by the one row that is odd, if at all
            assert abs(now[0] - was[0]) <= 0.05 * span, name


def test_poison_at_the_stores_door_leaves_every_bit_alone(whole: Catalogue, told: Panel, tmp_path: Path) -> None:
    from bot.core.observation import Observation

    store = SignalStore.open(tmp_path / "store", create=True)
    frame = frames_of(whole)[STARS]
    at = frame["observed_at"].astype("int64").to_numpy() // 10 ** (9 if "ns" in str(frame["observed_at"].dtype) else 6)
    rows = [
        Observation(STARS, topic, "", value, int(seen), int(seen) + 5 * 3_600)
        for topic, value, seen in zip(frame["topic"], frame["value"], at, strict=True)
    ]
    poison = [
        Observation(STARS, "two/thing-001", "", value, CUT - DAY + number, CUT - DAY + 10 + number)
        for number, value in enumerate((float("nan"), float("inf"), -5.0, 1e300))
    ]
    poison += [Observation(STARS, "two/thing-001", "", 50.0, CUT * 1_000, CUT * 1_000)]  # milliseconds
    store.append(rows, received_at=START + 400 * DAY)
    clean = catalogue_of({STARS: store.signals(STARS), LIKES: frames_of(whole)[LIKES]}, BARS)
    refused = store.append(poison, received_at=START + 400 * DAY).refused
    assert refused == len(poison)
    poisoned = catalogue_of({STARS: store.signals(STARS), LIKES: frames_of(whole)[LIKES]}, BARS)
    assert poisoned.digest == clean.digest
    same(panel_of(clean), panel_of(poisoned))
    assert set(store.refused()["asset"]) == {"two/thing-001"}


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0])
def test_poison_that_got_into_a_catalogue_is_refused_by_name(whole: Catalogue, value: float) -> None:
    frames = frames_of(whole)
    frames[LIKES] = frames[LIKES].assign(value=frames[LIKES]["value"].where(frames[LIKES].index != 9, value))
    with pytest.raises(DataError, match=r"signals/likes\.parquet: value: topic .* is not a level"):
        panel_of(catalogue_of(frames, BARS))


def test_a_topic_that_only_looks_like_a_venues_own_moves_its_fields_no_more_than_a_stranger(whole: Catalogue) -> None:
    frames = frames_of(whole)
    odd = frames[STARS][frames[STARS]["topic"] == "two/thing-009"].assign(value=1e6)
    # Both stand at the same place among the names, so that models learn from the same rows in the same order.
    named = {name: pd.concat([frames[STARS], odd.assign(topic=name)]) for name in ("tvvo/thing-001", "tuna/other-1")}
    imitated, stranger = (panel_of(catalogue_of({**frames, STARS: frame}, BARS)) for frame in named.values())
    same(imitated, stranger)
    listening = trends_of(config_of()).listening(  # type: ignore[union-attr]
        catalogue_of({**frames, STARS: named["tvvo/thing-001"]}, BARS), universe_of(config_of())
    )
    assert [topic for each in listening for topic, _ in each.refused] == ["tvvo/thing-001"]


def test_a_missing_series_and_a_deaf_one_are_refused_by_name(whole: Catalogue) -> None:
    config = config_of(trends={"series": [STARS, LIKES, "hugs"]})
    with pytest.raises(DataError, match="no signal source hugs"):
        panel_of(whole, config)
    with pytest.raises(ConfigError, match=r"trends\.series: nothing in hugs bears on any venue"):
        check_bearings(config, universe_of(config))
    check_bearings(config_of(), universe_of(config_of()))


def test_what_the_ontology_says_is_heard_where_a_venue_names_nothing(whole: Catalogue, tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    since = pd.Timestamp(CUT, unit="s").strftime("%Y-%m-%d")
    file.write_text(
        "version: 1\nseries: {stars: github}\nkinds: {image: {title: pictures}}\n"
        "tools: {two: {title: Two, kinds: [image], known_from: 2024-02-01, "
        "names: {github: [two/thing-001, two/thing-005]}}}\n"
        f"tokens: {{BBB: {{title: B, bearings: {{x: {{of: [image], weight: 2.0, known_from: {since}, "
        "reason: because it is so}}}}\n"
    )
    venue = {"kind": "uniswap_v3_hold", "asset": "BBB", "fee": "30 bps"}
    own = config_of(trends={"series": [STARS], "ontology": str(file)}, only={"bbb": venue})
    named = config_of(
        trends={"series": [STARS]}, only={"bbb": venue | {"topics": {STARS: ["two/thing-001", "two/thing-005"]}}}
    )
    by_file, by_name = panel_of(whole, own), panel_of(whole, named)
    after = by_file.times >= CUT
    column: Floats = by_file.fields["trend:persistence"][:, 1]
    np.testing.assert_array_equal(column[after], by_name.fields["trend:persistence"][after, 1])
    assert np.isnan(column[~after]).all()
    assert np.all(by_file.fields["trend:sources"][~after, 1] == 0)

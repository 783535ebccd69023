"""Poison among good rows: it never reaches a panel, and everybody else's numbers are the same bits as without it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.observation import Bar, Observation
from bot.core.universe import Universe
from bot.signals.catalogue import Catalogue, build_panel
from bot.signals.store.signal_store import SignalStore
from bot.signals.topic_levels import topic_panel

DAY, START, DAYS = 86_400, 1_700_006_400, 60
NOW = START + DAYS * DAY
ASSETS, TOPICS = ("FET", "AGIX", "RENDER"), ("o/image", "o/video", "o/music")
FIELDS = ("value", "observed_at", "published_at", "topic", "entity", "series")
POISON: dict[str, list[object]] = {
    "value": [float("nan"), float("inf"), float("-inf"), "1e400", -5.0, 1e300, None, "12,5", 10**400],
    "observed_at": [START * 1_000, START * 10**6, NOW + 30 * DAY, 0, -1, 1.5, None, 2**62],
    "published_at": [NOW * 1_000, NOW + 3_600, 253_402_300_799, 1, "now"],
    "topic": ["", " ", "o/\x00", "o/\u202eegami", "x" * 5_000, None],
    "entity": ["\n", None, "9" * 300],
    "series": ["", "../x", "gh stars", None],
}


def good() -> tuple[list[Observation], list[Bar]]:
    """Two months of three topics and three assets."""
    rng = np.random.default_rng(7)
    rows = [
        Observation("gh_stars", topic, str(place), float(level), START + day * DAY, START + day * DAY + 3_600)
        for place, topic in enumerate(TOPICS)
        for day, level in enumerate(np.cumsum(rng.poisson(40, DAYS)) + 1_500)
        if START + day * DAY + 3_600 <= NOW
    ]
    bars = []
    for asset in ASSETS:
        close = np.exp(np.cumsum(rng.normal(0.0, 0.05, DAYS)))
        bars += [
            Bar("binance", asset, "1d", START + day * DAY, c, c * 1.02, c * 0.98, c, 1e6, START + day * DAY)
            for day, c in enumerate(close.tolist())
        ]
    return rows, bars


def poison() -> tuple[list[Observation], list[Bar]]:
    """Every kind of bad value in every field, of known topics and assets and of new ones."""
    rows = [
        replace(
            Observation("gh_stars", topic, "1", 1_700.0, START + 9 * DAY + 60, START + 9 * DAY + 90), **{field: bad}
        )
        for field in FIELDS
        for bad in POISON[field]
        for topic in ("o/video", "o/new")
    ]
    rows += [
        Observation("gh_stars", "o/video", "1", value, START + day * DAY + 60, START + day * DAY + 90)
        for day, value in ((20, 1_900_000.0), (30, 2.3), (40, 33_000_000.0))  # slipped decimal points
    ]
    bar = Bar("binance", "AGIX", "1d", START + 21 * DAY, 1.0, 1.0, 1.0, 1.0, 1e6, START + 21 * DAY)
    bars = [
        replace(bar, **{field: bad}, asset=asset)
        for field in ("open", "high", "low", "close", "volume_quote")
        for bad in (float("nan"), float("inf"), -1.0, "1e400", 10**400, 1e30)
        for asset in ("AGIX", "EVIL")
    ]
    bars += [replace(bar, time=at, published_at=NOW) for at in (bar.time * 1_000, bar.time + 7, NOW + DAY, 0)]
    bars += [replace(bar, source="second", open=c, high=c, low=c, close=c) for c in (1_000.0, 0.001)]
    return rows, bars  # type: ignore[return-value]


def kept(folder: Path, rows: list[Observation], bars: list[Bar]) -> Catalogue:
    store = SignalStore.open(folder, create=True)
    store.append(rows, bars, received_at=NOW)
    return Catalogue.open(folder)


@pytest.fixture(scope="module")
def universe(make_universe: Callable[..., Universe]) -> Universe:
    topics = {asset: {"gh_stars": (topic,)} for asset, topic in zip(ASSETS, TOPICS, strict=True)}
    return make_universe(*ASSETS, topics=topics)


def require_same_bits(one: Catalogue, other: Catalogue, universe: Universe, everything: bool) -> None:
    """The topics and assets that the poison does not name, or all of them, are the same bits in frames and panels."""
    clean = [topic for topic in TOPICS if everything or topic != "o/video"]
    frames = [each.signals("gh_stars") for each in (one, other)]
    pd.testing.assert_frame_equal(*(frame[frame["topic"].isin(clean)].reset_index(drop=True) for frame in frames))
    for asset in ASSETS:
        pd.testing.assert_frame_equal(one.prices(asset, "1d"), other.prices(asset, "1d"))
    panels = [build_panel(each, universe, "1d", ("gh_stars",)) for each in (one, other)]
    assert panels[0].times.tobytes() == panels[1].times.tobytes()
    columns = [place for place, venue in enumerate(universe.venues) if everything or venue.asset != ASSETS[1]]
    for name, values in panels[0].fields.items():
        assert values[:, columns].tobytes() == panels[1].fields[name][:, columns].tobytes()
    grid = np.arange(START, NOW + DAY, DAY, dtype=np.int64)
    levels = [topic_panel(each, ("gh_stars",), grid, tuple(clean)) for each in (one, other)]
    for name, values in levels[0].levels.items():
        assert values.tobytes() == levels[1].levels[name].tobytes()


def test_poison_is_refused_by_name_and_changes_nothing_at_all(tmp_path: Path, universe: Universe) -> None:
    rows, bars = good()
    bad_rows, bad_bars = poison()
    clean = kept(tmp_path / "clean", rows, bars)
    store = SignalStore.open(tmp_path / "poisoned", create=True)
    done = store.append(bad_rows + rows, bad_bars + bars, received_at=NOW)
    taken = 2  # the second source's own two bars are its own affair
    assert done.kept == len(rows) + len(bars) + taken
    assert done.refused == len(bad_rows) + len(bad_bars) - taken
    require_same_bits(clean, Catalogue.open(tmp_path / "poisoned"), universe, everything=True)
    named = store.refused()
    assert set(named["field"]) >= {"value", "observed_at", "published_at", "topic", "series", "close", "volume_quote"}
    assert (named["reason"] != "").all()


def test_a_topic_that_is_taken_by_another_entity_harms_nobody_else(tmp_path: Path, universe: Universe) -> None:
    rows, bars = good()
    squat = [Observation("gh_stars", "o/video", "666", 9e6, START + 30 * DAY + 9, START + 30 * DAY + 10)]
    clean, taken = kept(tmp_path / "clean", rows, bars), kept(tmp_path / "taken", rows + squat, bars)
    require_same_bits(clean, taken, universe, everything=True)
    assert "o/video#666" in set(taken.signals("gh_stars")["topic"])


@given(st.sampled_from(FIELDS), st.data())
@settings(max_examples=25, deadline=None)
def test_whatever_is_said_of_one_topic_the_others_are_the_same_bits(
    tmp_path_factory: pytest.TempPathFactory, universe: Universe, field: str, data: st.DataObject
) -> None:
    anything = st.one_of(st.floats(), st.integers(), st.text(max_size=8), st.none(), st.sampled_from(POISON[field]))
    rows, bars = good()
    strange = [replace(row, **{field: data.draw(anything)}) for row in rows[DAYS : DAYS + 4]]
    others = ("o/image", "o/music", "0", "2")  # the others' own names and ids speak of them
    strange = [row for row in strange if row.topic not in others and row.entity not in others]
    folder = tmp_path_factory.mktemp("poison")
    clean, other = kept(folder / "clean", rows, bars), kept(folder / "other", rows + strange, bars)
    require_same_bits(clean, other, universe, everything=False)

"""The catalogue on disk and in memory, and the panel that is built of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.panel import Panel
from bot.core.universe import Universe
from bot.errors import DataError
from bot.signals.catalogue import Catalogue, build_panel

Frame = Callable[..., pd.DataFrame]
MakeUniverse = Callable[..., Universe]

DAY = 86_400


@pytest.fixture
def catalogue(price_frame: Frame, signal_frame: Frame) -> Catalogue:
    days = [DAY * day for day in range(10, 20)]
    prices = {("1d", "AAA"): price_frame(days, range(1, 11)), ("1d", "BBB"): price_frame(days[4:], range(1, 7))}
    rows = [
        ("me/one", 10.0, 9 * DAY, 10 * DAY),
        ("me/one", 20.0, 11 * DAY, 12 * DAY),
        ("you/two", 5.0, 9 * DAY, 11 * DAY),
    ]
    return Catalogue.of("a test", "recorded", prices, {"stars": signal_frame(rows)})


def test_what_is_written_is_what_is_read(catalogue: Catalogue, tmp_path: Path) -> None:
    catalogue.write(tmp_path / "data")
    again = Catalogue.open(tmp_path / "data")
    assert again.digest == catalogue.digest
    assert (again.title, again.kind, again.bars(), again.assets("1d"), again.sources()) == (
        "a test", "recorded", ("1d",), ("AAA", "BBB"), ("stars",),
    )  # fmt: skip
    pd.testing.assert_frame_equal(again.prices("AAA", "1d"), catalogue.prices("AAA", "1d"))
    pd.testing.assert_frame_equal(again.signals("stars"), catalogue.signals("stars"))


def test_one_changed_value_changes_the_digest(catalogue: Catalogue, price_frame: Frame) -> None:
    frame = catalogue.prices("AAA", "1d")
    frame.loc[3, "close"] = np.nextafter(frame.loc[3, "close"], 9.0)
    prices = {("1d", "AAA"): frame, ("1d", "BBB"): catalogue.prices("BBB", "1d")}
    changed = Catalogue.of("a test", "recorded", prices, {"stars": catalogue.signals("stars")})
    assert changed.digest != catalogue.digest


def test_writing_replaces_an_older_catalogue_and_leaves_nothing_behind(catalogue: Catalogue, tmp_path: Path) -> None:
    catalogue.write(tmp_path / "data")
    smaller = Catalogue.of("smaller", "recorded", {("1d", "AAA"): catalogue.prices("AAA", "1d")}, {})
    smaller.write(tmp_path / "data")
    assert Catalogue.open(tmp_path / "data").digest == smaller.digest
    assert os.listdir(tmp_path) == ["data"]


def test_writing_never_replaces_what_is_not_a_catalogue(catalogue: Catalogue, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(DataError, match="not a catalogue"):
        catalogue.write(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("file", ["prices/1d/AAA.parquet", "signals/stars.parquet"])
def test_a_flipped_byte_is_refused_by_name(catalogue: Catalogue, tmp_path: Path, file: str) -> None:
    catalogue.write(tmp_path / "data")
    data = bytearray((tmp_path / "data" / file).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "data" / file).write_bytes(data)
    with pytest.raises(DataError, match=Path(file).name):
        Catalogue.open(tmp_path / "data")


def test_a_missing_file_is_refused_by_name(catalogue: Catalogue, tmp_path: Path) -> None:
    catalogue.write(tmp_path / "data")
    (tmp_path / "data/prices/1d/BBB.parquet").unlink()
    with pytest.raises(DataError, match=r"BBB\.parquet: cannot read"):
        Catalogue.open(tmp_path / "data")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("format: 1", "format: 2", "format"),
        ("kind: recorded", "kind: invented", "kind"),
        ("path: prices/1d/AAA.parquet", "path: prices/1d/../../secret.parquet", "not a path"),
        ("path: prices/1d/AAA.parquet", "path: prices/7m/AAA.parquet", "bars are"),
        ("title: a test", "title: [", "not YAML"),
        ("title: a test", "titel: a test", "title"),
    ],
)
def test_a_wrong_manifest_is_one_line(catalogue: Catalogue, tmp_path: Path, old: str, new: str, problem: str) -> None:
    catalogue.write(tmp_path / "data")
    manifest = tmp_path / "data/catalogue.yaml"
    assert old in manifest.read_text()
    manifest.write_text(manifest.read_text().replace(old, new, 1))
    with pytest.raises(DataError, match=problem) as caught:
        Catalogue.open(tmp_path / "data")
    assert "\n" not in str(caught.value)


def test_no_catalogue_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not a catalogue"):
        Catalogue.open(tmp_path / "nowhere")


def test_frames_of_the_wrong_shape_name_their_column(price_frame: Frame) -> None:
    good = price_frame([DAY], [1.0])
    for frame, column in [
        (good.drop(columns="low"), "low"),
        (good.assign(time=good["time"].dt.tz_localize(None)), "time"),
        (good.assign(close="1"), "close"),
        (good.assign(extra=1.0), "extra"),
    ]:
        with pytest.raises(DataError, match=rf"AAA\.parquet: {column}: "):
            Catalogue.of("t", "recorded", {("1d", "AAA"): frame}, {})


def test_panel_has_idle_first_and_unknown_before_an_assets_life(
    catalogue: Catalogue, make_universe: MakeUniverse
) -> None:
    topics = {"AAA": {"stars": ("me/*",)}, "BBB": {"stars": ("YOU/two", "nobody/*")}}
    panel = build_panel(catalogue, make_universe("AAA", "BBB", topics=topics), "1d", ("stars",))
    assert panel.venues == ("idle", "aaa", "bbb")
    assert panel.times.tolist() == [DAY * day for day in range(10, 20)]
    assert (panel.close[:, 0] == 1).all()
    assert (panel.volume[:, 0] == 0).all()
    assert np.isnan(panel.close[:4, 2]).all()
    assert panel.close[4, 2] == 1.0
    signal = panel.fields["signal:stars"]
    assert np.isnan(signal[:, 0]).all()
    assert signal[:3, 1] == pytest.approx([100.0, 100.0, 100.0 * 21 / 11])
    assert np.isnan(signal[0, 2])
    assert signal[1, 2] == 100.0


def test_start_and_end_cut_rows_and_change_none(catalogue: Catalogue, make_universe: MakeUniverse) -> None:
    universe = make_universe("AAA", "BBB", topics={"AAA": {"stars": ("*",)}})
    whole = build_panel(catalogue, universe, "1d", ("stars",))
    part = build_panel(catalogue, universe, "1d", ("stars",), start=12 * DAY - 5, end=15 * DAY)
    assert part.times.tolist() == [DAY * day for day in range(12, 16)]
    for name, values in part.fields.items():
        np.testing.assert_array_equal(values, whole.fields[name][2:6])


def test_what_is_not_there_is_named(catalogue: Catalogue, make_universe: MakeUniverse) -> None:
    universe = make_universe("AAA")
    with pytest.raises(DataError, match="no 1d prices of CCC; there are: AAA, BBB"):
        build_panel(catalogue, make_universe("CCC"), "1d", ())
    with pytest.raises(DataError, match="no signal source likes; there are: stars"):
        build_panel(catalogue, universe, "1d", ("likes",))
    with pytest.raises(DataError, match="bar: not one of 1h, 1d"):
        build_panel(catalogue, universe, "5m", ())
    with pytest.raises(DataError, match="no 1d bars between start and end"):
        build_panel(catalogue, universe, "1d", (), start=99 * DAY)


def test_bars_off_the_grid_or_repeated_are_refused(price_frame: Frame, make_universe: MakeUniverse) -> None:
    for times, problem in [([DAY, 2 * DAY + 60], "not on the grid"), ([DAY, DAY], "does not rise")]:
        data = Catalogue.of("t", "recorded", {("1d", "AAA"): price_frame(times, [1.0, 2.0])}, {})
        with pytest.raises(DataError, match=problem):
            build_panel(data, make_universe("AAA"), "1d", ())


bars = st.sets(st.integers(0, 40), min_size=1, max_size=30)
observations = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 99).map(float), st.integers(-9, 45), st.integers(0, 4)),
    max_size=20,
    unique_by=lambda row: (row[0], row[2], row[3]),
)


@settings(max_examples=100, deadline=None)
@given(st.tuples(bars, bars), observations, st.integers(0, 40), st.integers(2, 9))
def test_a_row_knows_only_what_was_published_by_its_time(
    price_frame: Frame,
    signal_frame: Frame,
    make_universe: MakeUniverse,
    days: tuple[set[int], set[int]],
    seen: list[tuple[str, float, int, int]],
    cut_day: int,
    tamper: int,
) -> None:
    """Cutting the data at a time, or changing all that comes after it, leaves the rows up to it as they were."""
    origin, cut = 1000, (1000 + cut_day) * DAY
    rows = [(t, v, (origin + o) * DAY, (origin + o + lag) * DAY + 60) for t, v, o, lag in seen]
    assets = {name: sorted((origin + day) * DAY for day in own) for name, own in zip(("AAA", "BBB"), days, strict=True)}
    universe = make_universe("AAA", "BBB", topics={"AAA": {"stars": ("a", "b")}, "BBB": {"stars": ("*",)}})

    def panel_of(factor: float, until: int | None) -> Panel:
        prices = {}
        for name, times in assets.items():
            kept = [at for at in times if until is None or at <= until]
            closes = [1.0 + at % 7 if at <= cut else factor * (1.0 + at % 7) for at in kept]
            prices["1d", name] = price_frame(kept, closes)
        kept_rows = [row for row in rows if until is None or row[3] <= until]
        changed = [(t, v if p <= cut else v * factor, o, p) for t, v, o, p in kept_rows]
        return build_panel(
            Catalogue.of("t", "recorded", prices, {"stars": signal_frame(changed)}), universe, "1d", ("stars",)
        )

    if any(times[0] > cut for times in assets.values()):
        return  # an asset without a single bar cannot be built at all
    whole, tampered, short = panel_of(1.0, None), panel_of(float(tamper), None), panel_of(1.0, cut)
    before = whole.upto(cut)
    for name in whole.fields:
        np.testing.assert_array_equal(tampered.upto(cut).fields[name], before.fields[name])
        np.testing.assert_array_equal(short.fields[name], before.rows(0, len(short)).fields[name])
    if any(cut in times for times in assets.values()):
        assert len(short) == len(before)

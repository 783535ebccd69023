"""The zoo of bad prices, through every door: refused in a line that names the place, or handled and counted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtests.api import Result, backtest
from bot.errors import DataError
from tests.backtests.bad_inputs import (
    CATALOGUE,
    DOORS,
    FRAMES,
    IMPORTER,
    Door,
    Place,
    Spoil,
    again,
    at,
    cell,
    market,
    moved,
    scaled,
    stamped,
    strategy_file,
    swapped,
    without,
)
from tests.faults.inside import call

PLACE = Place(1, 30)  # of A2, in the middle
SERIES = "A2.parquet: A2: "
NEXT = Place(1, 31)
# name -> what is done to the row at PLACE, what is said, and where. The doors refuse alike but where it says so.
REFUSED: dict[str, tuple[Spoil, str]] = {
    "no price": (cell("close", np.nan), f"{SERIES}price missing or infinite at {PLACE.time}"),
    "infinite price": (cell("close", np.inf), f"{SERIES}price missing or infinite at {PLACE.time}"),
    "infinite high": (cell("high", np.inf), f"{SERIES}price missing or infinite at {PLACE.time}"),
    "price zero": (cell("close", 0.0), f"{SERIES}price zero or negative at {PLACE.time}"),
    "negative price": (cell("low", -1.0), f"{SERIES}price zero or negative at {PLACE.time}"),
    "high below low": (cell("high", 1e-3), f"{SERIES}high below low at {PLACE.time}"),
    "a thousandfold for a bar": (scaled(1e3), f"{SERIES}price moved tenfold in one bar at {PLACE.time} and 1 more"),
    "a millionfold for a bar": (scaled(1e6), f"{SERIES}price moved tenfold in one bar at {PLACE.time} and 1 more"),
    "a thousandth for a bar": (scaled(1e-3), f"{SERIES}price moved tenfold in one bar at {PLACE.time} and 1 more"),
    "a thousandfold for ten bars": (scaled(1e3, 10), f"{SERIES}price moved tenfold in one bar at {PLACE.time} and 1"),
    "a thousandfold to the end": (scaled(1e3, 60), f"{SERIES}price moved tenfold in one bar at {PLACE.time}"),
    "more than a pool holds": (scaled(1e16), f"{SERIES}price below 1e-18 or above 1e+15 at {PLACE.time}"),
    "negative volume": (cell("volume", -1.0), f"{SERIES}volume missing, infinite or negative at {PLACE.time}"),
    "no volume": (cell("volume", np.nan), f"{SERIES}volume missing, infinite or negative at {PLACE.time}"),
    "volume beyond 64 bits": (cell("volume", 2.0**64), f"{SERIES}volume above 1e+15 of money in a bar at {PLACE.time}"),
    "off the clock": (moved(pd.Timedelta(hours=5)), f"{SERIES}not the close of a whole bar at 2024-02-01 05:00 UTC"),
}
BY_DOOR: dict[str, tuple[Spoil, dict[Door, str]]] = {
    "from the future": (
        stamped("2090-01-01"),
        {FRAMES: f"{SERIES}bars out of order at {NEXT.time}", IMPORTER: "bar from the future, or not closed yet"},
    ),
    "of another epoch": (  # zero, where a time should be
        stamped("1970-01-01"),
        {FRAMES: f"{SERIES}bars out of order", IMPORTER: "outside 2005 to 2100 in row 91"},
    ),
    "milliseconds for seconds": (  # the same bar, a thousand times earlier
        stamped("1970-01-20 18:10"),
        {FRAMES: f"{SERIES}bars out of order", IMPORTER: "outside 2005 to 2100 in row 91"},
    ),
    "twice": (again(1.0), {FRAMES: f"{SERIES}bar repeated at {PLACE.time}"}),
    "twice with other values": (
        again(1.1),
        {FRAMES: f"{SERIES}bar repeated at {PLACE.time}", IMPORTER: "A2 at 2024-02-01 00:00:00+00:00 is there twice"},
    ),
    "out of order": (swapped, {FRAMES: f"{SERIES}bars out of order at {Place(1, 29).time}"}),
    "twice and out of order": (
        lambda prices, place: again(1.0)(swapped(prices, place), place),
        {FRAMES: f"{SERIES}bar repeated at {Place(1, 29).time}"},
    ),
}


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
@pytest.mark.parametrize("name", list(REFUSED))
def test_what_is_no_price_is_refused_at_its_place(name: str, door: Door, tmp_path: Path) -> None:
    spoil, said = REFUSED[name]
    with pytest.raises(DataError) as caught:
        door.backtest(tmp_path, spoil(market(), PLACE))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
@pytest.mark.parametrize("name", list(BY_DOOR))
def test_what_is_no_time_is_refused_at_its_place_or_put_right_by_an_import(
    name: str, door: Door, tmp_path: Path
) -> None:
    spoil, said = BY_DOOR[name]
    expected = said.get(FRAMES if door is CATALOGUE else door)
    if expected is None:  # an import sorts, and counts what it leaves out
        put_right = door.panel(tmp_path, spoil(market(), PLACE))
        np.testing.assert_array_equal(put_right.close, door.panel(tmp_path, market()).close)
        return
    with pytest.raises(DataError) as caught:
        door.backtest(tmp_path, spoil(market(), PLACE))
    assert expected in str(caught.value)


HANDLED: dict[str, tuple[Spoil, str]] = {
    "a bar without trades": (
        cell("volume", 0.0),
        f"data: one kind of warning: A2: nothing traded (×1, first {PLACE.time})",
    ),
    "a thousandfold of volume": (
        cell("volume", 9e9),
        f"data: one kind of warning: A2: volume over 1,000 times the usual (×1, first {PLACE.time})",
    ),
    "a missing bar": (without(1), f"A2: gap, 1 bars in all (×1, first {Place(1, 29).time})"),
    "a week missing": (without(7), f"A2: gap, 7 bars in all (×1, first {Place(1, 29).time})"),
    "delisted in the middle": (
        without(60),
        f"A2: ends 30 days before the data: taken for delisted (×1, first {Place(1, 29).time})",
    ),
    "a thousandfold in the high": (scaled(1e3, 1, "high"), "A2: high or low tenfold beyond open and close (×1"),
    "close above high": (scaled(0.985, 1, "high"), "A2: open or close outside high and low (×1"),
}


@pytest.mark.parametrize("rung", ["fast", "replay"])
@pytest.mark.parametrize("name", list(HANDLED))
def test_what_is_handled_is_counted_and_touches_no_other_asset(name: str, rung: str, tmp_path: Path) -> None:
    spoil, said = HANDLED[name]
    spoiled = spoil(market(), PLACE)
    assert said in FRAMES.backtest(tmp_path, spoiled, rung).run.notes[0]
    before, after = FRAMES.panel(tmp_path, market()), FRAMES.panel(tmp_path, spoiled)
    for column in (1, 3):
        np.testing.assert_array_equal(before.close[:, column], after.close[:, column])
        np.testing.assert_array_equal(before.volume[:, column], after.volume[:, column])
    np.testing.assert_array_equal(before.close[:30, 2], after.close[:30, 2])


def test_a_gap_is_carried_two_bars_and_then_nothing_is_known(tmp_path: Path) -> None:
    panel = FRAMES.panel(tmp_path, without(7)(market(), PLACE))
    close = panel.close[:, 2]
    assert close[29] == close[30] == close[31]
    assert np.isnan(close[32:37]).all()
    assert np.isfinite(close[37:]).all()
    assert panel.volume[30, 2] == 0.0


def test_the_dead_asset_is_told_with_what_was_in_it(tmp_path: Path) -> None:
    notes = FRAMES.backtest(tmp_path, without(60)(market(), Place(1, 20))).run.notes
    assert any(
        note.startswith("v2: no price since 2024-01-23, with ") and note.endswith("worth nothing from 2024-02-23 on")
        for note in notes
    )


SHAPES: dict[str, tuple[Callable[[pd.DataFrame], object], str]] = {
    "nothing": (lambda prices: prices.iloc[:0], "no 1d prices of A1; there are: none"),
    "no frame": (lambda prices: prices.to_dict("list"), "prices: a DataFrame is needed, this is a dict"),
    "no column": (lambda prices: prices.drop(columns="volume"), "prices: volume: column is missing"),
    "a column twice": (
        lambda prices: pd.concat([prices, prices[["close"]]], axis=1),
        "prices: close: column is there twice",
    ),
    "text for a number": (
        lambda prices: prices.assign(close=prices["close"].astype(object).where(prices.index != 70, "1,5")),
        "prices: close: A2 has no number in row 71 (got '1,5')",
    ),
    "a switch for a number": (lambda prices: prices.assign(volume=True), "prices: volume: A1 has no number in row 1"),
    "integers beyond 64 bits": (
        lambda prices: prices.assign(volume=[2**70] * len(prices)),
        "prices: volume: not a column of numbers",
    ),
    "numbers for times": (
        lambda prices: prices.assign(time=prices["time"].astype("int64")),
        "prices: time: times are numbers: convert them",
    ),
    "text for times": (
        lambda prices: prices.assign(time=prices["time"].astype(str)),
        "prices: time: not datetimes: convert them",
    ),
    "some times with a zone": (
        lambda prices: prices.assign(
            time=prices["time"].astype(object).where(prices.index != 7, pd.Timestamp("2024-01-09"))
        ),
        "prices: time: some times have a zone and some have none, or differ in type in row 8",
    ),
    "a row of nobody": (
        lambda prices: prices.assign(asset=prices["asset"].where(prices.index != 5)),
        "prices: asset: no asset in row 6",
    ),
    "names that differ in case": (
        lambda prices: pd.concat([prices, prices[prices["asset"] == "A1"].assign(asset="a1")]),
        "prices/1d/A1.parquet and prices/1d/a1.parquet differ in letter case alone",
    ),
    "a Cyrillic A": (
        lambda prices: prices.assign(asset=prices["asset"].where(prices["asset"] != "A2", "\u04102")),
        "prices: asset: letters, digits, dot, dash and underscore only in row 61",
    ),
    "an asset that is not there": (lambda prices: prices[prices["asset"] != "A2"], "no 1d prices of A2; there are"),
}


@pytest.mark.parametrize("name", list(SHAPES))
def test_a_frame_that_is_no_market_is_refused(name: str, tmp_path: Path) -> None:
    spoil, said = SHAPES[name]
    given: pd.DataFrame = spoil(market())  # type: ignore[assignment]
    with pytest.raises(DataError) as caught:
        FRAMES.backtest(tmp_path, given)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "times",
    [
        lambda time: time.dt.tz_localize(None),
        lambda time: time.dt.tz_convert("Europe/Berlin"),  # summer time is a matter of display
        lambda time: time.dt.as_unit("ns"),
    ],
    ids=["naive is UTC", "another zone", "nanoseconds"],
)
def test_the_same_instants_are_the_same_market(
    times: Callable[[pd.Series[pd.Timestamp]], pd.Series[pd.Timestamp]], tmp_path: Path
) -> None:
    def run(prices: pd.DataFrame) -> Result:
        return FRAMES.backtest(tmp_path, prices)

    other = market().assign(time=times(market()["time"]))
    np.testing.assert_array_equal(run(other).run.nav, run(market()).run.nav)


def test_a_stated_delisting_in_frames_is_kept_to(tmp_path: Path) -> None:
    ends = pd.DataFrame({"asset": ["A2"], "listed_at": [pd.NaT], "delisted_at": [at(20)], "reason": ["hacked"]})
    ends["listed_at"] = pd.to_datetime(ends["listed_at"], utc=True)
    result = backtest(strategy_file(tmp_path), prices=market(), assets=ends)
    traded = result.trades[result.trades["venue"] == "v2"]
    assert traded["time"].max() <= at(20)
    assert any(note.startswith("v2: no price since 2024-01-22") for note in result.run.notes)
    assert "A2: bars outside listing and delisting, not used (×39" in result.run.notes[0]


def test_one_row_is_a_run_of_one_cycle_and_is_told(tmp_path: Path) -> None:
    prices = market()
    result = FRAMES.backtest(tmp_path, prices[prices["time"] == prices["time"].iloc[0]])
    assert len(result.run) == 1
    assert result.metrics["sharpe"].value is None
    assert "A1: one bar only (×1" in result.run.notes[0]


@pytest.mark.parametrize("factor", [1e-6, 1e9])
def test_the_size_of_prices_changes_no_result(factor: float, tmp_path: Path) -> None:
    """Within what a pool can hold. Tokens have 18 decimals, so that a unit of them is no part of the result."""
    plain = FRAMES.backtest(tmp_path, market(), "replay").run.nav
    scaled_up = market().assign(**{name: market()[name] * factor for name in ("open", "high", "low", "close")})
    np.testing.assert_allclose(FRAMES.backtest(tmp_path, scaled_up, "replay").run.nav, plain, rtol=1e-4)


def test_a_pool_that_cannot_follow_a_tiny_price_says_so(tmp_path: Path) -> None:
    tiny = market().assign(**{name: market()[name] * 1e-12 for name in ("open", "high", "low", "close")})
    with pytest.raises(DataError, match="v1: its pool cannot follow the price"):
        FRAMES.backtest(tmp_path, tiny, "replay")


@pytest.mark.parametrize("capital", ["1e30 USDC", "10000000000000000 USDC", "-5 USDC", "0 USDC", "nan USDC"])
def test_a_capital_that_is_none_is_exit_code_2(
    capital: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = strategy_file(tmp_path)
    file.write_text(file.read_text(encoding="utf-8").replace("100000 USDC", capital), encoding="utf-8")
    assert "capital" in call(capsys, "backtest", file, "--data", CATALOGUE.put(tmp_path, market())).error(2)


def test_bad_data_is_exit_code_3_and_good_data_tells_its_doubts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = strategy_file(tmp_path)
    bad = CATALOGUE.put(tmp_path, cell("close", 0.0)(market(), PLACE))
    said = call(capsys, "backtest", file, "--data", bad).error(3)
    assert said == f"prices/1d/A2.parquet: A2: price zero or negative at {PLACE.time}"
    assert call(capsys, "data", "check", bad).code == 3
    doubtful = CATALOGUE.put(tmp_path, without(7)(market(), PLACE))
    ended = call(capsys, "backtest", file, "--data", doubtful)
    assert ended.code == 0
    assert "data: one kind of warning: A2: gap, 7 bars in all" in ended.out
    assert "v2: no price since 2024-02-02" in ended.out

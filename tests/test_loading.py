"""A run is read and checked before anything starts: modes, clocks, windows and data, refused in one line each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bot.errors import ConfigError, DataError, PatronError, RefusedError
from bot.loading import (
    HISTORY,
    SYNTHETIC_BARS,
    SYNTHETIC_START,
    Options,
    load,
    load_frames,
    refuse_beyond_the_vault,
    refuse_historical_node,
    rpc_url,
)
from tests.backtests.markets import DAY, START, walk

FILE = """\
capital: 1000 USDC
every: 2d
strategy: {name: equal_weight}
venues:
  a: {kind: uniswap_v3_hold, asset: A, fee: 30 bps}
  b: {kind: uniswap_v3_hold, asset: B, fee: 5 bps}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A good strategy file in a folder of its own, where data is cached too, with no node in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ETH_RPC_URL", raising=False)
    (tmp_path / "mine.yaml").write_text(FILE)
    return tmp_path / "mine.yaml"


def refusal(kind: type[PatronError], work: Callable[[], object]) -> str:
    with pytest.raises(kind) as refused:
        work()
    assert type(refused.value) is kind
    assert len(str(refused.value).splitlines()) == 1
    return str(refused.value)


def prices(rows: int = 20) -> pd.DataFrame:
    """Daily closes of the two assets from `START` on."""
    close = walk(rows, 2)
    times = pd.to_datetime(START + DAY * np.arange(rows), unit="s", utc=True)
    parts = [
        pd.DataFrame({"time": times, "asset": asset, "close": close[:, i], "volume": 1e6})
        for i, asset in enumerate("AB")
    ]
    return pd.concat(parts, ignore_index=True)


def test_a_generated_market_starts_its_cycles_after_enough_history(file: Path) -> None:
    loaded = load(Options(file, synthetic=7))
    assert (loaded.mode, loaded.source.label, loaded.warnings) == ("paper", "synthetic", 0)
    assert loaded.universe.ids == ("idle", "a", "b")
    assert int(loaded.panel.times[0]) in (SYNTHETIC_START, SYNTHETIC_START + DAY)
    assert loaded.schedule is not None
    assert loaded.schedule.rows.start == HISTORY
    assert len(loaded.panel) == SYNTHETIC_BARS
    assert loaded.schedule.cycles == (SYNTHETIC_BARS - HISTORY + 1) // 2
    assert "seed 7, no relation planted" in loaded.source.described


def test_a_seed_means_one_market_for_ever(file: Path) -> None:
    first, again, other = (load(Options(file, synthetic=seed)) for seed in (7, 7, 8))
    np.testing.assert_array_equal(first.panel.close, again.panel.close)
    assert first.source.catalogue.digest == again.source.catalogue.digest != other.source.catalogue.digest


def test_the_window_is_what_was_asked_for(file: Path) -> None:
    asked = Options(file, synthetic=7, first=SYNTHETIC_START + 10 * DAY, last=SYNTHETIC_START + 20 * DAY)
    schedule = load(asked).schedule
    assert schedule is not None
    times = schedule.panel.times[schedule.rows.start : schedule.rows.stop]
    assert (times[0], times[-1]) == (asked.first, asked.last)


def test_on_a_wall_clock_there_is_no_schedule_and_the_market_goes_on_past_now(file: Path) -> None:
    loaded = load(Options(file))
    assert loaded.schedule is None
    assert loaded.panel.times[0] < pd.Timestamp.now("UTC").timestamp() < loaded.panel.times[-1]


def test_the_option_overrides_the_mode_of_the_file(file: Path) -> None:
    assert load(Options(file, synthetic=7, mode="fork")).mode == "fork"


def test_live_is_refused_however_it_is_asked_for(file: Path) -> None:
    asked = refusal(RefusedError, lambda: load(Options(file, mode="live")))
    assert asked.startswith(f"{file}: mode: live needs a valid certificate")
    file.write_text(FILE + "mode: live\n")
    assert refusal(RefusedError, lambda: load(Options(file))) == asked
    assert RefusedError.exit_code == 9
    assert load(Options(file, synthetic=7, mode="paper")).mode == "paper"


def test_an_unknown_mode_is_refused(file: Path) -> None:
    said = refusal(ConfigError, lambda: load(Options(file, mode="dream")))
    assert said == "mode: expected paper, fork or live (got 'dream')"


def test_two_historical_clocks_contradict(file: Path) -> None:
    said = refusal(ConfigError, lambda: load(Options(file, synthetic=7, replay=file.parent)))
    assert said == "recorded data and --synthetic contradict: choose one of them"


def test_cycles_must_fall_on_bars_on_a_historical_clock(file: Path) -> None:
    file.write_text(FILE.replace("2d", "36h"))
    said = refusal(ConfigError, lambda: load(Options(file, synthetic=7)))
    assert said == f"{file}: every: must be a multiple of bar (1d) on a historical clock"
    assert load(Options(file)).config.every == 36 * 3_600  # the wall's does not care


@pytest.mark.parametrize("last", [SYNTHETIC_START + 9 * DAY, 0])
def test_a_window_that_ends_before_it_starts_is_refused(file: Path, last: int) -> None:
    said = refusal(ConfigError, lambda: load(Options(file, synthetic=7, first=SYNTHETIC_START + 10 * DAY, last=last)))
    assert said.startswith("--from and --to contradict: 2024-01-11 is after ")


def test_a_window_without_data_says_where_the_data_is(file: Path) -> None:
    said = refusal(DataError, lambda: load(Options(file, synthetic=7, first=START - 9 * DAY, last=START - 8 * DAY)))
    assert said.startswith("no 1d bars from 2023-12-23 to 2023-12-24: the data is 2024-01-0")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("equal_weight", "equal_wait", "mine.yaml: strategy: no strategy called 'equal_wait'; shipped: "),
        ("equal_weight", "mine.py", "mine.yaml: strategy: no strategy file mine.py"),
        (
            "{name: equal_weight}",
            "{name: reversal, params: {x: 1}}",
            "mine.yaml: strategy: strategy reversal has no parameter",
        ),
        ("1000 USDC", "1000", "mine.yaml:1: capital: a unit is missing"),
    ],
)
def test_a_file_that_cannot_run_is_refused_before_any_data_is_read(file: Path, old: str, new: str, said: str) -> None:
    file.write_text(FILE.replace(old, new))
    assert refusal(ConfigError, lambda: load(Options(file, synthetic=7))).startswith(f"{file.parent}/{said}")


def test_a_strategy_beside_the_file_is_found_from_any_folder(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (file.parent / "mine.py").write_text("from strategies.equal_weight import targets\n\n__all__ = ['targets']\n")
    file.write_text(FILE.replace("equal_weight", "mine.py"))
    monkeypatch.chdir("/")
    assert load(Options(file, synthetic=7)).config.strategy.name == "mine.py"


def test_a_file_that_names_recorded_signals_can_be_tried_on_a_generated_market(file: Path) -> None:
    listens = FILE.replace("fee: 30 bps}", "fee: 30 bps, topics: {github: one/*}}") + "signals: [github]\n"
    file.write_text(listens)
    loaded = load(Options(file, synthetic=7))
    assert loaded.config.signals == ("synthetic_stars",)
    assert [venue.topics for venue in loaded.universe.risky] == [{"synthetic_stars": ("a/*",)}, {}]
    assert loaded.panel.signals == ("signal:synthetic_stars",)


def test_frames_of_ones_own_become_a_run_with_a_historical_clock(file: Path) -> None:
    given = prices()
    loaded = load_frames(Options(file), given, {})
    assert loaded.options.historical
    assert loaded.schedule is not None
    assert (loaded.source.label, loaded.schedule.cycles) == ("recorded", 10)
    np.testing.assert_array_equal(loaded.panel.close[:, 1], given["close"][:20])


BAD_FRAMES: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], str]] = {
    "no column": (
        lambda frame: frame.drop(columns="volume"),
        "prices: volume: column is missing (got 'time, asset, close')",
    ),
    "no asset": (lambda frame: frame[frame["asset"] == "A"], "B"),
    "text": (lambda frame: frame.assign(close="dear"), "prices: close: A has no number in row 1 (got 'dear')"),
    "no time": (lambda frame: frame.assign(time=None), "prices: time: no time in row 1"),
    "out of order": (lambda frame: frame.iloc[::-1], "A: bars out of order"),
    "twice": (lambda frame: pd.concat([frame, frame]), "A: "),
    "negative price": (lambda frame: frame.assign(close=-frame["close"]), "A"),
    "nothing": (lambda frame: frame.iloc[:0], "A"),
}


@pytest.mark.parametrize("name", list(BAD_FRAMES))
def test_frames_that_are_no_prices_are_refused_in_one_line(file: Path, name: str) -> None:
    spoil, said = BAD_FRAMES[name]
    assert said in refusal(DataError, lambda: load_frames(Options(file), spoil(prices()), {}))


def test_the_first_of_several_nodes_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETH_RPC_URL", " http://127.0.0.1:1  http://127.0.0.1:2 ")
    assert rpc_url() == "http://127.0.0.1:1"
    monkeypatch.setenv("ETH_RPC_URL", "  ")
    assert rpc_url() is None


def test_a_historical_clock_drives_no_fork_of_a_live_node(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replayed = load(Options(file, synthetic=7, mode="fork"))
    refuse_historical_node(replayed)
    refuse_historical_node(replace(replayed, mode="paper"))
    monkeypatch.setenv("ETH_RPC_URL", "http://127.0.0.1:1")
    said = refusal(ConfigError, lambda: refuse_historical_node(replayed))
    assert said.startswith("a historical clock cannot drive a fork of a live node")


def test_a_backtest_and_paper_take_more_venues_than_the_vault_lists(file: Path) -> None:
    wide = FILE[: FILE.index("venues:")] + "venues:\n"
    for count, refused in ((16, False), (17, True)):
        venues = (f"  v{i}: {{kind: uniswap_v3_hold, asset: A{i}, fee: 30 bps}}\n" for i in range(count))
        file.write_text(wide + "".join(venues))
        loaded = load(Options(file, synthetic=7))
        assert loaded.mode == "paper"
        refuse_beyond_the_vault(loaded)
        forked = replace(loaded, mode="fork")
        if not refused:
            refuse_beyond_the_vault(forked)
    assert refusal(ConfigError, lambda: refuse_beyond_the_vault(forked)) == (
        f"{file}: venues: 17 named, and mode fork needs a vault, which lists at most 16; use mode: paper, or a backtest"
    )


def test_a_chain_needs_a_node(file: Path) -> None:
    pool = "0x8ad599c3A0ff1De082011EFDDc58f1908eb6e6D8"
    file.write_text("chain: ethereum\n" + FILE.replace(" bps}", f' bps, pool: "{pool}"}}'))
    loaded = load(Options(file, mode="paper"))
    said = refusal(ConfigError, lambda: refuse_historical_node(loaded))
    assert said == f"{file}: chain: ethereum needs a node: set ETH_RPC_URL"

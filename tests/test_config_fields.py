"""The `fields` section of a strategy file: read, refused by line, and seen by the model of every rung."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtests.sweep.runner import _data_key
from bot.config import load_config
from bot.core.panel import Floats
from bot.errors import ConfigError, DataError
from bot.loading import Options, load
from bot.scoring import ScorerParams, score_panel
from bot.scoring.features import features
from bot.signals.catalogue import Catalogue
from bot.signals.feed import CatalogueFeed
from tests.trend_worlds import ASSETS, DAY, START, catalogue_of

BARS = 200
FILE = """\
capital: 1000 USDC
every: 1d
strategy: {name: trend_tilt}
scorer: {model: ridge, train: 60d, refit: 28d, horizon: 7d}
fields:
  pool:depth: {series: depth_usd, of: level}
  pool:fees: {series: [buys, sells], of: flow, times: {aaa: 0.003, bbb: 0.01}}
  income:royalties: {series: royalties, of: flow, times: {aaa: 0.001}}
venues:
  aaa:
    kind: uniswap_v3_hold
    asset: AAA
    fee: 30 bps
    topics: {depth_usd: ["aaa/*"], buys: aaa, sells: aaa, royalties: shares}
  bbb: {kind: uniswap_v3_hold, asset: BBB, fee: 100 bps, topics: {depth_usd: bbb/pool, buys: bbb, sells: bbb}}
  ccc: {kind: uniswap_v3_hold, asset: CCC, fee: 30 bps}
"""
FEATURES = {
    "pool:depth",
    "pool:depth_change_7d",
    "pool:fee_yield_7d",
    "income:royalties:yield_28d",
    "income:royalties:growth_14d",
}


def said(topics: dict[str, float], seed: int) -> pd.DataFrame:
    """A value a day of each topic, around its own level, told an hour before the bar closes."""
    random = np.random.default_rng(seed)
    days = pd.to_datetime(START + DAY * np.arange(BARS), unit="s", utc=True)
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "topic": topic,
                    "value": level * np.exp(random.normal(0.0, 0.2, BARS)),
                    "observed_at": days - pd.Timedelta("2h"),
                    "published_at": days - pd.Timedelta("1h"),
                }
            )
            for topic, level in topics.items()
        ],
        ignore_index=True,
    )


def signals() -> dict[str, pd.DataFrame]:
    return {
        "depth_usd": said({"aaa/one": 1e6, "aaa/two": 2e6, "bbb/pool": 5e5}, 1),
        "buys": said({"aaa": 4e5, "bbb": 1e5}, 2),
        "sells": said({"aaa": 3e5, "bbb": 2e5}, 3),
        "royalties": said({"shares": 50.0}, 4),
    }


def recorded(frames: dict[str, pd.DataFrame]) -> Catalogue:
    """Prices of a made market beside given signals, that say of themselves that they were recorded."""
    made = catalogue_of({}, BARS)
    prices = {("1d", asset): made.prices(asset, "1d") for asset in ASSETS}
    return Catalogue.of("a world of pools", "recorded", prices, frames)


@pytest.fixture(scope="module")
def whole() -> Catalogue:
    return recorded(signals())


@pytest.fixture(scope="module")
def data(whole: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "world"
    whole.write(folder)
    return folder


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("ETH_RPC_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(FILE)
    return tmp_path / "mine.yaml"


def test_a_backtest_knows_depth_fees_and_income_in_money(file: Path, data: Path) -> None:
    panel = load(Options(file, replay=data)).panel
    frames = {series: frame.set_index(["topic", "observed_at"])["value"] for series, frame in signals().items()}

    def told(series: str, topic: str) -> Floats:
        found: Floats = frames[series][topic].to_numpy(dtype=np.float64)
        return found

    depth, fees, income = (panel.fields[name] for name in ("pool:depth", "pool:fees", "income:royalties"))
    np.testing.assert_array_equal(depth[:, 1], told("depth_usd", "aaa/one") + told("depth_usd", "aaa/two"))
    np.testing.assert_array_equal(depth[:, 2], told("depth_usd", "bbb/pool"))
    np.testing.assert_allclose(fees[1:, 2], 0.01 * (told("buys", "bbb") + told("sells", "bbb"))[1:], rtol=1e-12)
    np.testing.assert_allclose(income[1:, 1], 0.001 * told("royalties", "shares")[1:], rtol=1e-12)
    assert np.isnan(income[:, 2:]).all()
    for field in (depth, fees, income):
        assert np.isnan(field[:, [0, 3]]).all()  # idle, and a venue that names no topics
    assert not panel.signals  # what makes a field is no signal unless it is named as one


def test_the_model_sees_fee_yield_depth_and_income(file: Path, data: Path) -> None:
    panel = load(Options(file, replay=data)).panel
    names, values = features(panel, DAY)
    seen = {name: values[:, :, place] for place, name in enumerate(names) if name in FEATURES}
    assert set(seen) == FEATURES
    assert all(np.isfinite(column[40:, 1]).all() for column in seen.values())
    week = panel.fields["pool:fees"][-7:, 1].sum()
    assert seen["pool:fee_yield_7d"][-1, 1] == pytest.approx(week / panel.fields["pool:depth"][-1, 1])
    assert 0.0005 < seen["pool:fee_yield_7d"][-1, 1] < 0.05  # a share of the depth, not a multiple
    params = ScorerParams(horizon=7 * DAY, train=60 * DAY, refit=28 * DAY, embargo=DAY, bar_seconds=DAY)
    plain = load(Options(without(file), replay=data)).panel
    scores, others = (score_panel(each, params).expected for each in (panel, plain))
    assert np.isfinite(scores[-30:, 1:]).all()
    assert np.nanmax(np.abs(scores - others)) > 1e-6


def without(file: Path) -> Path:
    """The same strategy without the section, beside it."""
    text = FILE[: FILE.index("fields:")] + FILE[FILE.index("venues:") :]
    lines = [line for line in text.splitlines() if not line.strip().startswith("topics:")]
    plain = file.with_name("plain.yaml")
    plain.write_text("\n".join(line.split(", topics:")[0] + "}" * (", topics:" in line) for line in lines) + "\n")
    return plain


async def test_a_feed_that_grows_says_what_the_backtest_says(file: Path, whole: Catalogue, data: Path) -> None:
    loaded = load(Options(file, replay=data))
    for bars in (150, 151, 199):
        now = START + (bars - 1) * DAY
        known = {
            series: frame[frame["published_at"] <= pd.Timestamp(now, unit="s", tz="UTC")]
            for series, frame in signals().items()
        }
        prices = {
            ("1d", asset): whole.prices(asset, "1d").query(f"time <= '{pd.Timestamp(now, unit='s', tz='UTC')}'")
            for asset in ASSETS
        }
        grown = Catalogue.of("so far", "synthetic", prices, known)
        live = await CatalogueFeed(grown, loaded.universe, "1d", loaded.config.read, loaded.panel_of).panel(now)
        told = loaded.panel.upto(now)
        for name in ("pool:depth", "pool:fees", "income:royalties"):
            np.testing.assert_array_equal(live.fields[name], told.fields[name], err_msg=name)


def test_the_series_are_read_and_so_checked_like_any(file: Path, tmp_path: Path) -> None:
    assert load_config(file, {}).read == ("depth_usd", "buys", "sells", "royalties")
    frames = signals()
    early = frames["royalties"]["observed_at"] - pd.Timedelta("1D")
    frames["royalties"] = frames["royalties"].assign(published_at=early)
    recorded(frames).write(tmp_path / "early")
    with pytest.raises(DataError, match=r"signals/royalties\.parquet.*published before it was observed"):
        load(Options(file, replay=tmp_path / "early"))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("pool:fees", "pool:fee", ":7: fields.pool:fee: no such field; there are pool:depth, pool:fees and income:"),
        ("income:royalties", "income:Roy", ":8: fields.income:Roy: no such field"),
        ("of: level", "of: flow", ":6: fields.pool:depth.of: a depth does not flow; write level"),
        ("of: level", "of: stock", ":6: fields.pool:depth.of: "),
        ("of: level", "off: level", ":6: fields.pool:depth.off: unknown key; did you mean 'of'?"),
        ("{series: depth_usd", "{series: []", ":6: fields.pool:depth.series: at least one, and each once"),
        ("[buys, sells]", "[buys, buys]", ":7: fields.pool:fees.series: at least one, and each once"),
        ("times: {aaa: 0.001", "times: {aa: 0.001", ":8: fields.income:royalties.times.aa: no such venue"),
        ("times: {aaa: 0.001", "times: {aaa: 0", ":8: fields.income:royalties.times.aaa: "),
        ("times: {aaa: 0.001", "times: {aaa: .inf", ":8: fields.income:royalties.times.aaa: "),
        (", royalties: shares", "", ":8: fields.income:royalties.series: no venue names topics of royalties under"),
        ("royalties: shares", "royalty: shares", "venues.aaa.topics.royalty: not among signals (depth_usd, buys"),
    ],
)
def test_what_is_wrong_with_it_is_refused_in_one_line(file: Path, old: str, new: str, said: str) -> None:
    assert old in FILE
    file.write_text(FILE.replace(old, new))
    with pytest.raises(ConfigError) as refused:
        load_config(file, {})
    assert said in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_a_series_that_the_data_lacks_is_refused_by_name(file: Path, data: Path) -> None:
    file.write_text(FILE.replace("royalties: shares", "dues: shares").replace("series: royalties", "series: dues"))
    with pytest.raises(DataError, match="no signal source dues; there are: buys, depth_usd, royalties, sells"):
        load(Options(file, replay=data))


def test_a_generated_market_leaves_out_what_it_cannot_say(file: Path) -> None:
    loaded = load(Options(file, synthetic=7))
    assert loaded.config.fields == {}
    assert not [name for name in loaded.panel.fields if name.startswith(("pool:", "income:"))]
    file.write_text(FILE.replace("depth_usd", "synthetic_stars"))  # what it has is kept, as its own topics say it
    loaded = load(Options(file, synthetic=7))
    assert list(loaded.config.fields) == ["pool:depth"]
    assert np.isfinite(loaded.panel.fields["pool:depth"][-1, 1:]).any()


def test_panels_of_different_fields_are_never_taken_for_each_other_in_a_sweep(file: Path) -> None:
    config = load_config(file, {})
    other = FILE.replace("aaa: 0.003", "aaa: 0.002")
    file.write_text(other)
    assert _data_key(load_config(file, {})) != _data_key(config)

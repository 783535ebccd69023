"""The `trends` section of a strategy file: read, refused by line, and heard on recorded and generated markets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtests.certify.inputs import inputs_of
from bot.checking import checked
from bot.config import load_config
from bot.core.dates import DAY
from bot.errors import ConfigError, DataError
from bot.loading import Options, load
from bot.topics.votes import FIELDS
from tests.trend_worlds import LIKES, STARS, world

FILE = """\
capital: 1000 USDC
every: 1d
strategy: {name: equal_weight}
trends:
  series: [stars, likes]
  model: logistic
  horizon: 14d
  train: 120d
  refit: 28d
venues:
  aaa: {kind: uniswap_v3_hold, asset: AAA, fee: 30 bps, topics: {stars: "one/*", likes: "one/*"}}
  bbb: {kind: uniswap_v3_hold, asset: BBB, fee: 30 bps, topics: {stars: [two/thing-001]}}
  ccc: {kind: uniswap_v3_hold, asset: CCC, fee: 30 bps}
"""
ONTOLOGY = """\
version: 1
series: {stars: github, likes: github}
kinds: {image: {title: pictures}}
tools: {three: {title: Three, kinds: [image], known_from: 2024-01-01, names: {github: [three/thing-002]}}}
tokens:
  CCC: {title: C, bearings: {x: {of: [three], weight: 1.0, known_from: 2024-01-01, reason: because it is so}}}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("ETH_RPC_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(FILE)
    return tmp_path / "mine.yaml"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "world"
    world(240).write(folder)
    return folder


def test_without_the_section_nothing_is_scored(file: Path) -> None:
    text = FILE[: FILE.index("trends:")] + FILE[FILE.index("venues:") :]
    file.write_text(
        text.replace(', topics: {stars: "one/*", likes: "one/*"}', "").replace(", topics: {stars: [two/thing-001]}", "")
    )
    config = load_config(file, {})
    assert config.trends is None
    assert config.read == ()
    assert not [name for name in load(Options(file, synthetic=7)).panel.fields if name.startswith("trend:")]


def test_the_section_is_read_with_its_defaults(file: Path) -> None:
    file.write_text(FILE.replace("  series: [stars, likes]", "  series: stars").replace("  model: logistic\n", "")
                    .replace(', likes: "one/*"', ""))  # fmt: skip
    trends = load_config(file, {}).trends
    assert trends is not None
    assert (trends.series, trends.model, trends.horizon, trends.embargo) == (("stars",), "stack", 14 * DAY, DAY)


def test_what_is_read_is_signals_and_series_each_once(file: Path) -> None:
    file.write_text(FILE + "signals: [gas, stars]\n")
    assert load_config(file, {}).read == ("gas", "stars", "likes")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[stars, likes]", "[]", ":5: trends.series: at least one, and each once"),
        ("[stars, likes]", "[stars, stars]", ":5: trends.series: at least one, and each once"),
        ("[stars, likes]", "[stars]", ":11: venues.aaa.topics.likes: not among signals (stars)"),
        ("model: logistic", "model: oracle", ":6: trends.model: "),
        ("horizon: 14d", "horizon: 14", ":7: trends.horizon: a unit is missing"),
        ("horizon: 14d", "horzon: 14d", ":7: trends.horzon: unknown key; did you mean 'horizon'?"),
        ("  refit: 28d", "  least_level: .nan", ":9: trends.least_level: "),
        ("  refit: 28d", "  least_level: -1", ":9: trends.least_level: "),
        ("  refit: 28d", "  refit: 0d", ":9: trends.refit: must be a whole number of seconds above zero"),
        ("train: 120d", "train: 30d", ":8: trends.train: must be longer than twice trends.horizon + trends.embargo"),
        ("  refit: 28d", "  ontology: none.yaml", "none.yaml: no such file; docs/topics.md says how one is written"),
    ],
)
def test_what_is_wrong_with_it_is_refused_in_one_line(file: Path, old: str, new: str, said: str, data: Path) -> None:
    file.write_text(FILE.replace(old, new))
    with pytest.raises(ConfigError) as refused:
        load(Options(file, replay=data))
    assert said in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_an_ontology_is_found_beside_the_strategy_file(file: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (file.parent / "own.yaml").write_text(ONTOLOGY)
    file.write_text(FILE.replace("  refit: 28d", "  refit: 28d\n  ontology: own.yaml"))
    monkeypatch.chdir(data)
    loaded = load(Options(file, replay=data))
    assert np.isfinite(loaded.panel.fields["trend:persistence"][-1, 3])  # CCC names no topics of its own


def test_recorded_topics_become_fields_and_a_venue_without_topics_stays_silent(file: Path, data: Path) -> None:
    loaded = load(Options(file, replay=data))
    assert {name for name in loaded.panel.fields if name.startswith("trend:")} == set(FIELDS)
    np.testing.assert_array_equal(loaded.panel.fields["trend:sources"][-1, 1:], [2, 1, 0])
    assert not [name for name in loaded.panel.fields if name.startswith("signal:")]


def test_an_error_in_a_scored_series_is_refused_like_any_signals(file: Path, tmp_path: Path) -> None:
    made = world(240)
    signals = {series: made.signals(series) for series in (STARS, LIKES)}
    signals[STARS] = signals[STARS].assign(published_at=signals[STARS]["observed_at"] - pd.Timedelta("1D"))
    prices = {("1d", asset): made.prices(asset, "1d") for asset in ("AAA", "BBB", "CCC")}
    type(made).of("early", "synthetic", prices, signals).write(tmp_path / "early")
    with pytest.raises(DataError, match=r"signals/stars\.parquet"):
        load(Options(file, replay=tmp_path / "early"))


def test_a_generated_market_speaks_with_as_many_sources_as_it_has(file: Path) -> None:
    loaded = load(Options(file, synthetic=7))
    assert loaded.config.trends is not None
    assert loaded.config.trends.series == ("synthetic_downloads", "synthetic_stars")
    assert loaded.config.venues["ccc"].topics == {
        "synthetic_downloads": ("ccc/*",),
        "synthetic_stars": ("ccc/*",),
    }
    assert loaded.config.signals == ()
    assert set(FIELDS) <= set(loaded.panel.fields)


async def test_check_tells_what_each_venue_hears(file: Path, data: Path) -> None:
    told = await checked(file, None)
    assert "ok: aaa hears topics of stars: 1 (one/*); likes: 1 (one/*)" in told["lines"]
    assert "ok: ccc: no topic bears on CCC" in told["lines"]
    told = await checked(file, data)
    line = next(line for line in told["lines"] if line.startswith("ok: aaa hears"))
    assert line == "ok: aaa hears topics of likes: 30 (one/thing-000, one/thing-004, one/thing-008 …); stars: 30 (" + (
        "one/thing-000, one/thing-004, one/thing-008 …)"
    )
    assert told["trends"]["bbb"] == {"likes": [], "stars": ["two/thing-001"]}


async def test_check_names_the_look_alikes_that_it_refused(file: Path, tmp_path: Path) -> None:
    made = world(240)
    frame = made.signals(STARS)
    odd = frame[frame["topic"] == "two/thing-009"].assign(topic="tw\u043e/thing-001")
    signals = {STARS: pd.concat([frame, odd]), LIKES: made.signals(LIKES)}
    prices = {("1d", asset): made.prices(asset, "1d") for asset in ("AAA", "BBB", "CCC")}
    type(made).of("spoofed", "synthetic", prices, signals).write(tmp_path / "spoofed")
    told = await checked(file, tmp_path / "spoofed")
    said = "refused: stars: 'tw\\u043e/thing-001' is not two/thing-001: it mixes scripts: has CYRILLIC SMALL LETTER O"
    assert said in told["lines"]
    assert told["trends"]["bbb"]["stars"] == ["two/thing-001"]


def test_a_certificate_is_for_the_content_of_an_ontology_wherever_it_lies(file: Path) -> None:
    own = file.parent / "own.yaml"
    own.write_text(ONTOLOGY)
    file.write_text(FILE.replace("  refit: 28d", "  refit: 28d\n  ontology: own.yaml"))
    before = inputs_of(load_config(file, {}), file, "data")
    elsewhere = file.parent / "elsewhere"
    elsewhere.mkdir()
    for each in (file, own):
        (elsewhere / each.name).write_text(each.read_text())
    assert inputs_of(load_config(elsewhere / file.name, {}), file, "data") == before
    own.write_text(ONTOLOGY.replace("weight: 1.0", "weight: 2.0"))
    after = inputs_of(load_config(file, {}), file, "data")
    assert {name for name in before if before[name] != after[name]} == {"config"}

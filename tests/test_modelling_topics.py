"""Models of topics: kept, told again and scored, on a made catalogue of adoption."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from bot.errors import ConfigError, DataError
from bot.loading import Options
from bot.model_scores import TOPICS, newest_topics
from bot.model_verbs import differences
from bot.modelling import Ready, ready, topic_trained, topics_of, trained_again
from bot.scoring.registry import Registry
from bot.scoring.trends.features import topic_features
from bot.scoring.trends.model import TopicModel, foretold
from bot.signals.catalogue import Catalogue
from bot.signals.generator import generate

DAY, START, DAYS, COUNT = 86_400, 1_577_836_800, 260, 60
SERIES = "made_stars"


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Ready:
    """A strategy file over two assets, and sixty topics whose growth goes on for a while."""
    folder = tmp_path_factory.mktemp("topics")
    draws = np.random.default_rng(3)
    pace = np.exp(np.cumsum(draws.normal(0.0, 0.15, (DAYS, COUNT)), axis=0)) * draws.gamma(1.0, 1.0, COUNT)
    levels = 20.0 + np.cumsum(draws.poisson(pace), axis=0)
    times = pd.to_datetime(np.repeat(START + DAY * np.arange(DAYS), COUNT), unit="s", utc=True).as_unit("us")
    names = [f"maker{number}/tool{number}" for number in range(COUNT)]
    frame = pd.DataFrame(
        {"topic": names * DAYS, "value": levels.reshape(-1), "observed_at": times, "published_at": times}
    )
    made = generate(1, ("A", "B"), DAYS, DAY, START)
    bars = {("1d", asset): made.prices(asset, "1d") for asset in ("A", "B")}
    Catalogue.of("made adoption", "synthetic", bars, {SERIES: frame}).write(folder / "catalogue")
    document = {
        "capital": "1000 USDC",
        "every": "1d",
        "strategy": {"name": "equal_weight"},
        "venues": {"a-usdc": {"kind": "uniswap_v3_hold", "asset": "A", "fee": "30 bps", "topics": {SERIES: ["*"]}}},
        "trends": {"series": SERIES, "horizon": "7d", "train": "120d", "refit": "14d"},
    }
    with (folder / "mine.yaml").open("w", encoding="utf-8") as stream:
        YAML(typ="safe").dump(document, stream)
    return ready(Options(folder / "mine.yaml", mode="paper", replay=folder / "catalogue"))


def test_a_model_of_topics_is_kept_and_says_the_same_bits(known: Ready, tmp_path: Path) -> None:
    trained, registry = topic_trained(known, SERIES), Registry(tmp_path)
    digest = registry.save(trained.model, trained.manifest)
    opened = registry.load(digest)
    again = TopicModel.from_kept(opened.parts, opened.arrays, opened.facts)
    params, panel = topics_of(known, SERIES)
    seen = topic_features(panel, params)[1][-1]
    one, other = foretold(trained.model, seen), foretold(again, seen)  # type: ignore[arg-type]
    for name in ("probability", "expected", "low", "high"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes()
    assert registry.save(again, trained.manifest) == digest
    assert trained.manifest.slot == f"topic:mine:{SERIES}"
    out = trained.manifest.metrics["out_of_time"]
    assert out["area_under_curve"]["low"] < out["area_under_curve"]["value"] < out["area_under_curve"]["high"]
    assert set(trained.manifest.metrics["importance"]) == set(trained.manifest.features)


def test_it_is_trained_again_to_the_same_bytes_from_its_manifest_and_the_data(known: Ready, tmp_path: Path) -> None:
    trained, registry = topic_trained(known, SERIES), Registry(tmp_path)
    digest = registry.save(trained.model, trained.manifest)
    again = trained_again(registry.manifest(digest), Path(str(known.source.described).split(" in ")[1].split(" (")[0]))
    assert differences(registry, digest, again) == []


def test_the_newest_topics_are_told_likeliest_first_with_their_reasons(known: Ready) -> None:
    found = newest_topics(known, SERIES)
    said = [topic["probability"] for topic in found["topics"]]
    assert said == sorted(said, reverse=True)
    assert len(said) == TOPICS
    assert found["scored"] == COUNT
    assert all(len(topic["reasons"]) == 3 for topic in found["topics"])
    assert all(topic["low"] <= topic["growth"] <= topic["high"] for topic in found["topics"])
    assert found["model"] == topic_trained(known, SERIES).manifest.model


def test_a_series_that_nobody_named_and_too_little_of_one_are_one_line(known: Ready) -> None:
    with pytest.raises(ConfigError, match="does not name other_stars"):
        topic_trained(known, "other_stars")
    short = Ready(known.name, known.config, known.source, known.universe, known.panel.rows(0, 60), known.recipe)
    with pytest.raises(DataError, match=f"{SERIES}: too little to learn from"):
        topic_trained(short, SERIES)

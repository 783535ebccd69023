"""Models from a strategy file to a kept folder and back: the same steps, so the same bits."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from bot.cli_models import models_app
from bot.errors import ConfigError, DataError, RefusedError
from bot.loading import Options, load
from bot.model_scores import newest_scores
from bot.model_verbs import differences
from bot.modelling import asset_trained, ready, ready_again, trained_again
from bot.scoring.model import FittedModel
from bot.scoring.params import ScorerParams
from bot.scoring.registry import Registry
from bot.scoring.walkforward import score_panel
from tests.recordings import ROOT

STRATEGY = ROOT / "strategies" / "synthetic_market.yaml"
OPTIONS = Options(STRATEGY, mode="paper", synthetic=10, strength=3.0)
PLANTED = ["--synthetic", "10", "--strength", "3"]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Registry, str]:
    """A registry that holds one model of a generated market."""
    registry = Registry(tmp_path_factory.mktemp("kept") / "models")
    trained = asset_trained(ready(OPTIONS))
    return registry, registry.save(trained.model, trained.manifest)


def asked(*words: str) -> Any:
    """What `patron models …` does; its errors are raised."""
    return CliRunner().invoke(models_app, list(words), catch_exceptions=False)


def told(*words: str) -> dict[str, Any]:
    done = asked(*words, "--json")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_the_kept_model_is_the_one_a_run_speaks_with(kept: tuple[Registry, str]) -> None:
    registry, digest = kept
    loaded = load(OPTIONS)
    scores = score_panel(loaded.panel, ScorerParams.of(loaded.config.scorer, 86_400))
    assert registry.manifest(digest).model == scores.model[-1]


def test_a_kept_model_scores_the_bits_of_the_run(kept: tuple[Registry, str]) -> None:
    registry, digest = kept
    known = ready(OPTIONS)
    fresh, again = newest_scores(known), newest_scores(known, registry.load(digest))
    assert again["kept"] == digest
    assert again["venues"] == fresh["venues"]
    assert any(venue["reasons"] for venue in fresh["venues"])


@pytest.mark.parametrize("model", ["hist_gradient_boosting", "stack", "zero", "past_return"])
@pytest.mark.parametrize("costs", [None, "30 bps"])
def test_every_model_of_venues_is_kept_and_says_the_same(model: str, costs: str | None, tmp_path: Path) -> None:
    document = YAML(typ="safe").load(STRATEGY.read_text(encoding="utf-8"))
    document["scorer"] |= {"model": model} | ({"costs": costs} if costs else {})
    file = tmp_path / "mine.yaml"
    with file.open("w", encoding="utf-8") as stream:
        YAML(typ="safe").dump(document, stream)
    known = ready(replace(OPTIONS, config=file))
    trained, registry = asset_trained(known), Registry(tmp_path / "models")
    digest = registry.save(trained.model, trained.manifest)
    opened = registry.load(digest)
    again = FittedModel.from_kept(opened.parts, opened.arrays, opened.facts)
    assert again.params == trained.model.params  # type: ignore[attr-defined]
    assert registry.save(again, trained.manifest) == digest
    assert newest_scores(known, opened)["venues"] == newest_scores(known)["venues"]


def test_training_again_from_the_manifest_alone_gives_the_same_bytes(kept: tuple[Registry, str]) -> None:
    registry, digest = kept
    again = trained_again(registry.manifest(digest), None)
    assert differences(registry, digest, again) == []
    assert registry.save(again.model, again.manifest) == digest


def test_what_is_not_the_same_is_named(kept: tuple[Registry, str], tmp_path: Path) -> None:
    registry, digest = kept
    manifest = registry.manifest(digest)
    other = trained_again(replace(manifest, recipe={**manifest.recipe, "synthetic": 11}), None)
    named = [line.partition(":")[0] for line in differences(registry, digest, other)]
    assert {"model", "data", "metrics", "recipe"} <= set(named)
    nudged = trained_again(manifest, None)
    nudged.model.parts["estimator"][-1].coef_[0] += 1e-18
    changed = np.nextafter(nudged.model.parts["estimator"][-1].coef_[0], 1.0)
    nudged.model.parts["estimator"][-1].coef_[0] = changed
    assert differences(registry, digest, nudged)[0].startswith("estimators: ")


def test_a_recipe_that_is_none_and_data_that_is_not_named_are_one_line(kept: tuple[Registry, str]) -> None:
    registry, digest = kept
    manifest = registry.manifest(digest)
    with pytest.raises(DataError, match=r"recipe\.strategy: cannot be trained again"):
        ready_again(replace(manifest, recipe={}), None)
    with pytest.raises(ConfigError, match="--data DIR"):
        ready_again(replace(manifest, recipe={**manifest.recipe, "synthetic": None}), None)


def test_a_variable_that_changes_the_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATRON__SCORER__SEED", "3")
    with pytest.raises(ConfigError, match="PATRON__SCORER__SEED: changes the strategy file"):
        ready(OPTIONS)


def test_nothing_after_the_last_day_changes_the_model(tmp_path: Path) -> None:
    loaded = load(OPTIONS)
    last = int(loaded.panel.times[-60])
    trained = asset_trained(ready(replace(OPTIONS, last=last)))
    assert trained.manifest.fit_time <= last
    params = ScorerParams.of(loaded.config.scorer, 86_400)
    assert trained.manifest.model == score_panel(loaded.panel, params).model[-60]


def test_too_little_to_learn_from_is_one_line() -> None:
    with pytest.raises(DataError, match="too little to learn from by 2024-0"):
        asset_trained(ready(replace(OPTIONS, last=1_706_000_000)))


def test_the_verbs_lead_from_one_to_the_next(tmp_path: Path) -> None:
    root, card = str(tmp_path / "models"), tmp_path / "card.html"
    where = ("--models", root)
    assert told("list", *where)["models"] == []
    made = told("train", str(STRATEGY), *PLANTED, *where)["models"][0]
    short = made["digest"][:8]
    assert told("list", *where)["models"] == [made]
    promoted = told("promote", short, "--why", "first", "--who", "me", *where)
    assert (promoted["slot"], promoted["model"]) == ("asset:synthetic_market", made["digest"])
    with pytest.raises(RefusedError, match="in use"):
        asked("promote", short, *where)
    shown = told("show", short, "--card", str(card), *where)
    assert shown["in_use"] is True
    assert [line["why"] for line in shown["history"]] == ["first"]
    page = card.read_text(encoding="utf-8")
    assert made["digest"] in page
    assert "rank correlation" in page
    assert "generated market" in page
    assert told("verify", short, *where)["identical"] is True
    scored = told("score", str(STRATEGY), *PLANTED, "--model", short, *where)
    assert scored["kept"] == made["digest"]
    assert all(venue["low"] < venue["expected"] < venue["high"] for venue in scored["venues"])
    assert told("rollback", "asset:synthetic_market", *where)["model"] == ""
    next_of_train = told("train", str(STRATEGY), *PLANTED, *where)
    assert next_of_train["models"][0]["digest"] == made["digest"]  # the same fit is the same model
    assert next_of_train["next"].startswith("patron models show ")
    for words in (("list",), ("show", short), ("verify", short)):
        done = asked(*words, *where)
        assert done.exit_code == 0
        assert done.stdout.strip().splitlines()[-1].startswith("Next: patron ")


def test_a_model_of_other_features_does_not_score(kept: tuple[Registry, str], tmp_path: Path) -> None:
    registry, digest = kept
    document = YAML(typ="safe").load(STRATEGY.read_text(encoding="utf-8"))
    document["scorer"]["features"] = "market"
    file = tmp_path / "mine.yaml"
    with file.open("w", encoding="utf-8") as stream:
        YAML(typ="safe").dump(document, stream)
    opened = registry.load(digest)
    facts = {**opened.facts, "names": ["other"] * len(opened.facts["names"])}
    with pytest.raises(DataError, match="features: knows others"):
        newest_scores(ready(replace(OPTIONS, config=file)), replace(opened, facts=facts))

"""`patron walkforward` from a strategy file: what it prints, writes and refuses; its page is safe and offline."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from backtests.page import policy_hash
from backtests.walkforward.commands import walkforward
from backtests.walkforward.folds import combinatorial, walk_forward
from backtests.walkforward.outcome import Outcome, at_least, document
from backtests.walkforward.picture import charts, render_html
from bot.errors import ConfigError, StorageError
from bot.loading import Options
from tests.backtests.markets import run_of
from tests.backtests.test_report import HOSTILE, Page
from tests.backtests.walkforward.cases import STRATEGIES, loaded_of, settings_for


def options_of(name: str, seed: int = 3) -> Options:
    return Options(config=STRATEGIES / f"{name}.yaml", synthetic=seed)


def told(name: str, folds: int = 4, report: Path | None = None, as_json: bool = False) -> str:
    console = Console(file=io.StringIO(), width=160)
    assert walkforward(options_of(name), folds, 6, 2, report, as_json, console) == 0
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def outcome_of(name: str, folds: int = 4) -> Outcome:
    loaded = loaded_of(name)
    settings = settings_for(loaded)
    return Outcome(name, walk_forward(loaded, settings, folds), combinatorial(loaded, settings))


def test_the_table_has_three_runs_for_each_fold_and_the_words_say_what_was_fitted() -> None:
    text = told("trend_tilt")
    assert text.count("equal weight  ") >= 4
    assert text.count("buy and hold  ") >= 4
    assert "6 groups, 2 judged at a time by a model of the others: 15 models, 5 paths" in text
    assert "checked: with everything that a model judges changed, no model's training set changed" in text
    assert "Sharpe ratio of the paths: lowest" in text
    assert "try next: patron lookahead" in text


def test_a_strategy_without_a_model_is_told_that_all_paths_are_the_same() -> None:
    text = told("reversal")
    assert "the strategy asks no model, so nothing is fitted and all paths are the same" in text
    assert "training set" not in text
    assert "Not shown to be better than equal weight" in text


def test_the_document_holds_the_numbers_of_folds_and_paths() -> None:
    outcome, found = outcome_of("trend_tilt"), json.loads(told("trend_tilt", as_json=True))
    assert [fold["from"] for fold in found["folds"]] == [fold.first for fold in outcome.folds]
    for fold, made in zip(found["folds"], outcome.folds, strict=True):
        for name, run in (("strategy", made.run), ("equal_weight", made.rival), ("buy_and_hold", made.held)):
            assert fold[name]["total_return"]["value"] == pytest.approx(run.equity[-1] / run.equity[0] - 1.0)
        assert fold["models"] == list(made.models)
    paths = found["combinatorial"]
    assert paths["sharpe"] == pytest.approx(outcome.paths.sharpes.tolist())
    assert paths["sharpe_quartiles"]["median"] == pytest.approx(np.median(outcome.paths.sharpes))
    assert paths["share_below_equal_weight"] == np.mean(
        outcome.paths.sharpes < outcome.paths.sharpe(outcome.paths.rival)
    )
    assert np.shape(paths["returns"]) == (5, len(paths["times"]) - 1)
    assert found["verdict"] == outcome.sentence
    assert found["facts"]["scorer"]["train"] == 90 * 86_400


def won(outcome: Outcome, wins: int, below: float) -> Outcome:
    """The outcome as if so many folds had been won, and that share of the paths lost."""
    up, flat = run_of([100.0, 120.0]), run_of([100.0, 100.0])
    folds = tuple(
        replace(fold, run=up if number < wins else flat, rival=run_of([100.0, 110.0]))
        for number, fold in enumerate(outcome.folds)
    )
    random = np.random.default_rng(1)
    rival = random.normal(0.0, 0.01, 200)
    lost = round(below * 4)
    paths = tuple(rival + (-0.01 if number < lost else 0.01) for number in range(4))
    times = 86_400 * np.arange(201, dtype=np.int64)
    return replace(outcome, folds=folds, paths=replace(outcome.paths, times=times, paths=paths, rival=rival))


@pytest.mark.parametrize(
    ("wins", "below", "better"), [(6, 0.0, True), (6, 0.5, False), (5, 0.0, False), (0, 1.0, False)]
)
def test_the_sentence_is_better_only_where_neither_a_coin_nor_the_paths_say_otherwise(
    wins: int, below: float, better: bool
) -> None:
    outcome = won(outcome_of("trend_tilt", 6), wins, below)
    assert outcome.better("rival") == wins
    assert outcome.sentence.startswith("Better than" if better else "Not shown to be better")
    assert f"in {wins} of 6 folds" in outcome.sentence
    assert f"{round(below * 4)} of 4 paths have a lower Sharpe ratio" in outcome.sentence


def test_equal_weight_itself_is_not_compared_with_itself() -> None:
    assert "It did what equal weight did in every fold" in told("equal_weight")


def test_the_coin_is_the_binomial_tail() -> None:
    assert at_least(0, 5) == 1.0
    assert at_least(5, 5) == 1 / 32
    assert at_least(2, 5) == 26 / 32
    assert at_least(6, 5) == 0.0


def test_folds_in_which_no_model_spoke_are_not_counted() -> None:
    outcome = outcome_of("trend_tilt", 6)
    folds = tuple(replace(fold, models=() if number < 2 else fold.models) for number, fold in enumerate(outcome.folds))
    fewer = replace(won(outcome, 6, 0.0), folds=tuple(replace(fold, models=()) for fold in folds))
    assert fewer.sentence == "Nothing is shown: no model was fitted before the last fold ended."
    partly = won(replace(outcome, folds=folds), 6, 0.0)
    assert (len(partly.judged), partly.better("rival"), partly.coin) == (4, 4, 1 / 16)
    assert "in 4 of 4 folds" in partly.sentence


def test_flat_paths_have_no_sharpe_ratio_and_count_as_below() -> None:
    outcome = outcome_of("trend_tilt")
    flat = replace(outcome, paths=replace(outcome.paths, paths=(np.zeros(len(outcome.paths.rival)),)))
    assert flat.paths.share_below == 1.0
    assert document(flat, {})["combinatorial"]["sharpe_quartiles"]["median"] is None


@pytest.mark.parametrize("name", ["trend_tilt", "reversal"])
def test_the_page_opens_offline_and_draws_what_was_found(name: str, tmp_path: Path) -> None:
    file = tmp_path / "folds.html"
    text = told(name, report=file)
    assert f"report: {file} (opens offline)" in text
    page = Page(file.read_text(encoding="utf-8"))
    policy = next(str(attrs["content"]) for tag, attrs in page.tags if tag == "meta" and "content" in attrs)
    assert [policy_hash(script) in policy for script in page.scripts] == [True, True]
    assert not [attrs for _, attrs in page.tags if "src" in attrs or "href" in attrs]
    drawn: dict[str, list[dict[str, Any]]] = json.loads(page.blocks["charts"])
    assert {attrs.get("id") for _, attrs in page.tags} >= set(drawn)
    outcome = outcome_of(name)
    assert drawn == json.loads(json.dumps(charts(outcome)))
    assert outcome.sentence in " ".join(page.words)
    bars = {trace["name"]: trace["y"] for trace in drawn["folds"]}
    gains = [fold.run.equity[-1] / fold.run.equity[0] - 1.0 for fold in outcome.folds]
    assert bars["strategy"] == pytest.approx(gains, rel=1e-6)
    median = next(trace for trace in drawn["fan"] if trace["name"] in ("median path", name))
    ends = [float(np.prod(1.0 + path)) for path in outcome.paths.paths]
    assert median["y"][-1] == pytest.approx(np.median(ends), rel=1e-6)


def test_words_from_elsewhere_cannot_break_out_of_the_page(tmp_path: Path) -> None:
    file = tmp_path / "folds.html"
    render_html(outcome_of("reversal"), {"title": HOSTILE, "simulated": [HOSTILE], "data_digest": "ab12"}, file)
    page = Page(file.read_text(encoding="utf-8"))
    assert not [tag for tag, _ in page.tags if tag == "img"]
    assert len(page.scripts) == 2


def test_refuses_reports_that_are_no_page_and_places_that_cannot_be_written(tmp_path: Path) -> None:
    console = Console(file=io.StringIO())
    with pytest.raises(ConfigError, match=r"^--report: expected a name that ends in \.html"):
        walkforward(options_of("reversal"), 4, 6, 2, tmp_path / "folds.pdf", False, console)
    with pytest.raises(StorageError, match="the report cannot be written"):
        walkforward(options_of("reversal"), 4, 6, 2, tmp_path / "missing" / "folds.html", False, console)

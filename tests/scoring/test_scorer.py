"""The port: the last row of the walk-forward, bit for bit, with its model kept between fits."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.panel import Panel
from bot.core.score import Scores
from bot.errors import PatronError
from bot.ports import Scorer
from bot.scoring import IdleScorer, PanelScorer, score_panel, scorer
from bot.scoring.params import ModelName
from bot.scoring.walkforward import score_rows
from tests.scoring.test_walkforward import MODELS, SHORT, assert_same
from tests.strategies.properties import made_panel, panels


@settings(max_examples=5, deadline=None)
@given(panel=panels(50, 58), model=st.sampled_from(MODELS))
def test_equals_the_last_row_of_the_walk_forward_at_every_time(panel: Panel, model: ModelName) -> None:
    params = replace(SHORT, model=model)
    whole = score_panel(panel, params)

    async def walk() -> None:
        port = PanelScorer(params)
        for stop in range(25, len(panel) + 1):
            rows = slice(stop - 1, stop)
            expected = Scores(whole.expected[rows], whole.low[rows], whole.high[rows], whole.model[rows])
            assert_same(await port.score(panel.rows(0, stop)), expected)

    asyncio.run(walk())


async def test_a_scorer_that_starts_in_the_middle_says_the_same() -> None:
    panel = made_panel(seed=21, rows=60, venues=4)
    running = PanelScorer(SHORT)
    for stop in range(40, 61):
        last = await running.score(panel.rows(0, stop))
    assert last.model[0]
    assert_same(last, await PanelScorer(SHORT).score(panel))


async def test_fits_once_between_refits_and_keeps_two_models() -> None:
    panel = made_panel(seed=22, rows=75, venues=4)
    port, seen = PanelScorer(SHORT), []
    for stop in range(40, 76):
        scores = await port.score(panel.rows(0, stop))
        assert scores.model[0] == port.models[-1].digest
        assert len(port.models) <= 2
        seen.append(port.models[-1])
    assert len({id(model) for model in seen}) == len({model.fit_time for model in seen}) >= 7


async def test_says_nothing_before_there_is_enough_to_learn_from() -> None:
    panel = made_panel(seed=23, rows=60, venues=4)
    for rows in (0, 1, 10):
        scores = await PanelScorer(SHORT).score(panel.rows(0, rows))
        assert scores.expected.shape == (1, 5)
        assert np.isnan(scores.expected).all()
        assert scores.model == ("",)


async def test_gives_up_in_one_line_when_a_score_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scorer, "score_rows", lambda *_: time.sleep(0.3))
    with pytest.raises(PatronError, match=r"no score after 0\.05 seconds"):
        await PanelScorer(SHORT, timeout_seconds=0.05).score(made_panel(seed=24, rows=5, venues=2))


async def test_the_event_loop_runs_on_while_a_model_is_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, begun, seen, found = asyncio.get_running_loop(), asyncio.Event(), threading.Event(), []

    def slow(*arguments: Any) -> Scores:
        loop.call_soon_threadsafe(begun.set)
        found.append(seen.wait(30))
        return score_rows(*arguments)

    monkeypatch.setattr(scorer, "score_rows", slow)
    task = asyncio.ensure_future(PanelScorer(SHORT).score(made_panel(seed=25, rows=60, venues=4)))
    await asyncio.wait_for(begun.wait(), 60)
    seen.set()
    await task
    assert found == [True], "the loop came back while the fit waited for it"


async def test_the_idle_scorer_says_nothing() -> None:
    port: Scorer = IdleScorer()
    scores = await port.score(made_panel(seed=26, rows=60, venues=4))
    assert scores.expected.shape == (1, 5)
    assert np.isnan(scores.expected).all()
    assert scores.model == ("",)


def test_importing_the_package_loads_no_scikit_learn() -> None:
    program = """
import json, sys
import bot.scoring
print(json.dumps(sorted({"sklearn", "scipy", "pandas"} & set(sys.modules))))
"""
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    assert json.loads(done.stdout) == []

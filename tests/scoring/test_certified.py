"""The scorer of a certified run: the same scores, and nothing opened on a model that was not admitted."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from bot.core.panel import Panel
from bot.errors import DataError, PatronError, RefusedError, StorageError
from bot.ports import Scorer
from bot.scoring import PanelScorer, certified
from bot.scoring.certified import CertifiedScorer, model_before
from bot.scoring.features import features
from bot.scoring.labels import labels
from bot.scoring.stability import admit, reference_of
from bot.scoring.walkforward import fit, fit_times, training_set
from tests.scoring.test_walkforward import SHORT, assert_same
from tests.strategies.properties import made_panel

PANEL = made_panel(seed=22, rows=75, venues=4)


@dataclass
class Lines:
    """A register in memory."""

    models: dict[str, tuple[int, Mapping[str, float | None], int]] = field(default_factory=dict)
    broken: PatronError | None = None
    asked: int = 0

    def __contains__(self, model: str) -> bool:
        return model in self.models

    def append(self, model: str, fit_time: int, figures: Mapping[str, float | None], now: int) -> None:
        self.asked += 1
        if self.broken is not None:
            raise self.broken
        assert model not in self.models, "asked again for a model that is there"
        self.models[model] = (fit_time, figures, now)


def reference(rows: int = 45, **changed: Any) -> dict[str, Any]:
    """What the model that speaks after so many rows left with the certificate."""
    panel = PANEL.rows(0, rows)
    names, x = features(panel, SHORT.bar_seconds)
    at = int(fit_times(panel.times, SHORT.refit)[-1])
    training = training_set(panel, names, x, labels(panel, SHORT.horizon), at, SHORT)
    assert training is not None
    return reference_of(training, fit(training, SHORT), names) | changed


def loose() -> dict[str, Any]:
    """A reference that every model of these few rows is like: its features moved any distance by themselves."""
    found = reference()
    return found | {"moved": [1e9] * len(found["edges"]), "rows": 1}


def scorer(lines: Lines, compared: Mapping[str, Any] | None = None, **more: Any) -> CertifiedScorer:
    return CertifiedScorer(SHORT, loose() if compared is None else compared, lines, now=lambda: 99.5, **more)


async def test_scores_are_those_of_the_scorer_and_each_model_is_written_down_once() -> None:
    lines = Lines()
    port: Scorer = scorer(lines)
    plain, spoke, withheld = PanelScorer(SHORT), [], []
    for stop in range(40, 76):
        found, expected = await port.score(PANEL.rows(0, stop)), await plain.score(PANEL.rows(0, stop))
        assert_same(found, expected)
        spoke.append(found.model[0])
        withheld.append(found.withheld)
    refused = {model for model, why in zip(spoke, withheld, strict=True) if why}
    assert set(lines.models) == set(spoke) - refused
    assert len(lines.models) >= 5
    assert all(lines.models[model][2] == 99 for model in lines.models)
    for model, why in zip(spoke, withheld, strict=True):
        assert bool(why) == (model not in lines.models)


async def test_a_model_that_is_refused_still_speaks_and_opens_nothing() -> None:
    lines = Lines()
    port = scorer(lines, loose() | {"radius": 1e-6})
    for stop in (60, 61):  # the verdict is remembered
        found = await port.score(PANEL.rows(0, stop))
        assert found.withheld.startswith(f"model {found.model[0][:12]} is not admitted under the certificate: ")
        assert "its interval is ±" in found.withheld
        assert_same(found, await PanelScorer(SHORT).score(PANEL.rows(0, stop)))
    assert (lines.models, lines.asked) == ({}, 0)


async def test_what_was_admitted_is_so_again_after_a_restart_whatever_is_compared_now() -> None:
    lines = Lines()
    first = await scorer(lines).score(PANEL)
    assert first.withheld == ""
    assert list(lines.models) == [first.model[0]]
    again = await scorer(lines, loose() | {"radius": 1e-6}).score(PANEL)
    assert again.withheld == ""
    assert lines.asked == 1


async def test_a_restart_in_the_middle_comes_to_the_same_verdicts() -> None:
    whole, parts = Lines(), Lines()
    port = scorer(whole)
    for stop in range(40, 76):
        await port.score(PANEL.rows(0, stop))
        await scorer(parts).score(PANEL.rows(0, stop))
    assert whole.models == parts.models


async def test_before_there_is_a_model_there_is_nothing_to_admit_and_nothing_is_opened() -> None:
    lines = Lines()
    found = await scorer(lines).score(PANEL.rows(0, 5))
    assert (found.model, lines.asked) == (("",), 0)
    assert found.withheld == "no model speaks, and the certificate is of one that does"


@pytest.mark.parametrize("error", [StorageError("register: Read-only file system"), RefusedError("register: line 2")])
async def test_an_admission_that_cannot_be_written_down_is_none_and_stops_no_exit(error: PatronError) -> None:
    lines = Lines(broken=error)
    port = scorer(lines)
    for _ in range(2):
        found = await port.score(PANEL)
        assert found.withheld == f"model {found.model[0][:12]} cannot be written down as admitted: {error}"
        assert np.isfinite(found.expected).any(), "what it says is told, and may sell"
    lines.broken = None
    assert (await port.score(PANEL)).withheld == ""


async def test_a_verdict_that_takes_too_long_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certified, "admit", lambda *_: time.sleep(0.8))
    with pytest.raises(PatronError, match=r"no verdict on a new model after 0\.4 seconds"):
        await scorer(Lines(), timeout_seconds=0.4).score(PANEL.rows(0, 60))


async def test_the_loop_runs_on_while_a_model_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, begun, seen, found = asyncio.get_running_loop(), asyncio.Event(), threading.Event(), []

    def slow(*arguments: Any) -> Any:
        loop.call_soon_threadsafe(begun.set)
        found.append(seen.wait(30))
        return admit(*arguments)

    monkeypatch.setattr(certified, "admit", slow)
    task = asyncio.ensure_future(scorer(Lines()).score(PANEL))
    await asyncio.wait_for(begun.wait(), 60)
    seen.set()
    await task
    assert found == [True], "the loop came back while the verdict waited for it"


def test_a_certificate_without_a_reference_is_refused_at_the_start() -> None:
    with pytest.raises(DataError, match="the certificate's reference of models"):
        scorer(Lines(), {})


def test_the_model_before_is_the_one_that_spoke_before() -> None:
    params, panel = SHORT, PANEL
    fits = fit_times(panel.times, params.refit)
    for row in (50, 60, 74):
        before = model_before(panel.rows(0, row + 1), params, int(fits[row]))
        earlier = panel.rows(0, int((fits < fits[row]).sum()))
        assert before is not None
        assert before.digest == asyncio.run(PanelScorer(params).score(earlier)).model[0]
        assert before.fit_time < fits[row]
    assert model_before(panel.rows(0, 2), params, int(fits[0])) is None


async def test_restated_data_makes_a_new_model_that_must_be_admitted() -> None:
    lines = Lines()
    port = scorer(lines)
    await port.score(PANEL)
    close = PANEL.close.copy()
    close[-20] *= 1.01
    restated: Panel = replace(PANEL, fields={**PANEL.fields, "close": close})
    await port.score(restated)
    assert len(lines.models) == 2

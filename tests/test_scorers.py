"""Which scorer a run asks, and what an expired certificate and a model that was not admitted do to a cycle."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from bot.admissions import Admissions, admissions_path
from bot.certificates import Standing
from bot.core.panel import Panel
from bot.core.score import Scores, no_scores
from bot.cycle import run_cycle
from bot.errors import DataError, RefusedError
from bot.scorers import UntilExpiry, scorer_of
from bot.scoring.certified import CertifiedScorer
from bot.scoring.scorer import IdleScorer, PanelScorer
from tests.backtests.markets import config_of
from tests.builders import with_ports, world
from tests.certified import certificate
from tests.strategies.properties import made_panel
from tests.test_cycle import wanting

WHY = "model 0123 is not admitted under the certificate: 80% of the features drifted"


@dataclass
class Withholds:
    """A scorer without a model that withholds, and says why."""

    why: str

    async def score(self, panel: Panel) -> Scores:
        return replace(no_scores(1, len(panel.venues)), withheld=self.why)


async def test_scores_that_are_withheld_open_nothing_and_the_report_says_why() -> None:
    made = world()
    report = await run_cycle(with_ports(made, scorer=Withholds(WHY)), made.settings, 1)
    assert (report.outcome, report.reasons) == ("held", (f"entries stopped: {WHY}",))
    assert WHY in report.sentence
    assert made.market.idle == report.nav


async def test_scores_that_are_withheld_stop_no_exit_and_the_report_says_why_nothing_was_bought() -> None:
    made = world()
    assert (await run_cycle(made.ports, made.settings, 1)).reasons == ()
    changed = wanting(made, 0.0, 0.0, 1.0)
    report = await run_cycle(with_ports(changed, scorer=Withholds(WHY)), changed.settings, 2)
    assert report.outcome == "deployed"
    assert [(leg["venue"], leg["entry"]) for leg in report.legs] == [("v1", False)]
    assert report.reasons == (f"entries stopped: {WHY}",)
    assert WHY in report.sentence


async def test_an_expired_certificate_opens_nothing_from_its_second_on() -> None:
    issued, now = certificate(expires_at=1_800_000_000), 1_799_999_999.5
    port = UntilExpiry(IdleScorer(), issued, lambda: now)
    panel = made_panel(seed=1, rows=4, venues=2)
    assert (await port.score(panel)).withheld == ""
    now = 1_800_000_000.0
    found = await port.score(panel)
    assert found.withheld == "the certificate expired on 2027-01-15"
    assert np.isnan(found.expected).all()
    now = 1_799_000_000.0
    assert (await port.score(panel)).withheld == found.withheld, "a clock that is put back makes nothing valid again"


def test_the_last_row_keeps_what_is_withheld() -> None:
    scores = replace(no_scores(3, 2), withheld=WHY)
    assert scores.last().withheld == WHY


def test_only_a_certified_run_that_asks_a_model_admits_models(tmp_path: Path) -> None:
    config = config_of(2)
    uncertified = Standing(None, "stamp")
    assert isinstance(scorer_of(config, False), IdleScorer)
    assert isinstance(scorer_of(config, True), PanelScorer)
    assert isinstance(scorer_of(config, True, uncertified), PanelScorer)
    held = Standing(certificate(), "stamp", tmp_path / "c.json")
    assert isinstance(scorer_of(config, False, held), UntilExpiry)
    with pytest.raises(DataError, match="reference of models"):
        scorer_of(config, True, held)
    reference = {"edges": [[0.0]], "counts": [[1, 1, 0]], "moved": [0.0], "names": [], "rows": 2, "radius": 1.0}
    able = replace(held, certificate=certificate(reference=reference | {"calibration_error": 1.0}))
    found = scorer_of(config, True, able)
    assert isinstance(found, UntilExpiry)
    assert isinstance(found.scorer, CertifiedScorer)


def test_a_register_that_was_changed_refuses_the_start(tmp_path: Path) -> None:
    held = Standing(certificate(), "stamp", tmp_path / "c.json")
    path = admissions_path(tmp_path / "c.json")
    for model in ("a", "b"):
        Admissions(path, certificate().digest).append(model, 1, {}, 2)
    path.write_text(path.read_text(encoding="utf-8").replace('"model": "b"', '"model": "c"'), encoding="utf-8")
    with pytest.raises(RefusedError, match=r"c\.json\.admissions\.jsonl: line 2: changed after it was written"):
        scorer_of(config_of(2), True, held)

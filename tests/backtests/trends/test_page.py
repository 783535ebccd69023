"""The evaluation end to end on made topics, and the page that is written from it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backtests.trends.__main__ import main
from backtests.trends.judging import PAST, PLAIN, SCORER, Judged, judge, stability
from backtests.trends.page import BEGIN, END, figures, replaced
from backtests.trends.recordings import RECORDINGS, Recording
from backtests.trends.rivals import past_growth
from bot.core.topic_panel import TopicPanel
from bot.errors import ConfigError, DataError
from tests.recordings import recorded_data
from tests.scoring.trends.made_topics import DAY, SHORT, START, made_panel

PANEL = made_panel(31, 90, 160)


class Made(Recording):
    """A recording of made topics: no file is read."""

    def panel(self, data: Path) -> TopicPanel:
        return PANEL


@pytest.fixture(scope="module")
def judged() -> Judged:
    params = replace(SHORT, horizon=8 * DAY)
    span = START + 50 * DAY, START + 80 * DAY
    made = Made("made topics", "none", params, START, START, START + 45 * DAY, span, 0.0, DAY)
    return judge(made, Path(), lambda line: None)


def test_lasting_growth_is_ranked_on_topics_that_were_never_seen(judged: Judged) -> None:
    for name in (SCORER, f"{SCORER}, unseen", f"{PLAIN}, unseen"):
        assert judged.area(name, judged.rows) > 0.85
    told, unseen = judged.scores[SCORER], judged.scores[f"{SCORER}, unseen"]
    np.testing.assert_array_equal(np.isfinite(told[judged.rows]), np.isfinite(unseen[judged.rows]))
    assert not np.array_equal(told[judged.rows], unseen[judged.rows], equal_nan=True)


def test_only_rows_of_the_judged_span_with_news_are_judged(judged: Judged) -> None:
    times = judged.panel.times[judged.rows]
    assert START + 50 * DAY <= times.min() <= times.max() <= START + 80 * DAY
    assert np.isfinite(judged.top[judged.rows]).any(axis=1).all()
    assert judged.shown[-len(judged.rows) :].tolist() == judged.rows.tolist()
    assert judged.panel.times[judged.shown[0]] < START + 50 * DAY


def test_past_growth_needs_both_ends() -> None:
    grown = past_growth(PANEL, SHORT)
    level = PANEL.levels["stars"]
    assert np.isnan(grown[:28]).all()
    np.testing.assert_allclose(grown[40], np.log(level[40] / level[12]))


def test_refits_are_compared_with_the_one_before(judged: Judged) -> None:
    told = stability(judged)
    assert len(told) == len([time for time in judged.models if time <= PANEL.times[-1]]) - 1
    assert all(-1.0 <= agreed <= 1.0 and len(names) == 5 for _, agreed, _, names in told)


def test_the_page_says_what_was_measured_and_keeps_the_words_around(judged: Judged) -> None:
    made = figures([judged])
    assert f"| {SCORER} | {judged.area(SCORER, judged.rows):.3f} |" in made
    found = judged.better(SCORER, PAST)
    assert f"{found.told} |" in made
    assert "first published less than 28 days ago" in made
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert replaced(page, made) == f"before\n{BEGIN}\n\n{made.strip()}\n\n{END}\nafter\n"
    with pytest.raises(ConfigError, match="marks"):
        replaced("no marks", made)


def test_recordings_that_are_not_there_are_told_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "scorer.md"
    page.write_text(f"{BEGIN}\n{END}\n", encoding="utf-8")
    assert main(["--data", str(tmp_path), "--out", str(page)]) == 3
    assert "no such recording" in capsys.readouterr().err
    assert page.read_text(encoding="utf-8") == f"{BEGIN}\n{END}\n"
    assert main(["--data", str(tmp_path), "--out", str(tmp_path / "none.md")]) == 2


def test_the_recorded_nodes_are_the_nodes_of_the_recording() -> None:
    data = recorded_data()
    if data is None:  # a stranger's clone has none: the message is what can be checked there
        with pytest.raises(DataError, match="no such recording"):
            RECORDINGS[0].panel(Path("nowhere"))
        return
    panel = RECORDINGS[0].panel(data)
    assert len(panel.topics) > 1_300
    assert all(topic == topic.lower() and "://" not in topic for topic in panel.topics)
    last = panel.levels[RECORDINGS[0].params.activity]
    known = np.isfinite(last)
    assert known.any()
    assert (last <= panel.times[:, None])[known].all()

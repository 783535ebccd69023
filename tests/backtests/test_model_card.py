"""The page of a model says what its manifest says, escapes what it is given, and admits where no skill is shown."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from backtests.model_card import HEIGHT, WIDTH, card, figures, picture, skill_note
from backtests.page import NO_VALUE
from bot.scoring.registry import Manifest

FIGURE = {"value": 0.1, "low": 0.02, "high": 0.18, "independent": 9}
MANIFEST = Manifest(
    kind="asset",
    name="mine",
    model="ab" * 32,
    fit_time=1_700_000_000,
    features=("a", "b"),
    window={"first": 1_690_000_000, "last": 1_700_000_000, "rows": 321, "calibration_rows": 45},
    data={"title": "<script>alert(1)</script>", "kind": "recorded", "digest": "cd" * 32},
    params={"horizon": 604_800},
    seed=7,
    metrics={
        "walk_forward": {
            "rank_correlation": FIGURE,
            "coverage": {**FIGURE, "value": 0.81, "nominal": 0.8},
            "calibration": [{"said": -0.1, "came": 0.0, "rows": 3}, {"said": 0.3, "came": 0.1, "rows": 3}],
        },
        "importance": {"b": 0.02, "a": 0.01},
    },
    versions={"numpy": "1", "patron": "2", "scikit-learn": "3"},
    recipe={"synthetic": None},
)
LOG = [{"at": 1_700_000_000, "who": "me", "why": "<b>better</b>", "what": "promoted", "model": "ef" * 32}]


class Texts(HTMLParser):
    """The tags and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.said = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.said += data


def test_the_page_holds_every_part_and_is_the_same_for_the_same_model() -> None:
    page = card("12" * 32, MANIFEST, LOG, True)
    text = Texts(page)
    for said in ("321 rows", "0.100", "0.020 to 0.180", "0.810", "12" * 32, "patron models verify", "--data DIR"):
        assert said in text.said
    assert "<b>better</b>" in text.said  # as text, not as a tag
    assert "alert(1)" in text.said
    assert "<script>alert" not in page
    assert "b" not in text.tags
    assert text.said.index("2.000%") < text.said.index("1.000%")
    assert "http" not in page.replace("http-equiv", "")
    assert page == card("12" * 32, MANIFEST, LOG, True)


def test_no_skill_is_said_where_the_interval_does_not_exclude_it() -> None:
    assert skill_note({"rank_correlation": FIGURE}) == ""
    assert "No skill is shown" in skill_note({"rank_correlation": {**FIGURE, "low": -0.01}})
    assert "No skill is shown" in skill_note({"area_under_curve": {**FIGURE, "low": 0.5}})
    assert "No skill is shown" in skill_note({"rank_correlation": {**FIGURE, "low": None}})
    weak = replace(MANIFEST, metrics={"walk_forward": {"rank_correlation": {**FIGURE, "low": -0.1}}})
    assert "No skill is shown" in card("12" * 32, weak, [], False)


def test_a_topics_model_that_was_never_judged_says_so() -> None:
    young = replace(MANIFEST, kind="topic", metrics={"out_of_time": None})
    assert "Nothing can be told yet" in card("12" * 32, young, [], False)


def test_figures_of_topics_have_a_coverage_for_each_interval() -> None:
    judged = {
        "area_under_curve": FIGURE,
        "base_rate": 0.1,
        "coverage": {"0.8": {**FIGURE, "value": 0.79}, "0.9": {"value": None}},
    }
    assert [(name, value) for name, value, _ in figures(judged)] == [
        ("area under the curve", 0.1),
        ("coverage of 80% intervals", 0.79),
        ("coverage of 90% intervals", None),
        ("share that came to the top", 0.1),
    ]
    assert [interval for _, _, interval in figures(judged)][1:3] == ["0.020 to 0.180", NO_VALUE]


@pytest.mark.parametrize("bins", [[], [{"said": 1.0, "came": 1.0}], [{"said": 1.0, "came": None}] * 3])
def test_too_few_bins_are_not_drawn(bins: list[dict[str, float | None]]) -> None:
    assert picture(bins) is None


def test_dots_lie_within_the_picture_and_on_the_line_where_said_is_what_came() -> None:
    drawn = picture([{"said": each, "came": each} for each in (-0.1, 0.0, 0.3)])
    assert drawn is not None
    x1, y1, x2, y2 = drawn["even"]
    for x, y in drawn["marks"]:
        assert 0 < x < WIDTH
        assert 0 < y < HEIGHT
        assert (y - y1) * (x2 - x1) == pytest.approx((x - x1) * (y2 - y1), abs=60.0)

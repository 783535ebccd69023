"""Hugging Face, GitHub and PyPI on answers made by hand (see answers/README.md)."""

from __future__ import annotations

import json

import pytest

from bot.core.observation import Observation
from bot.errors import SourceDrift
from bot.signals.sources.downloads import PyPIStats
from bot.signals.sources.github import GitHub
from bot.signals.sources.huggingface import HuggingFace
from bot.signals.sources.source import Parsed
from tests.signals.sources.pages import SEEN, asked, made, page
from tests.signals.sources.server import answer

DAY = 86_400
AUGUST = 1_722_470_400


def values(parsed: Parsed, topic: str) -> dict[str, float]:
    return {row.series: row.value for row in parsed.observations if row.topic == topic}


def test_models_of_the_hub_are_read_with_their_number() -> None:
    source = made(HuggingFace, tasks=["text-to-image"])
    parsed = source.parse(page(asked(source, "models"), "huggingface_models"))
    assert values(parsed, "studio/painter-xl") == {
        "hf_model_likes": 812.0,
        "hf_model_downloads_30d": 120_345.0,
        "hf_model_trending": 57.0,
        "hf_model_created": 1_721_469_600.0,
    }
    row = parsed.observations[0]
    assert row.entity == "66a1b2c3d4e5f60718293a4b"
    assert {(each.observed_at, each.published_at) for each in parsed.observations} == {(SEEN, SEEN)}
    (refused,) = parsed.refused
    assert (refused.source, refused.field, refused.asset) == ("huggingface", "likes", "studio/broken")


def test_what_is_older_than_the_hubs_records_has_no_date() -> None:
    source = made(HuggingFace)
    parsed = source.parse(page(asked(source, "models"), "huggingface_models"))
    assert values(parsed, "old/sketcher") == {
        "hf_model_likes": 40.0,
        "hf_model_downloads_30d": 3.0,
        "hf_model_trending": 0.0,
    }


def test_spaces_have_no_downloads_and_need_none() -> None:
    source = made(HuggingFace, what=["spaces"])
    parsed = source.parse(page(asked(source, "spaces"), "huggingface_spaces"))
    assert set(values(parsed, "studio/playground")) == {"hf_space_likes", "hf_space_trending", "hf_space_created"}


def test_the_hub_is_asked_by_task_and_search_and_followed_by_its_own_links() -> None:
    source = made(HuggingFace, what=["models", "datasets"], tasks=["text-to-image"], search=["anime"], sort="likes")
    asks = source.asks(0, SEEN)
    assert [ask.note for ask in asks] == [
        "models anime",
        "models text-to-image",
        "datasets anime",
        "datasets task_categories:text-to-image",
    ]
    assert ("pipeline_tag", "text-to-image") in asks[1].params
    assert ("filter", "task_categories:text-to-image") in asks[3].params
    body = answer("huggingface_models")
    link = '<https://huggingface.co/api/models?cursor=abc&limit=100>; rel="next"'
    (more,) = source.parse(page(asks[0], body, link=link)).following
    assert more.url == "https://huggingface.co/api/models?cursor=abc&limit=100"
    assert source.parse(page(more, body)).observations[0].series == "hf_model_likes"
    for place, kind in (
        ("https://evil.example/api/models", "next"),
        ("x", "next"),
        ("https://huggingface.co/x", "last"),
    ):
        assert not source.parse(page(asks[0], body, link=f'<{place}>; rel="{kind}"')).following
    assert not source.parse(page(asks[0], b"[]", link=link)).following


def test_a_hub_that_renames_its_fields_is_told_by_the_field() -> None:
    source = made(HuggingFace)
    body = answer("huggingface_models").replace(b'"likes"', b'"hearts"')
    with pytest.raises(SourceDrift, match="huggingface: likes: 3 of 3 rows do not fit: field required"):
        source.parse(page(asked(source, "models"), body))


def test_repositories_are_read_under_their_number_whatever_they_are_called() -> None:
    source = made(GitHub, topics=["comfyui"])
    parsed = source.parse(page(asked(source, "topic comfyui"), "github_search"))
    assert values(parsed, "painter/nodes") == {
        "github_stars": 4_200.0,
        "github_forks": 310.0,
        "github_created": 1_683_356_889.0,
    }
    assert {row.entity for row in parsed.observations} == {"101", "102"}
    assert [(row.field, row.asset) for row in parsed.refused] == [("forks_count", "bad/Forks")]
    assert not parsed.following


def test_a_search_goes_on_while_pages_are_full_and_github_gives_more() -> None:
    source = made(GitHub, topics=["comfyui"])
    first = asked(source, "topic comfyui")
    row = json.loads(answer("github_search"))["items"][0]
    full = {"total_count": 5_000, "items": [{**row, "id": number + 1} for number in range(100)]}
    (second,) = source.parse(page(first, json.dumps(full).encode())).following
    assert dict(second.params)["page"] == "2"
    assert dict(second.params)["q"] == "topic:comfyui"
    tenth = type(second)(second.url, tuple((dict(second.params) | {"page": "10"}).items()), note=second.note)
    assert not source.parse(page(tenth, json.dumps(full).encode())).following
    assert not source.parse(page(first, json.dumps(full | {"total_count": 100}).encode())).following
    assert not source.parse(page(first, json.dumps(full | {"total_count": "many"}).encode())).following


def test_a_single_repository_and_its_releases() -> None:
    source = made(GitHub, repositories=["Painter/Nodes"], releases=True)
    parsed = source.parse(page(asked(source, "repository Painter/Nodes"), "github_repository"))
    assert values(parsed, "painter/nodes")["github_stars"] == 4_201.0
    parsed = source.parse(page(asked(source, "releases of"), "github_releases"))
    july, june = 1_719_835_200, 1_717_243_200
    assert parsed.observations == (
        Observation("github_release", "painter/nodes", "", 1.0, july, SEEN),
        Observation("github_release_downloads", "painter/nodes@v1.1", "release-9001", 42.0, SEEN, SEEN),
        Observation("github_release", "painter/nodes", "", 1.0, june, SEEN),
        Observation("github_release_downloads", "painter/nodes@v1.0", "release-9000", 0.0, SEEN, SEEN),
    )
    early = source.parse(page(asked(source, "releases of"), "github_releases", seen=june + 60))
    assert [row.field for row in early.refused] == ["published_at"]


def test_a_name_that_is_no_repository_is_refused_before_it_is_asked_for() -> None:
    for name in ("nodes", "a/b/c", "../x", "a/b?c"):
        with pytest.raises(ValueError, match="repositories: expected owner/name"):
            made(GitHub, repositories=[name])


def test_a_days_downloads_are_known_a_day_after_its_end() -> None:
    source = made(PyPIStats, packages=["paintlib"])
    ask = asked(source, "package paintlib")
    late = source.parse(page(ask, "pypistats_overall", seen=AUGUST + 60 * DAY))
    first = late.observations[0]
    assert first == Observation("pypi_downloads_1d", "paintlib", "paintlib", 1_001.0, AUGUST + DAY, AUGUST + 2 * DAY)
    assert len(late.observations) == 10
    soon = source.parse(page(ask, "pypistats_overall", seen=AUGUST + DAY + 60))
    assert [(row.observed_at, row.published_at) for row in soon.observations] == [(AUGUST + DAY, AUGUST + DAY + 60)]


def test_downloads_with_mirrors_or_without_a_day_are_not_taken() -> None:
    source = made(PyPIStats, packages=["paintlib"])
    days = json.loads(answer("pypistats_overall"))
    days["data"] += [{"category": "with_mirrors", "date": "2024-08-01", "downloads": 9_999}]
    days["data"] += [{"category": "without_mirrors", "date": "2024-13-01", "downloads": 1}]
    parsed = source.parse(page(asked(source, "package"), json.dumps(days).encode(), seen=AUGUST + 60 * DAY))
    assert len(parsed.observations) == 10
    assert [(row.field, row.asset) for row in parsed.refused] == [("date", "paintlib")]

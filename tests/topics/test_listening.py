"""Who speaks for an asset: names to the letter, globs, and nobody who only looks like a known name."""

from __future__ import annotations

from bot.topics.listening import heard, own_bearings, roster
from bot.topics.names import Lookalike
from bot.topics.ontology import Bearing, load_ontology

ONTOLOGY = load_ontology()
STARS = "github_stars"


def columns(bearing: Bearing, topics: tuple[str, ...]) -> tuple[int, ...]:
    found = heard([bearing], roster(bearing.series, topics, [bearing], ONTOLOGY))
    return found[0].columns if found else ()


def test_a_name_is_heard_whatever_its_case_or_address() -> None:
    bearing = Bearing(STARS, "mrdoob/three.js", 1.0)
    topics = ("MrDoob/three.js", "hhttps://github.com/mrdoob/three.js.git", "mrdoob/threexjs", "mrdoob/three.jsx")
    assert columns(bearing, topics) == (0, 1)


def test_a_look_alike_speaks_for_nobody_not_even_through_a_glob() -> None:
    topics = ("aaa/node", "openai/whisper", "openai/whispr", "openai/wh\u0456sper")
    bearings = [*own_bearings(STARS, ["*"]), *own_bearings(STARS, ["openai/*"])]
    called = roster(STARS, topics, bearings, ONTOLOGY)
    assert [each.columns for each in heard(bearings, called)] == [(0, 1), (1,)]
    assert called.refused == (
        ("openai/whispr", Lookalike("openai/whisper", "is one letter away")),
        ("openai/wh\u0456sper", Lookalike(
            "openai/whisper", "mixes scripts: has CYRILLIC SMALL LETTER BYELORUSSIAN-UKRAINIAN I")),
    )  # fmt: skip


def test_who_imitates_a_strategys_own_topic_is_refused_too() -> None:
    bearings = own_bearings(STARS, ["Mine/Instrument"])
    called = roster(STARS, ("mine/1nstrument", "mine/instrument"), bearings, ONTOLOGY)
    assert [topic for topic, _ in called.refused] == ["mine/1nstrument"]
    assert heard(bearings, called)[0].columns == (1,)


def test_a_bearing_of_another_series_hears_nobody() -> None:
    called = roster(STARS, ("openai/whisper",), (), ONTOLOGY)
    assert heard([Bearing("hf_model_likes", "*", 1.0)], called) == ()


def test_a_wildcard_that_is_part_of_a_name_matches_itself_alone() -> None:
    bearing = Bearing(STARS, "odd/na[[]me]", 1.0)
    assert columns(bearing, ("odd/na[me]", "odd/nam", "odd/nae")) == (0,)


def test_a_package_is_the_same_with_hyphens_dots_and_underscores() -> None:
    bearing = next(each for each in ONTOLOGY.bearings("WLD") if each.series == "pypi_downloads" and each.thing)
    assert columns(bearing, (bearing.topic_pattern.upper(),)) == (0,)
    whisper = Bearing("pypi_downloads", "openai-whisper", 1.0)
    assert columns(whisper, ("openai_whisper", "OpenAI.Whisper", "openaiwhisper")) == (0, 1)

"""The ontology: what it says, what it refuses with file, line and field, and from when on it may be used."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.errors import ConfigError
from bot.topics.names import Lookalike, Match
from bot.topics.ontology import SHIPPED, Bearing, Ontology, load_ontology

SMALL = """\
version: 1
series: {stars: github, likes: huggingface, packages: pypi}
kinds:
  image: {title: still images, topics: {stars: ["Curated/*"]}}
  music: {title: music}
creators:
  lab: {title: A lab, known_from: 2022-03-01, owners: {github: [The-Lab]}}
models:
  painter:
    title: Painter
    kinds: [image]
    known_from: 2023-01-01
    names: {github: [The-Lab/Painter], huggingface: [the-lab/painter-v1]}
    ids: {github: {The-Lab/Painter: 77}}
  singer: {title: Singer, kinds: [music], known_from: 2020-01-01, names: {pypi: [singer]}}
tools:
  studio: {title: S, kinds: [image, music], known_from: 2021-06-01, names: {github: [a/studio], pypi: [Studio_Tool]}}
collections:
  drops: {title: Drops, kinds: [image], known_from: 2021-01-01, names: {ethereum: ["0xab"]}}
tokens:
  ART:
    title: Art
    aka: [OLDART]
    bearings:
      made: {of: [image], weight: 1.0, known_from: 2022-01-01, reason: pictures that are made are sold there}
      tool: {of: [studio], weight: 2.0, known_from: 2020-01-01, reason: the studio publishes there by default}
  SONG:
    title: Song
    bearings:
      rival: {of: [music, lab], weight: -0.5, known_from: 2022-01-01, reason: generated songs compete with it}
"""


def day(year: int, month: int = 1, date: int = 1) -> int:
    return int(datetime(year, month, date, tzinfo=UTC).timestamp())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(SMALL)
    return path


def bearing_of(found: tuple[Bearing, ...], series: str, pattern: str) -> Bearing:
    return next(each for each in found if (each.series, each.topic_pattern) == (series, pattern))


def test_what_bears_on_an_asset_is_told_topic_by_topic(file: Path) -> None:
    found = load_ontology(file).bearings("ART")
    assert [(each.series, each.topic_pattern, each.weight) for each in found] == [
        ("likes", "the-lab/painter-v1", 1.0),
        ("packages", "studio-tool", 2.0),
        ("stars", "a/studio", 2.0),
        ("stars", "curated/*", 1.0),
        ("stars", "the-lab/painter", 1.0),
    ]
    assert bearing_of(found, "stars", "a/studio").reason == "the studio publishes there by default"
    assert bearing_of(found, "stars", "the-lab/painter").thing == "painter"


def test_a_bearing_begins_when_both_its_sides_could_be_known(file: Path) -> None:
    found = load_ontology(file).bearings("ART")
    assert bearing_of(found, "stars", "the-lab/painter").known_from == day(2023)  # the model came later
    assert bearing_of(found, "stars", "curated/*").known_from == day(2022)  # the token did
    assert bearing_of(found, "stars", "a/studio").known_from == day(2021, 6)


def test_an_account_speaks_with_all_that_it_publishes_and_a_weight_may_be_below_zero(file: Path) -> None:
    lab = bearing_of(load_ontology(file).bearings("SONG"), "stars", "the-lab/*")
    assert (lab.weight, lab.known_from) == (-0.5, day(2022, 3))


def test_a_token_is_found_by_its_other_names_and_a_stranger_has_no_bearings(file: Path) -> None:
    ontology = load_ontology(file)
    assert ontology.bearings("oldart") == ontology.bearings("ART") != ()
    assert ontology.bearings("BTC") == ()
    assert ontology.tokens == ("ART", "SONG")


def test_names_are_resolved_as_their_source_writes_them(file: Path) -> None:
    ontology = load_ontology(file)
    assert ontology.resolve("github", "https://github.com/the-lab/painter") == Match("The-Lab/Painter")
    assert ontology.resolve("github", "new-owner/painter", "77") == Match("The-Lab/Painter", renamed=True)
    assert ontology.resolve("github", "The-Lab/Painter", "78") == Lookalike(
        "The-Lab/Painter", "has the name of 77 and the id 78"
    )
    assert ontology.resolve("pypi", "studio.tool") == Match("Studio-Tool")
    assert isinstance(ontology.resolve("github", "The_Lab/Painter"), Lookalike)


def test_the_digest_is_of_the_content(file: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.yaml"
    copy.write_text(SMALL)
    assert load_ontology(copy).digest == load_ontology(file).digest != load_ontology().digest
    file.write_text(SMALL + "\n# a remark\n")
    assert load_ontology(file).digest != load_ontology(copy).digest


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("version: 1", "version: 2", "version: input should be 1 (got 2)"),
        ("weight: 2.0", "weight: .inf", "tokens.ART.bearings.tool.weight: "),
        ("weight: 2.0", "weight: .nan", "tokens.ART.bearings.tool.weight: "),
        ("weight: 2.0", "weight: 0.0", "tokens.ART.bearings.tool.weight: is zero: leave the bearing out"),
        ("weight: 2.0", "weight: 1e400", "tokens.ART.bearings.tool.weight: "),
        ("weight: 2.0", "weight: 11", "tokens.ART.bearings.tool.weight: input should be less than or equal to 10"),
        ("weight: 2.0", "weight: '2'", "tokens.ART.bearings.tool.weight: input should be a valid number"),
        ("of: [studio]", "of: [studoi]", "tokens.ART.bearings.tool.of: nothing here has the id 'studoi'"),
        ("of: [studio]", "off: [studio]", "tokens.ART.bearings.tool.off: unknown key; did you mean 'of'?"),
        ("2021-06-01", "soon", "tools.studio.known_from: "),
        ("kinds: [music]", "kinds: [noise]", "models.singer.kinds: no kind 'noise'; there are: image, music"),
        ("a/studio", "a/*", "tools.studio.names.github: 'a/*' has a wildcard; names are whole"),
        ("{stars: [", "{rats: [", "kinds.image.topics.rats: not among the series of this file"),
        ("  drops:", "  singer:", "collections.singer: the same id is among models"),
        ("The-Lab/Painter: 77", "The-Lab/Paint: 77", "models.painter.ids.github: The-Lab/Paint is not among its names"),
        ("The-Lab/Painter: 77", "The-Lab/Painter: '77'", "models.painter.ids.github.The-Lab/Painter: "),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(file: Path, old: str, new: str, said: str) -> None:
    line = SMALL[: SMALL.index(old)].count("\n") + 1
    file.write_text(SMALL.replace(old, new, 1))
    with pytest.raises(ConfigError) as refused:
        load_ontology(file)
    text = str(refused.value)
    assert text.startswith(f"{file}:{line}: {said}")
    assert len(text.splitlines()) == 1


def test_one_name_cannot_be_of_two_tokens(file: Path) -> None:
    file.write_text(SMALL.replace("aka: [OLDART]", "aka: [song]"))
    with pytest.raises(ConfigError, match=r":27: tokens.SONG: the name SONG is also of ART$"):
        load_ontology(file)


def test_what_is_no_yaml_is_refused(file: Path) -> None:
    file.write_text(SMALL.replace("version: 1", "version: ["))
    with pytest.raises(ConfigError, match="not valid YAML"):
        load_ontology(file)


def test_a_missing_file_is_told_with_where_to_read_on(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no such file; docs/topics\.md says how one is written"):
        load_ontology(tmp_path / "none.yaml")


def test_what_ships_is_whole() -> None:
    ontology: Ontology = load_ontology()
    assert set(ontology.kinds) == {"image", "video", "music", "3d", "voice", "text"}
    for kind in ontology.kinds:
        assert sum(kind in thing.kinds for thing in ontology.written.things.values()) >= 3, kind
    for asset in ontology.tokens:
        found = ontology.bearings(asset)
        assert found, asset
        assert all(each.known_from >= day(2010) and each.reason for each in found), asset
    for source in ("github", "huggingface", "pypi"):
        assert len(ontology.names(source)._exact) == len(ontology.named(source))  # no two names are one


def test_no_two_names_that_ship_look_alike_unless_both_are_known() -> None:
    ontology = load_ontology()
    for source in ("github", "huggingface", "pypi"):
        known = ontology.names(source)
        assert [known.resolve(name) for name in ontology.named(source)] == [
            Match(name) for name in ontology.named(source)
        ]


def test_what_ships_says_in_its_head_that_weights_are_opinions() -> None:
    assert "Weights are opinions in numbers, not estimates" in SHIPPED.read_text(encoding="utf-8")

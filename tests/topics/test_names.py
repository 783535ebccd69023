"""A name is the same, or it is another: what lies between is refused by name, and never merged."""

from __future__ import annotations

import string
import unicodedata

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from bot.topics.names import KnownNames, Lookalike, Match, Unknown, canonical, resolve, skeleton

COMFY, WHISPER, DIFFUSERS = "comfyanonymous/ComfyUI", "openai/whisper", "huggingface/diffusers"
KNOWN = KnownNames((COMFY, WHISPER, DIFFUSERS, "AUTOMATIC1111/stable-diffusion-webui"), {COMFY: "99"})
SPELLINGS = (
    "{}",
    "https://github.com/{}",
    "hhttps://github.com/{}",
    "http://www.github.com/{}/",
    "HTTPS://GitHub.com/{}.git",
    "git+https://github.com/{}.git",
    "git@github.com:{}.git",
    "https://github.com/{}?tab=readme#top",
    "https://github.com/{}/tree/main/src",
    "https://huggingface.co/{}",
    "github.com/{}",
    "  {}  ",
)
HOMOGLYPHS = {"a": "а", "c": "с", "e": "е", "i": "і", "o": "о", "p": "р", "s": "ѕ", "x": "х", "y": "у"}
names = st.from_regex(r"[a-z][a-z0-9-]{4,18}/[a-z][a-z0-9._-]{4,18}", fullmatch=True).filter(
    lambda name: canonical(name) == name
)


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("case", [str, str.lower, str.upper])
def test_an_address_in_any_spelling_is_its_name(spelling: str, case: type[str]) -> None:
    assert KNOWN.resolve(spelling.format(case(WHISPER))) == Match(WHISPER)


@pytest.mark.parametrize(
    ("name", "of", "said"),
    [
        ("c\u043emfyanonymous/ComfyUI", COMFY, "mixes scripts: has CYRILLIC SMALL LETTER O"),
        ("comfyanonymous/Comfy\u200bUI", COMFY, "has an invisible ZERO WIDTH SPACE"),
        ("openai/whisper\ufe0f", WHISPER, "has VARIATION SELECTOR-16"),
        ("comfyanonymous/Comfy UI", COMFY, "has an invisible SPACE"),
        ("\uff43omfyanonymous/ComfyUI", COMFY, "has FULLWIDTH LATIN SMALL LETTER C"),
        ("openai\u2215whisper", WHISPER, "has DIVISION SLASH"),
        ("huggingface/diffuser\u017f", DIFFUSERS, "has LATIN SMALL LETTER LONG S"),
        ("\u00f6penai/whisper", WHISPER, "has LATIN SMALL LETTER O WITH DIAERESIS"),
        ("comfyan0nymous/ComfyUI", COMFY, "has letters that look the same"),
        ("opena1/whisper", WHISPER, "has letters that look the same"),
        ("cornfyanonymous/ComfyUI", COMFY, "has letters that look the same"),
        ("comfyanonymous/Comfy-UI", COMFY, "differs in punctuation alone"),
        ("openai/whispr", WHISPER, "is one letter away"),
        ("openai/wihsper", WHISPER, "is one letter away"),
        ("openai/whispers", WHISPER, "is one letter away"),
        ("0penai/vvhisper", WHISPER, "has letters that look the same"),
    ],
    ids=ascii,
)
def test_a_look_alike_is_refused_by_name(name: str, of: str, said: str) -> None:
    assert KNOWN.resolve(name) == Lookalike(of, said)


@pytest.mark.parametrize(
    "name",
    [
        "evil/ComfyUI",
        "openai/whisper2",
        "openai/whisper-large",
        "openai/whisper#123",
        "mrdoob/three.js",
        "",
        "/",
        "日本/語",
    ],
)
def test_another_name_is_another(name: str) -> None:
    assert KNOWN.resolve(name) == Unknown()


def test_another_version_is_no_look_alike_and_each_is_itself() -> None:
    known = KnownNames(["CompVis/stable-diffusion-v1-4"])
    assert known.resolve("CompVis/stable-diffusion-v1-5") == Unknown()
    both = KnownNames(["Significant-Gravitas/Auto-GPT", "Significant-Gravitas/AutoGPT"])
    assert both.resolve("significant-gravitas/autogpt") == Match("Significant-Gravitas/AutoGPT")
    assert both.resolve("significant-gravitas/auto-gpt") == Match("Significant-Gravitas/Auto-GPT")


def test_the_kelvin_sign_is_no_k() -> None:
    known = KnownNames(["kijai/nodes"])
    assert known.resolve("\u212aijai/nodes") == Lookalike("kijai/nodes", "has KELVIN SIGN")


def test_a_rename_is_followed_by_its_number_alone() -> None:
    assert KNOWN.resolve("Comfy-Org/ComfyUI") == Unknown()
    assert KNOWN.resolve("Comfy-Org/ComfyUI", "99") == Match(COMFY, renamed=True)
    assert KNOWN.resolve(COMFY, "99") == Match(COMFY)


def test_an_old_name_with_another_number_is_somebody_else() -> None:
    assert KNOWN.resolve(COMFY, "98") == Lookalike(COMFY, "has the name of 99 and the id 98")
    assert KNOWN.resolve(WHISPER, "98") == Match(WHISPER)  # no number is known for it


def test_two_spellings_of_one_name_cannot_both_be_known() -> None:
    with pytest.raises(ValueError, match="are the same name"):
        KnownNames(["openai/whisper", "OpenAI/Whisper"])


def test_names_may_be_given_as_they_are() -> None:
    assert resolve("OPENAI/whisper", [WHISPER]) == Match(WHISPER)


@given(names)
def test_a_name_is_itself_in_every_spelling(name: str) -> None:
    for spelling in SPELLINGS:
        for case in (name, name.upper(), name.title()):
            assert resolve(spelling.format(case), [name]) == Match(name)


@given(names, st.data())
def test_no_homoglyph_is_ever_merged(name: str, data: st.DataObject) -> None:
    places = [place for place, letter in enumerate(name) if letter in HOMOGLYPHS]
    assume(places)
    place = data.draw(st.sampled_from(places))
    spoof = name[:place] + HOMOGLYPHS[name[place]] + name[place + 1 :]
    found = resolve(spoof, [name])
    assert isinstance(found, Lookalike)
    assert found.of == name
    assert "CYRILLIC" in found.reason


@given(names, st.integers(0, 40), st.sampled_from("\u200b\u200c\u200d\u2060\ufeff\u00ad\u202e"))
def test_no_invisible_letter_is_ever_merged(name: str, place: int, invisible: str) -> None:
    spoof = name[:place] + invisible + name[place:]
    found = resolve(spoof, [name])
    assert found == Lookalike(name, f"has an invisible {unicodedata.name(invisible)}")


@given(names, st.data())
def test_one_letter_more_less_or_other_is_never_merged(name: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(name) - 1))
    letter = data.draw(st.sampled_from(string.ascii_lowercase))
    kind = data.draw(st.sampled_from(["in", "out", "other"]))
    squat = name[:place] + ("" if kind == "out" else letter) + name[place + (kind != "in") :]
    assume(squat != name and canonical(squat) == squat and "/" in squat)
    found = resolve(squat, [name])
    assert not isinstance(found, Match)
    if not (name[place] + letter).isdigit() and not (kind == "out" and name[place].isdigit()):
        assert isinstance(found, Lookalike)


@given(st.lists(names, min_size=2, max_size=6, unique_by=str.lower))
def test_every_known_name_is_itself_whatever_else_is_known(known: list[str]) -> None:
    index = KnownNames(known)
    assert [index.resolve(name) for name in known] == [Match(name) for name in known]


@given(st.text(max_size=60))
@example("0/:")
def test_any_text_has_an_answer_and_the_same_one_twice(text: str) -> None:
    assert KNOWN.resolve(text) == KNOWN.resolve(text)
    assert skeleton(skeleton(text)) == skeleton(text) or not text.isascii()
    if isinstance(KNOWN.resolve(text), Match):
        assert canonical(text).isascii()

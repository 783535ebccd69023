from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import ConfigError, SecretError
from bot.signals.sources.huggingface import HuggingFace
from bot.signals.sources.origins import Origin
from bot.signals.sources.settings import KINDS, load_sources
from bot.signals.sources.source import Reader, Source

SHIPPED = Path(__file__).parents[3] / "strategies/sources.yaml"


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "sources.yaml"
    file.write_text(text)
    return file


def refused(tmp_path: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_sources(written(tmp_path, text))
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(str(tmp_path) + "/")


def test_a_source_is_made_of_its_keys(tmp_path: Path) -> None:
    (found,) = load_sources(
        written(tmp_path, "sources:\n  hub:\n    kind: huggingface\n    tasks: [text-to-image]\n    every: 6h\n")
    )
    assert found.name == found.source.kind == "hub"
    assert isinstance(found.source, HuggingFace)
    assert found.options.every == 21_600
    assert found.options.terms().origins == (Origin("https", "huggingface.co", 443),)


def test_every_shipped_source_needs_no_account_and_asks_for_something() -> None:
    from bot.fetching import ON_CHAIN

    kinds = {**KINDS, **ON_CHAIN}
    found = load_sources(SHIPPED, kinds)
    assert {each.options.kind for each in found} == set(kinds)
    for each in found:
        assert each.options.key_env is None
        assert all(origin.scheme == "https" for origin in each.options.terms().origins)
        if isinstance(each.source, Source):
            asks = each.source.asks(1_700_000_000, 1_701_000_000)
            assert asks
            assert all(ask.url.startswith(each.options.base_url + "/") for ask in asks)
        else:
            assert isinstance(each.source, Reader)


def test_only_those_that_are_named_are_made(tmp_path: Path) -> None:
    text = "sources:\n  a: {kind: huggingface}\n  b: {kind: github, topics: [x]}\n"
    assert [each.name for each in load_sources(written(tmp_path, text), only=["b"])] == ["b"]
    with pytest.raises(ConfigError, match="no source is called 'c'; there are: a, b"):
        load_sources(written(tmp_path, text), only=["c"])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "sources.yaml: expected a mapping"),
        ("sources: {}\n", "sources.yaml:1: sources: expected a section"),
        ("source:\n  a: {kind: github}\n", "sources.yaml:1: source: unknown key"),
        ("sources:\n  a: 7\n", "sources.yaml:2: sources.a.kind: is missing; shipped: huggingface"),
        ("sources:\n  a b: {kind: github}\n", "sources.yaml:2: sources.a b: a name is letters"),
        ("sources:\n  a:\n    kind: gitlab\n", "sources.yaml:3: sources.a.kind: no source of kind 'gitlab'; shipped: "),
        ("sources:\n  a:\n    kind: github\n    topic: [x]\n", "sources.yaml:4: sources.a.topic: unknown key; did you"),
        ("sources:\n  a:\n    kind: github\n    every: 5\n", "sources.yaml:4: sources.a.every: a unit is missing"),
        ("sources:\n  a:\n    kind: github\n    base_url: http://x.example\n", "base_url: only https"),
        ("sources:\n  a:\n    kind: github\n    base_url: https://me:pw@x.example\n", "name a variable in key_env"),
        ("sources:\n  a:\n    kind: github\n    redirects_to: [http://10.0.0.1]\n", "address of your own network"),
        ("sources:\n  a:\n    kind: github\n    key_env: my key\n", "sources.a.key_env: "),
        ("sources:\n  a:\n    kind: github\n    start: soon\n", "sources.a.start: start: expected a day"),
        ("sources:\n  a:\n    kind: github\n    repositories: [x]\n", "sources.a: repositories: expected owner/name"),
        ("sources:\n  a:\n    kind: pypistats\n", "sources.a.packages: is missing"),
        ("sources:\n  a:\n    kind: exchange\n    exchange: binanze\n    pairs: {X: X/Y}\n", "no exchange 'binanze'"),
        ("sources:\n  a:\n    kind: none_such:Mine\n", "no module none_such"),
        ("sources:\n  a:\n    kind: mine.py:Mine\n", "no file mine.py beside the sources file"),
        ("sources:\n  a:\n    kind: json:JSONDecoder\n", "JSONDecoder has no Options"),
        ("sources:\n  a:\n    kind: json:Mine\n", "json has no class Mine"),
    ],
)
def test_a_file_that_is_wrong_is_told_in_one_line_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    assert told in refused(tmp_path, text)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("def", "mine.py, line 1: invalid syntax"),
        ("raise KeyError('x')", "mine.py: KeyError: 'x'"),
        ("class Mine: pass", "Mine has no Options"),
        (
            "from bot.signals.sources.options import SourceOptions\nclass Mine:\n    Options = SourceOptions\n"
            "    kind = 'x'\n    def asks(self, since, now): return ()\n",
            "Mine has no parse",
        ),
    ],
)
def test_a_file_of_ones_own_that_is_wrong_is_told_in_one_line(tmp_path: Path, code: str, told: str) -> None:
    (tmp_path / "mine.py").write_text(code)
    assert told in refused(tmp_path, "sources:\n  a: {kind: 'mine.py:Mine', base_url: https://x.example}\n")


def test_a_key_comes_from_the_environment_and_is_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "sources:\n  a: {kind: github, topics: [x], key_env: HUB_KEY}\n"
    (found,) = load_sources(written(tmp_path, text))
    monkeypatch.delenv("HUB_KEY", raising=False)
    with pytest.raises(SecretError, match="github: HUB_KEY holds no key"):
        found.options.terms()
    monkeypatch.setenv("HUB_KEY", "sesame\nX-Evil: 1")
    with pytest.raises(SecretError) as caught:
        found.options.terms()
    assert "sesame" not in str(caught.value)
    monkeypatch.setenv("HUB_KEY", " sesame ")
    terms = found.options.terms()
    assert (terms.key_header, terms.key) == ("Authorization", "Bearer sesame")
    assert "sesame" not in repr(terms) + repr(found) + str(found.options)


def test_history_begins_half_a_year_ago_or_where_the_file_says(tmp_path: Path) -> None:
    text = "sources:\n  a: {kind: github}\n  b: {kind: github, start: 2024-01}\n"
    first, second = load_sources(written(tmp_path, text))
    assert first.options.since(1_700_000_000) == 1_700_000_000 - 180 * 86_400
    assert second.options.since(1_700_000_000) == 1_704_067_200

"""Renames go on, taken names begin anew, and sources without ids have names alone."""

from __future__ import annotations

from bot.signals.store.identity import Identities, domain


def test_a_renamed_entity_goes_on_under_its_first_name() -> None:
    known = Identities()
    assert known.key("github_stars", "zeit/hyper", "7") == "zeit/hyper"
    assert known.key("github_stars", "vercel/hyper", "7") == "zeit/hyper"
    assert known.key("github_forks", "vercel/hyper", "7") == "zeit/hyper"  # the same source's id


def test_a_name_that_another_entity_takes_begins_anew() -> None:
    known = Identities()
    known.key("github_stars", "zeit/hyper", "7")
    known.key("github_stars", "vercel/hyper", "7")
    assert known.key("github_stars", "zeit/hyper", "8") == "zeit/hyper#8"
    assert known.key("github_stars", "zeit/hyper", "8") == "zeit/hyper#8"
    assert known.key("github_stars", "vercel/hyper", "7") == "zeit/hyper"


def test_a_name_without_an_id_belongs_to_who_has_it() -> None:
    known = Identities()
    assert known.key("pypi_downloads", "diffusers", "") == "diffusers"
    assert known.key("pypi_downloads", "diffusers", "3") == "diffusers"  # ids came later
    assert known.key("pypi_downloads", "diffusers", "") == "diffusers"
    assert known.key("pypi_downloads", "diffusers", "4") == "diffusers#4"
    assert known.key("pypi_downloads", "diffusers", "") == "diffusers#4"


def test_one_number_of_two_sources_is_two_entities() -> None:
    known = Identities()
    known.key("github_stars", "a/b", "1")
    assert known.key("hf_likes", "c/d", "1") == "c/d"
    assert domain("hf_model_likes") == domain("hf_space_likes") == "hf"

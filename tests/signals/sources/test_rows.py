from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from bot.errors import SourceDrift
from bot.signals.sources.rows import (
    Iso,
    Level,
    MaybeLevel,
    Millisecond,
    Name,
    Row,
    Second,
    WrittenLevel,
    document,
    listed,
    member,
    positional,
    rows,
)
from bot.signals.sources.source import Ask, Page


class Thing(Row):
    id: Name
    stars: Level = Field(alias="stargazers")


def page(body: bytes) -> Page:
    return Page(Ask("https://host/x", note="listing"), 200, {}, body, 5)


def held(*raw: Any) -> Any:
    return rows("github", Thing, raw, lambda row: row["id"], 5)


def one(kind: Any, value: object) -> object:
    class Holder(Row):
        value: kind

    (fit,), _ = rows("x", Holder, [{"value": value}], lambda _: "", 0)
    return fit.value


def test_rows_that_fit_are_kept_and_the_others_are_named() -> None:
    fit, refused = held({"id": "a", "stargazers": 3, "more": [1]}, {"id": "b", "stargazers": 2.5}, {"id": "c"})
    assert [(row.id, row.stars) for row in fit] == [("a", 3.0), ("b", 2.5)]
    (row,) = refused
    assert (row.source, row.field, row.asset, row.reason) == ("github", "stargazers", "c", "field required")
    assert (row.raw, row.seen_at) == ('{"id": "c"}', 5)


@pytest.mark.parametrize("bad", [-1, "7", None, True, float("nan"), float("inf"), 1e19, [], {}, float("-inf")])
def test_a_value_that_is_no_level_is_refused(bad: object) -> None:
    fit, refused = held({"id": "a", "stargazers": 1}, {"id": "b", "stargazers": bad})
    assert len(fit) == len(refused) == 1
    assert (refused[0].field, refused[0].asset) == ("stargazers", "b")


def test_a_page_of_which_half_fits_is_kept_and_of_which_less_fits_is_another_shape() -> None:
    good, bad = {"id": "a", "stargazers": 1}, {"id": "b", "stars": 1}
    assert len(held(good, bad)[0]) == 1
    with pytest.raises(SourceDrift, match="github: stargazers: 2 of 3 rows do not fit: field required"):
        held(good, bad, bad)
    with pytest.raises(SourceDrift):
        held(bad)
    assert held() == ([], [])


def test_a_key_that_stands_twice_is_refused_with_its_row() -> None:
    raw = document("x", page(b'[{"id": "a", "stargazers": 1, "stargazers": 9}, {"id": "b", "stargazers": 2}]'))
    fit, refused = held(*raw)
    assert [row.id for row in fit] == ["b"]
    assert refused[0].reason == "a key is there twice"


def test_a_number_beyond_all_numbers_costs_its_own_row_alone() -> None:
    long = b"9" * 5_000
    raw = document(
        "x",
        page(
            b'[{"id": "a", "stargazers": 1}, {"id": "b", "stargazers": 1e400}, {"id": "c", "stargazers": '
            + long
            + b'}, {"id": "d", "stargazers": 4}, {"id": "e", "stargazers": 4}, {"id": "f", "stargazers": NaN}]'
        ),
    )
    fit, refused = held(*raw)
    assert [row.id for row in fit] == ["a", "d", "e"]
    assert [row.asset for row in refused] == ["b", "c", "f"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "not JSON"),
        (b"<html>", "not JSON"),
        (b'{"a": 1', "not JSON"),
        (b"\xff\xfe[]", "not UTF-8 .at byte 0."),
        (b'["\xc3"]', "not UTF-8 .at byte 2."),
        (b"[" * 100_000, "nested more than 200 deep"),
        (b'{"a":' * 5_000, "nested more than 200 deep"),
    ],
)
def test_a_body_that_is_no_json_is_another_shape(body: bytes, told: str) -> None:
    with pytest.raises(SourceDrift, match=f"x: listing: the answer is {told}"):
        document("x", page(body))


def test_what_is_missing_is_named_by_its_place() -> None:
    found = {"data": {"attributes": [1]}}
    assert member("x", found, "data", "attributes") == [1]
    with pytest.raises(SourceDrift, match=r"x: data\.list: is missing"):
        member("x", found, "data", "list")
    with pytest.raises(SourceDrift, match=r"x: data\.attributes\.x: is missing"):
        member("x", found, "data", "attributes", "x")
    with pytest.raises(SourceDrift, match="x: items: a list was due"):
        listed("x", {}, "items")


@pytest.mark.parametrize(
    ("value", "second"),
    [
        ("2024-08-01T00:00:00Z", 1_722_470_400),
        ("2024-08-01T02:00:00.123+02:00", 1_722_470_400),
        ("2024-08-01T00:00:00", 1_722_470_400),
    ],
)
def test_a_time_as_text_is_a_second_in_utc(value: str, second: int) -> None:
    assert one(Iso, value) == second


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Second, 1_722_470_400_000),
        (Second, 0),
        (Second, -5),
        (Second, True),
        (Second, "1722470400"),
        (Second, float("nan")),
        (Millisecond, 1_722_470_400),
        (Millisecond, None),
        (Iso, "yesterday"),
        (Iso, "0001-01-01T00:00:00Z"),
        (Iso, "1969-12-31T00:00:00Z"),
        (Iso, 1_722_470_400),
        (Name, ""),
        (Name, "a\u202eb"),
        (Name, "a\nb"),
        (Name, "\ud800"),
        (Name, "x" * 201),
        (WrittenLevel, "nan"),
        (WrittenLevel, "inf"),
        (WrittenLevel, "-1"),
        (WrittenLevel, "much"),
        (MaybeLevel, "none"),
    ],
)
def test_times_in_other_units_and_names_that_deceive_are_refused(kind: Any, value: object) -> None:
    with pytest.raises(SourceDrift, match="value: 1 of 1 rows"):
        one(kind, value)


def test_levels_may_be_text_or_missing_where_a_source_says_so() -> None:
    assert one(WrittenLevel, "12.5") == 12.5
    assert one(MaybeLevel, "null") is None
    assert one(MaybeLevel, None) is None
    assert one(Millisecond, 1_722_470_400_999) == 1_722_470_400


def test_rows_that_are_lists_get_names_if_they_are_long_enough() -> None:
    assert positional(("a", "b"), [[1, 2], [1], "x"]) == [{"a": 1, "b": 2}, [1], "x"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "stargazers", "x"]), inner),
    max_leaves=10,
)


@given(st.lists(JSON, max_size=5))
def test_whatever_a_row_is_it_fits_is_refused_or_is_another_shape(raw: list[Any]) -> None:
    try:
        fit, refused = held(*document("x", page(json.dumps(raw).encode())))
    except SourceDrift:
        return
    assert len(fit) + len(refused) == len(raw)
    assert all(0 <= row.stars <= 1e18 for row in fit)
    assert all(row.raw.isprintable() and row.asset.isprintable() for row in refused)

"""JSON of our own making: what could end the process, or is no number, is refused with a reason."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.strict_json import DEEPEST, depth, parsed

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_reads_whatever_json_there_is(value: object) -> None:
    assert parsed(json.dumps(value).encode()) == value


@pytest.mark.parametrize("levels", [0, 1, 7, DEEPEST])
def test_counts_levels(levels: int) -> None:
    text = b"[" * levels + b"1" + b"]" * levels
    assert depth(text) == levels
    parsed(text)


@pytest.mark.parametrize("text", [b"[" * 200_000, b'"' + b"]" * 9 + b'"' + b'{"a":' * 100_000, b"[" * (DEEPEST + 1)])
def test_nesting_that_would_overflow_the_stack_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="nested more than"):
        parsed(text)


def test_a_key_that_is_there_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="a key is there twice"):
        parsed(b'{"a": {"b": 1, "c": 2, "b": 1}}')


@pytest.mark.parametrize("text", [b"NaN", b"[Infinity]", b"[-1e999]", b'{"a": -Infinity}', b"", b"{", b"\xff"])
def test_what_is_not_json_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):
        parsed(text)

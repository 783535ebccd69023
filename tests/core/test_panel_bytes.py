from __future__ import annotations

import contextlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bot.core.panel import Panel
from bot.core.panel_bytes import joined, panel_bytes, panel_digest, panel_from
from tests.backtests.markets import panel_of, walk

PANEL = panel_of(walk(6, 2))
LATE = replace(PANEL, observed=PANEL.times - 1)


@st.composite
def panels(draw: st.DrawFn) -> Panel:
    rows, columns = draw(st.integers(1, 5)), draw(st.integers(1, 3))
    others = st.text(max_size=5).filter(lambda name: name not in ("close", "volume"))
    fields = ["close", "volume", *draw(st.lists(others, max_size=2, unique=True))]
    floats = arrays(np.float64, (rows, columns), elements=st.floats(width=64))
    times = np.cumsum(draw(arrays(np.int64, rows, elements=st.integers(1, 10**6))))
    observed = times - draw(st.integers(0, 9)) if draw(st.booleans()) else None
    return Panel(times, tuple(f"v{i}" for i in range(columns)), {name: draw(floats) for name in fields}, observed)


def same(one: Panel, other: Panel) -> bool:
    return (
        one.venues == other.venues
        and one.fields.keys() == other.fields.keys()
        and np.array_equal(one.times, other.times)
        and (one.observed is None) == (other.observed is None)
        and (one.observed is None or np.array_equal(one.observed, other.observed))
        and all(np.array_equal(one.fields[name], other.fields[name], equal_nan=True) for name in one.fields)
    )


@given(panels())
def test_a_panel_comes_out_of_its_bytes_as_it_went_in(panel: Panel) -> None:
    content = panel_bytes(panel)
    again = panel_from(content)
    assert same(again, panel)
    assert panel_bytes(again) == content


@given(panels(), st.data())
def test_no_bit_can_change_unseen(panel: Panel, data: st.DataObject) -> None:
    content = bytearray(panel_bytes(panel))
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with contextlib.suppress(ValueError):
        assert panel_digest(panel_from(bytes(content))) != panel_digest(panel)


@given(panels(), st.integers(0, 4))
def test_a_cut_panel_is_joined_to_what_it_was(panel: Panel, at: int) -> None:
    cut = min(at, len(panel))
    parts = [part for part in (panel.rows(0, cut), panel.rows(cut, len(panel))) if len(part)]
    assert panel_bytes(joined(parts)) == panel_bytes(panel)


def test_what_does_not_follow_is_not_joined() -> None:
    with pytest.raises(ValueError, match="rise strictly"):
        joined([PANEL.rows(3, 6), PANEL.rows(0, 3)])
    with pytest.raises(ValueError, match="other venues or fields"):
        joined([PANEL.rows(0, 3), LATE.rows(3, 6)])
    with pytest.raises(ValueError, match="other venues or fields"):
        joined([PANEL.rows(0, 3), PANEL.columns(("idle", "v2", "v1")).rows(3, 6)])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"{}\n",
        b"[1]\n",
        b'{"fields":["close","volume"],"observed":false,"rows":1,"venues":["idle"]}',
        b'{"fields":["close","volume"],"observed":false,"rows":1,"venues":["idle"]}\n',
        b'{"fields":["close","volume"],"observed":false,"rows":0,"venues":["idle"]}\n',
        b'{"fields":["close","volume"],"observed":false,"rows":-1,"venues":["idle"]}\n',
        b'{"fields":["close","volume"],"observed":false,"rows":99999999999999,"venues":["idle"]}\n' + bytes(24),
        b'{"fields":["close","volume"],"observed":0,"rows":1,"venues":["idle"]}\n' + bytes(24),
        b'{"fields":["close","volume"],"observed":false,"rows":true,"venues":["idle"]}\n' + bytes(24),
        b'{"fields":["close","open"],"observed":false,"rows":1,"venues":["idle"]}\n' + bytes(24),
        b'{"fields":["close","volume"],"observed":false,"rows":1,"venues":["a","a"]}\n' + bytes(40),
        b'{"fields":["close","volume"],"observed":false,"rows":1,"venues":["idle"] }\n' + bytes(24),
        b'{"fields":["close","volume"],"observed":false,"rows":1,"venues":[NaN]}\n' + bytes(24),
        b"[" * 100_000 + b"\n",
        b"x" * (2 << 20),
        panel_bytes(PANEL)[:-1],
        panel_bytes(PANEL) + b"\0",
    ],
    ids=lambda content: content[:20].decode() + f" {len(content)}",
)
def test_what_is_no_panel_is_refused_in_one_line(content: bytes) -> None:
    with pytest.raises(ValueError) as caught:
        panel_from(content)
    assert "\n" not in str(caught.value)


def test_the_digest_is_of_every_number_and_name() -> None:
    digest = panel_digest(PANEL)
    assert panel_digest(panel_of(walk(6, 2))) == digest
    for name in PANEL.fields:
        fields = {other: values.copy() for other, values in PANEL.fields.items()}
        fields[name][3, 1] = np.nextafter(fields[name][3, 1], np.inf)
        assert panel_digest(replace(PANEL, fields=fields)) != digest, name
    renamed = {f"{name}x": values for name, values in PANEL.fields.items()}
    others = [
        replace(PANEL, fields=renamed),
        replace(PANEL, venues=("idle", "v2", "v1")),
        replace(PANEL, times=PANEL.times + 1),
        LATE,
        PANEL.rows(0, 5),
    ]
    assert len({panel_digest(other) for other in others} | {digest}) == len(others) + 1


@pytest.mark.parametrize("bits", [0x7FF8000000000001, 0xFFF8000000000000])
def test_what_is_not_known_is_the_same_whoever_wrote_it(bits: int) -> None:
    def with_hole(hole: float) -> Panel:
        fields = {name: values.copy() for name, values in PANEL.fields.items()}
        fields["close"][2, 1] = hole
        return replace(PANEL, fields=fields)

    odd = float(np.array([bits], dtype=np.uint64).view(np.float64)[0])
    assert panel_digest(with_hole(odd)) == panel_digest(with_hole(float("nan")))
    assert panel_bytes(panel_from(panel_bytes(with_hole(odd)))) == panel_bytes(with_hole(odd))

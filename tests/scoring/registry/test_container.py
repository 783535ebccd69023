"""The file of arrays: one file for one set of arrays, and one line for whatever else is put in its place."""

from __future__ import annotations

import io
import pickle
import zipfile
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from bot.scoring.registry.container import DTYPES, MOST_BYTES, packed, unpacked
from bot.scoring.registry.flaw import Flaw

names = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,20}", fullmatch=True)
shapes = arrays_of.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5)
sets = st.dictionaries(
    names, arrays_of.arrays(st.sampled_from([np.dtype(each) for each in DTYPES]), shapes), max_size=4
)
TWO = {"b": np.arange(3.0), "a": np.array([[1, 2]], dtype=np.int64)}


def zipped(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, content in members.items():
            file.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, compression)
    return buffer.getvalue()


def npy(heading: str, content: bytes = b"") -> bytes:
    """A member of a file of arrays with a heading of somebody's own."""
    text = heading.encode().ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + content


def saved(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


@settings(max_examples=60, deadline=None)
@given(sets)
@example({"nan": np.array([np.nan, -0.0, np.inf])})
def test_arrays_come_back_as_they_were_in_any_order_of_names(arrays: dict[str, Any]) -> None:
    data = packed(arrays)
    back = unpacked(data)
    assert packed(dict(reversed(arrays.items()))) == data
    assert set(back) == set(arrays)
    for name, array in arrays.items():
        assert (back[name].dtype, back[name].shape) == (array.dtype, array.shape)
        assert back[name].tobytes() == array.tobytes()
        assert not back[name].flags.writeable


def test_the_bytes_are_those_of_every_machine_and_numpy_opens_them() -> None:
    data = packed(TWO)
    assert zlib.crc32(data) == 3_543_749_539
    assert packed({name: np.asfortranarray(each) for name, each in TWO.items()}) == data
    with np.load(io.BytesIO(data), allow_pickle=False) as opened:
        np.testing.assert_array_equal(opened["a"], TWO["a"])


def _objects() -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.array([{}], dtype=object), allow_pickle=True)
    return zipped({"a.npy": buffer.getvalue()})


HOSTILE = {
    "a pickle": (pickle.dumps([1]), "not a file of arrays"),
    "nothing": (b"", "not a file of arrays"),
    "half of one": (packed(TWO)[: len(packed(TWO)) // 2], "not a file of arrays"),
    "a pickle inside": (_objects(), "holds Python objects"),
    "a compressed bomb": (zipped({"a.npy": bytes(10**7)}, zipfile.ZIP_DEFLATED), "is compressed, to 10,000,000 bytes"),
    "what numpy itself writes": (saved(a=np.arange(3)), "not as it is written here"),
    "a shape beyond all memory": (
        zipped({"a.npy": npy("{'descr': '<f8', 'fortran_order': False, 'shape': (115292150460,), }")}),
        "is not what it holds",
    ),
    "a negative shape": (
        zipped({"a.npy": npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }", bytes(8))}),
        "no heading of an array",
    ),
    "a shape of other things": (
        zipped({"a.npy": npy("{'descr': '<f8', 'fortran_order': False, 'shape': ('x',), }")}),
        "no heading of an array",
    ),
    "a heading of brackets": (zipped({"a.npy": npy("(" * 110)}), "no heading of an array"),
    "a record of fields": (
        zipped({"a.npy": npy("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,), }", bytes(8))}),
        "no heading of an array",
    ),
    "texts": (
        zipped({"a.npy": npy("{'descr': '<U1', 'fortran_order': False, 'shape': (2,), }", bytes(8))}),
        "numbers of type <U1",
    ),
    "another byte order": (
        zipped({"a.npy": npy("{'descr': '>f8', 'fortran_order': False, 'shape': (1,), }", bytes(8))}),
        "numbers of type >f8",
    ),
    "a truth of 7": (
        zipped({"a.npy": npy("{'descr': '|b1', 'fortran_order': False, 'shape': (1,), }", b"\x07")}),
        "neither 0 nor 1",
    ),
    "a name that leads elsewhere": (zipped({"../../etc/x.npy": b""}), "no name for an array"),
    "no array": (zipped({"a.txt": b"1"}), "no name for an array"),
    "something behind": (packed(TWO) + b"\0", "not"),
    "something before": (b"\0" + packed(TWO), "not"),
    "out of order": (
        zipped({f"{name}.npy": npy("{'descr': '<f8', 'fortran_order': False, 'shape': (0,), }") for name in "ba"}),
        "not as it is written here",
    ),
    "too much": (bytes(MOST_BYTES + 1), "more than"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_is_one_flaw(kind: str) -> None:
    data, said = HOSTILE[kind]
    with pytest.raises(Flaw, match=said):
        unpacked(data)


def test_a_name_that_is_there_twice_is_refused() -> None:
    once = zipped({"a.npy": b"1", "b.npy": b"2"})
    with pytest.raises(Flaw):
        unpacked(once.replace(b"b.npy", b"a.npy"))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_change_of_a_file_is_taken_for_the_same_or_ends_in_anything_but_a_flaw(data: st.DataObject) -> None:
    whole = packed(TWO)
    place = data.draw(st.integers(0, len(whole) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda each: each != whole[place]))
    try:
        back = unpacked(whole[:place] + bytes([other]) + whole[place + 1 :])
    except Flaw:
        return
    assert packed(back) != whole


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"a": np.array(["x"])}, "numbers of type"),
        ({"a": np.array([None])}, "numbers of type"),
        ({"a": np.zeros((1, 1, 1, 1))}, "4 dimensions"),
        ({"../a": np.zeros(1)}, "no name"),
        ({"a": np.zeros(MOST_BYTES // 8)}, "more than"),
        ({str(number): np.zeros(0) for number in range(4_097)}, "4097 of them"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_name(arrays: dict[str, Any], said: str) -> None:
    with pytest.raises(Flaw, match=said):
        packed(arrays)

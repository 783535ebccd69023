"""Named arrays as one file that NumPy opens (.npz), written so that the same arrays are the same bytes on any machine.

Nothing in it is compressed, dated or pickled, and names are sorted. What is read back must be, to the byte, what would
be written: so there is one file for one set of arrays, and no room in it for anything else.
"""

from __future__ import annotations

import io
import math
import re
import zipfile
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from bot.scoring.registry.flaw import Flaw

Arrays = Mapping[str, NDArray[Any]]

MOST_BYTES: Final = 64 << 20  # a model of two thousand trees of 31 leaves takes 6 MB
MOST_ARRAYS: Final = 4_096
MOST_DIMENSIONS: Final = 3
DTYPES: Final = ("<f8", "<i8", "<i4", "<u8", "<u4", "|u1", "|b1")
NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,199}")
_SUFFIX: Final = ".npy"
_UNDATED: Final = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip file can say
_MAGIC: Final = b"\x93NUMPY\x01\x00"
_MAGIC_BYTES: Final = len(_MAGIC) + 2  # with the heading's length
_HEADING: Final = re.compile(
    rb"\{'descr': '(?P<kind>[<>|=]?[A-Za-z][0-9]{0,4})', 'fortran_order': False, "
    rb"'shape': \((?P<shape>|[0-9]{1,12},|[0-9]{1,12}(?:, [0-9]{1,12}){1,31})\), \} *\n"
)


def packed(arrays: Arrays) -> bytes:
    """The file's bytes. Raises Flaw naming an array that is of no kept type, has a bad name, or is too much."""
    buffer = io.BytesIO()
    if len(arrays) > MOST_ARRAYS:
        raise Flaw("arrays", f"{len(arrays)} of them, at most {MOST_ARRAYS} are kept")
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED, allowZip64=False) as file:
        for name in sorted(arrays):
            member = zipfile.ZipInfo(name + _SUFFIX, _UNDATED)
            member.create_system, member.external_attr = 3, 0o600 << 16
            file.writestr(member, _array_bytes(name, np.asarray(arrays[name])))
            if buffer.tell() > MOST_BYTES:
                raise Flaw("arrays", f"more than {MOST_BYTES:,} bytes")
    return buffer.getvalue()


def unpacked(data: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of what `packed` wrote, read-only. Raises Flaw for anything else.

    Sizes are looked at before anything is read, so nothing is unpacked that is larger than `data`.
    """
    if len(data) > MOST_BYTES:
        raise Flaw("", f"more than {MOST_BYTES:,} bytes")
    arrays: dict[str, NDArray[Any]] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            members = file.infolist()
            _require_plain(members, len(data))
            for member in members:
                name = member.filename.removesuffix(_SUFFIX)
                arrays[name] = _array_of(name, file.read(member))
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise Flaw("", f"not a file of arrays: {error}") from None
    except ValueError as error:  # of offsets that lie
        raise Flaw("", f"not a file of arrays: {error}") from None
    if packed(arrays) != data:
        raise Flaw("", "not as it is written here: something is hidden in it, or out of order")
    return arrays


def _array_bytes(name: str, array: NDArray[Any]) -> bytes:
    if not NAME.fullmatch(name):
        raise Flaw(name, "no name for an array")
    if array.dtype.str not in DTYPES:
        raise Flaw(name, f"numbers of type {array.dtype} are not kept")
    if array.ndim > MOST_DIMENSIONS:
        raise Flaw(name, f"{array.ndim} dimensions, at most {MOST_DIMENSIONS} are kept")
    buffer = io.BytesIO()
    ordered = array if array.flags.c_contiguous else np.array(array, order="C")
    npy.write_array(buffer, ordered, version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


def _require_plain(members: list[zipfile.ZipInfo], size: int) -> None:
    """Raises Flaw unless every member is stored as it is, under a name of ours, and all of them fit into the file."""
    if len(members) > MOST_ARRAYS:
        raise Flaw("arrays", f"{len(members)} of them, at most {MOST_ARRAYS} are read")
    for member in members:
        name = member.filename.removesuffix(_SUFFIX)
        if not member.filename.endswith(_SUFFIX) or not NAME.fullmatch(name):
            raise Flaw(member.filename[:80], "no name for an array")
        if member.compress_type != zipfile.ZIP_STORED or member.file_size != member.compress_size:
            raise Flaw(name, f"is compressed, to {member.file_size:,} bytes: no model is written so")
        if member.flag_bits & 0x1:
            raise Flaw(name, "is encrypted: no model is written so")
    if sum(member.file_size for member in members) > size:
        raise Flaw("", "its parts are larger than the file")


def _array_of(name: str, content: bytes) -> NDArray[Any]:
    """The array of one member, without a copy: its size must be exactly what its shape says.

    The heading is matched, not parsed: NumPy's own reader evaluates it as Python.
    """
    start = _MAGIC_BYTES + int.from_bytes(content[_MAGIC_BYTES - 2 : _MAGIC_BYTES], "little")
    found = _HEADING.fullmatch(content[_MAGIC_BYTES:start])
    if content[: _MAGIC_BYTES - 2] != _MAGIC or found is None:
        raise Flaw(name, "no heading of an array of numbers")
    kind, sides = found["kind"].decode(), [int(side) for side in found["shape"].split(b",") if side.strip()]
    if kind not in DTYPES:
        problem = "holds Python objects: nothing is unpickled here" if "O" in kind else f"numbers of type {kind}"
        raise Flaw(name, problem)
    if len(sides) > MOST_DIMENSIONS or math.prod(sides) * np.dtype(kind).itemsize != len(content) - start:
        raise Flaw(name, f"its shape {tuple(sides)} is not what it holds")
    array = np.frombuffer(content, dtype=kind, offset=start).reshape(sides)
    if kind == "|b1" and np.any(array.view(np.uint8) > 1):
        raise Flaw(name, "a truth that is neither 0 nor 1")
    return array

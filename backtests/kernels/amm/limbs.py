"""Python ints to and from the arrays and columns in which compiled code keeps 256-bit integers.

Four uint64 a number, lowest first: the same 32 bytes as a little-endian fixed-size binary of Parquet. Negative numbers
are in two's complement.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Limbs: TypeAlias = NDArray[np.uint64]

BYTES: Final = 32
_MASK256: Final = (1 << 256) - 1


def to_limbs(values: Sequence[int]) -> Limbs:
    """uint64[n, 4] of Python ints, two's complement for the negative ones.

    Raises OverflowError for a value that needs more than 256 bits.
    """
    for value in values:
        if not -(1 << 255) <= value <= _MASK256:
            raise OverflowError(f"the value needs more than 256 bits: {value}")
    packed = b"".join((value & _MASK256).to_bytes(BYTES, "little") for value in values)
    return np.frombuffer(packed, dtype="<u8").reshape(-1, 4).astype(np.uint64)


def from_limbs(limbs: Limbs, signed: bool = False) -> list[int]:
    """Python ints of uint64[n, 4] (or of one uint64[4], as a list of one). signed: read as two's complement."""
    packed = np.ascontiguousarray(limbs, dtype="<u8").tobytes()
    return [int.from_bytes(packed[i : i + BYTES], "little", signed=signed) for i in range(0, len(packed), BYTES)]


def int_of(limbs: Limbs, signed: bool = False) -> int:
    """The Python int of one uint64[4]."""
    return from_limbs(limbs, signed)[0]


def to_fixed_binary(limbs: Limbs) -> bytes:
    """The 32 n little-endian bytes of uint64[n, 4]: the buffer of a fixed-size binary column."""
    return np.ascontiguousarray(limbs, dtype="<u8").tobytes()


def from_fixed_binary(packed: bytes | memoryview) -> Limbs:
    """uint64[n, 4] over the 32 n little-endian bytes of a fixed-size binary column, without a copy, read only.

    Raises ValueError when the bytes are no whole number of 32.
    """
    return np.frombuffer(packed, dtype="<u8").reshape(-1, 4)

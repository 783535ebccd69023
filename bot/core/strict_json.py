"""JSON as we write it ourselves: no NaN, no key twice, and no nesting that could overflow the interpreter's stack."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any, Final, NoReturn

import numpy as np

# Python's parser recurses in C, and a library that we load lifts the interpreter's own limit so far that a file of a
# hundred thousand brackets ends the process. Documents of ours are a dozen levels deep.
DEEPEST: Final = 200


def parsed(text: bytes) -> Any:
    """The document. Raises ValueError where it is not JSON, holds NaN, an infinity or a key twice, or is too deep."""
    if depth(text) > DEEPEST:
        raise ValueError(f"nested more than {DEEPEST} deep")
    return json.loads(text, parse_constant=_no_number, parse_float=_finite, object_pairs_hook=_once)


def canonical(value: Any) -> str:
    """`value` as the one JSON text that is hashed: keys sorted, no spaces, no NaN. Raises ValueError for NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_plain)


def digest_of(value: Any) -> str:
    """SHA-256 of the canonical text, in hexadecimal digits."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def depth(text: bytes) -> int:
    """At least how deeply the brackets of `text` are nested; those within strings count too."""
    signs = np.zeros(256, dtype=np.int64)
    signs[list(b"[{")], signs[list(b"]}")] = 1, -1
    level = np.cumsum(signs[np.frombuffer(text, dtype=np.uint8)])
    if not len(level):
        return 0
    return int((level - np.minimum(np.minimum.accumulate(level), 0)).max())


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is beyond all numbers")
    return number


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Python would keep the last of two, and a reader may believe the first."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is there twice")
    return found


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no type of JSON")

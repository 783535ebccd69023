"""JSON as we write it ourselves: no NaN, and no nesting that could overflow the interpreter's stack."""

from __future__ import annotations

import json
from typing import Any, Final, NoReturn

import numpy as np

# Python's parser recurses in C, and a library that we load lifts the interpreter's own limit so far that a file of a
# hundred thousand brackets ends the process. Documents of ours are a dozen levels deep.
DEEPEST: Final = 200


def parsed(text: bytes) -> Any:
    """The document. Raises ValueError where it is not JSON, holds NaN or an infinity, or is nested too deeply."""
    if depth(text) > DEEPEST:
        raise ValueError(f"nested more than {DEEPEST} deep")
    return json.loads(text, parse_constant=_no_number)


def depth(text: bytes) -> int:
    """At least how deeply the brackets of `text` are nested; those within strings count too."""
    signs = np.zeros(256, dtype=np.int64)
    signs[list(b"[{")], signs[list(b"]}")] = 1, -1
    level = np.cumsum(signs[np.frombuffer(text, dtype=np.uint8)])
    if not len(level):
        return 0
    return int((level - np.minimum(np.minimum.accumulate(level), 0)).max())


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")

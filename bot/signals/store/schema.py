"""What a store's segments hold: columns by table. Times are unix seconds UTC, as int64; nothing is ever null."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pyarrow as pa

LOG: Final = "store.jsonl"  # the file that makes a folder a store
SEGMENTS: Final = "segments"
FORMAT: Final = 1

_TEXT, _REAL, _SECOND, _COUNT = pa.string(), pa.float64(), pa.int64(), pa.int32()

# `topic` is the name in use when it was said, `key` the name under which its history goes on (see `identity`);
# `revision` counts the values that were said of one moment, from 0.
OBSERVATIONS: Final = pa.schema(
    [
        *(("series", _TEXT), ("topic", _TEXT), ("entity", _TEXT), ("key", _TEXT), ("value", _REAL)),
        *(("observed_at", _SECOND), ("published_at", _SECOND), ("received_at", _SECOND), ("revision", _COUNT)),
    ]
)
BARS: Final = pa.schema(
    [
        *(("source", _TEXT), ("asset", _TEXT), ("bar", _TEXT), ("time", _SECOND)),
        *((name, _REAL) for name in ("open", "high", "low", "close", "volume_quote")),
        *(("published_at", _SECOND), ("received_at", _SECOND), ("revision", _COUNT)),
    ]
)
# Values that leapt as a slipped decimal point does: not believed until others confirm them (see `judge.leap`).
HELD: Final = pa.schema([("series", _TEXT), ("key", _TEXT), ("moment", _SECOND), ("value", _REAL)])
REFUSED: Final = pa.schema(
    [*((name, _TEXT) for name in ("source", "field", "asset", "reason", "raw")), ("seen_at", _SECOND)]
)
LISTINGS: Final = pa.schema(
    [("asset", _TEXT), ("listed_at", _SECOND), ("delisted_at", _SECOND), ("reason", _TEXT)]  # -1: not known
)
TABLES: Final[Mapping[str, pa.Schema]] = {
    "observations": OBSERVATIONS,
    "bars": BARS,
    "held": HELD,
    "refused": REFUSED,
    "listings": LISTINGS,
}

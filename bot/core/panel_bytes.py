"""A panel as bytes: what is hashed, what is kept beside a decision, and what comes out of that again, bit for bit.

One line of canonical JSON (venues, fields, rows, whether observation times are there), then the arrays: little endian,
times first, each field by name. Plain enough to be read without Patron, and nothing in it can be executed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np

from bot.core.panel import Floats, Panel, Times
from bot.core.strict_json import canonical, parsed

_HEADING: Final = frozenset({"venues", "fields", "rows", "observed"})
_LONGEST_HEADING: Final = 1 << 20  # bytes


def panel_bytes(panel: Panel) -> bytes:
    """The panel, the same bytes for equal panels on every machine."""
    return b"".join(_parts(panel))


def panel_digest(panel: Panel) -> str:
    """SHA-256 of `panel_bytes`, hexadecimal."""
    digest = hashlib.sha256()
    for part in _parts(panel):
        digest.update(part)
    return digest.hexdigest()


def panel_from(content: bytes) -> Panel:
    """The panel of `panel_bytes`. Raises ValueError, in one line, for anything else."""
    line, found, rest = content[:_LONGEST_HEADING].partition(b"\n")
    if not found:
        raise ValueError("no heading")
    venues, names, rows, observed = _heading(parsed(line))
    rest = content[len(line) + 1 :]
    columns = len(venues)
    if len(rest) != 8 * rows * (1 + observed + len(names) * columns):
        raise ValueError(f"{len(rest)} bytes of numbers, its heading speaks of {rows} rows of {len(names)} fields")
    times = np.frombuffer(rest, "<i8", rows * (1 + observed)).astype(np.int64).reshape(1 + observed, rows)
    start = times.nbytes
    numbers = np.frombuffer(rest, "<f8", offset=start).astype(np.float64).reshape(len(names), rows, columns)
    fields = {name: numbers[place].copy() for place, name in enumerate(names)}
    panel = Panel(times[0].copy(), venues, fields, times[1].copy() if observed else None)
    if panel_bytes(panel) != content:
        raise ValueError("not as it is written: the same panel has other bytes")
    return panel


def joined(panels: list[Panel]) -> Panel:
    """Panels that follow one another in time as one. Raises ValueError where they do not, or differ in columns."""
    first = panels[0]
    for panel in panels[1:]:
        kinds = (panel.venues, sorted(panel.fields), panel.observed is None)
        if kinds != (first.venues, sorted(first.fields), first.observed is None):
            raise ValueError("rows of other venues or fields than those before them")
    observed = [panel.observed for panel in panels if panel.observed is not None]
    return Panel(
        np.concatenate([panel.times for panel in panels]),
        first.venues,
        {name: np.concatenate([panel.fields[name] for panel in panels]) for name in first.fields},
        np.concatenate(observed) if observed else None,
    )


def _parts(panel: Panel) -> Iterator[bytes]:
    names = sorted(panel.fields)
    heading = {
        "venues": list(panel.venues),
        "fields": names,
        "rows": len(panel),
        "observed": panel.observed is not None,
    }
    yield canonical(heading).encode() + b"\n"
    yield _bytes(panel.times, "<i8")
    if panel.observed is not None:
        yield _bytes(panel.observed, "<i8")
    for name in names:
        values = panel.fields[name]
        yield _bytes(np.where(np.isnan(values), np.nan, values), "<f8")  # one NaN, whoever made it


def _bytes(values: Floats | Times, kind: str) -> bytes:
    return np.ascontiguousarray(values, dtype=kind).tobytes()


def _heading(document: Any) -> tuple[tuple[str, ...], list[str], int, bool]:
    if not isinstance(document, Mapping) or document.keys() != _HEADING:
        raise ValueError("not the heading of a panel")
    venues, names, rows, observed = (document[name] for name in ("venues", "fields", "rows", "observed"))
    if not (_texts(venues) and _texts(names) and type(rows) is int and type(observed) is bool):
        raise ValueError("not the heading of a panel")
    if rows < 1 or not venues or len(set(venues)) < len(venues) or not set(names) >= {"close", "volume"}:
        raise ValueError("a panel has rows, venues that do not repeat, close and volume")
    return tuple(venues), list(names), rows, observed


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)

"""Files of anyone's into a point-in-time store, by the same column maps that make a catalogue of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
import pandas as pd

from bot.core.observation import Bar, Observation
from bot.signals.columnmap import PriceMap, SignalMap
from bot.signals.importer import MapReport, Taken, found_maps
from bot.signals.storage import micros_of
from bot.signals.store.signal_store import Appended, SignalStore

ROWS: Final = 100_000  # of an append: a stop loses no more than one of them, and the same import goes on from there
_MICROS: Final = 1_000_000
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StoreImport:
    """What one map took out of its files, and what the store made of that."""

    taken: MapReport
    appended: Appended


def import_into_store(
    source: Path | str,
    destination: Path | str,
    maps: Sequence[Path | str] | None = None,
    progress: Callable[[str], None] | None = None,
    received_at: int | None = None,
) -> tuple[str, tuple[StoreImport, ...]]:
    """(the store's digest, what became of each map's rows) after appending every file that a map knows.

    Rows that the store knows already are counted as duplicates, so an import may be repeated. A map that names a column
    for ``published_at`` dates its revisions itself; of any other a changed value counts from now. Raises DataError.
    """
    found = found_maps(Path(source), maps)
    store = SignalStore.open(destination, create=True)
    done = []
    for name, (column_map, files) in found.items():
        taken = Taken()
        report = taken.take(name, column_map, files, progress or (lambda line: None))
        dated = isinstance(column_map, SignalMap) and column_map.published_at is not None
        total = Appended()
        for series, frame in taken.signals.items():
            for batch in _batches(_observations(series, frame)):
                total = _sum(total, store.append(batch, received_at=received_at, revisions_dated=dated))
        said_by = (column_map.source if isinstance(column_map, PriceMap) else None) or name
        for bars in _batches(_bars(said_by, taken.prices)):
            total = _sum(total, store.append(bars=bars, received_at=received_at))
        for table in taken.listings:
            store.append_listings(table, received_at)
        done.append(StoreImport(report, total))
    return store.digest, tuple(done)


def _observations(series: str, frame: pd.DataFrame) -> Iterator[Observation]:
    """In order of publication. Times are whole seconds: nothing is known a part of a second early."""
    ordered = frame.sort_values(["published_at", "observed_at", "topic"], kind="stable")
    observed = micros_of(ordered["observed_at"]) // _MICROS
    published = -(-micros_of(ordered["published_at"]) // _MICROS)
    columns = (ordered["topic"].tolist(), ordered["value"].tolist(), observed.tolist(), published.tolist())
    for topic, value, at, known in zip(*columns, strict=True):
        yield Observation(series, topic, "", value, at, known)


def _bars(source: str, prices: dict[tuple[str, str], pd.DataFrame]) -> Iterator[Bar]:
    for (bar, asset), frame in prices.items():
        closes = (micros_of(frame["time"]) // _MICROS).astype(np.int64).tolist()
        names = ("open", "high", "low", "close", "volume_quote")
        columns = [frame[name].tolist() for name in names]
        for at, opened, high, low, close, volume in zip(closes, *columns, strict=True):
            yield Bar(source, asset, bar, at, opened, high, low, close, volume, at)


def _batches(rows: Iterator[T]) -> Iterator[list[T]]:
    while batch := list(islice(rows, ROWS)):
        yield batch


def _sum(one: Appended, other: Appended) -> Appended:
    return Appended(
        one.kept + other.kept,
        one.duplicates + other.duplicates,
        one.revised + other.revised,
        one.refused + other.refused,
    )

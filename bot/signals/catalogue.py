"""A catalogue of market data and trend signals: a documented directory of Parquet, or the same in memory.

``prices/<bar>/<ASSET>.parquet`` stamps each bar with its CLOSE (exchanges stamp the open: the importer shifts
it). ``signals/<source>.parquet`` says for each value when it was observed and when it was published.
``pools/`` is kept free for pool event files. ``catalogue.yaml`` names every dataset with its digests; a file
that it does not name is not part of the catalogue. The format is written down in docs/data-format.md.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import translate
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bot.core.panel import Floats, Panel, Times
from bot.core.universe import Universe
from bot.errors import DataError, located
from bot.signals.alignment import close_and_volume, growth_index
from bot.signals.listings import Listing, listings_of, no_listings
from bot.signals.storage import (
    ASSET_SCHEMA,
    ASSETS_PATH,
    BARS,
    FORMAT,
    MANIFEST,
    PRICE_SCHEMA,
    SIGNAL_SCHEMA,
    Dataset,
    Kind,
    Manifest,
    check_file,
    content_digest,
    described,
    fitted,
    micros_of,
    price_path,
    read_file,
    read_manifest,
    refuse_twins,
    schema_of,
    seconds_of,
    signal_path,
    yaml,
)
from bot.signals.store.schema import LOG


@dataclass(frozen=True, slots=True)
class _Entry:
    """One dataset: its frame is in memory, or still on disk."""

    content: str
    dataset: Dataset | None
    frame: pd.DataFrame | None


class Catalogue:
    """Prices and signals by name. `kind` says if they were recorded or made up; `digest` identifies them."""

    def __init__(self, title: str, kind: Kind, seed: int | None, entries: dict[str, _Entry], root: Path | None) -> None:
        """Use `open` or `of`."""
        self.title = title
        self.kind: Kind = kind
        self.seed = seed
        self.root = root
        self._entries = dict(sorted(entries.items()))

    @classmethod
    def of(
        cls,
        title: str,
        kind: Kind,
        prices: Mapping[tuple[str, str], pd.DataFrame],
        signals: Mapping[str, pd.DataFrame],
        seed: int | None = None,
        assets: pd.DataFrame | None = None,
    ) -> Catalogue:
        """A catalogue in memory. `prices` is keyed (bar, asset), `signals` by source; the frames are copied.

        `assets`: when each was listed and delisted, and why. Raises DataError naming dataset and column when a frame
        does not have the format's columns, and both names where two differ in letter case alone.
        """
        frames = {price_path(asset, bar): (frame, PRICE_SCHEMA) for (bar, asset), frame in prices.items()}
        frames |= {signal_path(source): (frame, SIGNAL_SCHEMA) for source, frame in signals.items()}
        if assets is not None and len(assets):
            frames[ASSETS_PATH] = (assets, ASSET_SCHEMA)
        refuse_twins(frames, title)
        entries = {}
        for path, (frame, schema) in frames.items():
            fit = fitted(frame, schema, path)
            entries[path] = _Entry(content_digest(fit), None, fit)
        return cls(title, kind, seed, entries, None)

    @classmethod
    def open(cls, path: Path | str) -> Catalogue:
        """The catalogue at `path`, or that of a store there; every file is checked for digest before any is used.

        Raises DataError naming the file, and the column where one is at fault.
        """
        root = Path(path)
        if is_store(root):
            from bot.signals.store.signal_store import SignalStore

            return SignalStore.open(root).catalogue()
        manifest = read_manifest(root / MANIFEST)
        refuse_twins([dataset.path for dataset in manifest.datasets], root / MANIFEST)
        entries: dict[str, _Entry] = {}
        for dataset in manifest.datasets:
            check_file(root / dataset.path, dataset)
            entries[dataset.path] = _Entry(dataset.content, dataset, None)
        return cls(manifest.title, manifest.kind, manifest.seed, entries, root)

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over the names and contents of all datasets: equal in memory and on disk."""
        lines = [f"{path} {entry.content}\n" for path, entry in self._entries.items()]
        return hashlib.sha256("".join([f"{FORMAT} {self.kind}\n", *lines]).encode()).hexdigest()

    def paths(self) -> tuple[str, ...]:
        """Names of all datasets, sorted."""
        return tuple(self._entries)

    def bars(self) -> tuple[str, ...]:
        """The bar lengths for which there are prices, shortest first."""
        return tuple(bar for bar in BARS if self.assets(bar))

    def assets(self, bar: str) -> tuple[str, ...]:
        """Assets with prices in bars of that length, sorted."""
        prefix = f"prices/{bar}/"
        return tuple(
            path.removeprefix(prefix).removesuffix(".parquet") for path in self._entries if path.startswith(prefix)
        )

    def sources(self) -> tuple[str, ...]:
        """Signal sources, sorted."""
        prefix = "signals/"
        return tuple(
            path.removeprefix(prefix).removesuffix(".parquet") for path in self._entries if path.startswith(prefix)
        )

    def prices(self, asset: str, bar: str) -> pd.DataFrame:
        """time (bar close, UTC), open, high, low, close, volume_quote (money per bar). Raises DataError."""
        return self._frame(price_path(asset, bar), f"no {bar} prices of {asset}", partial(self.assets, bar))

    def signals(self, source: str) -> pd.DataFrame:
        """topic, value, observed_at, published_at (UTC). Raises DataError if the source is unknown."""
        return self._frame(signal_path(source), f"no signal source {source}", self.sources)

    def listings(self) -> pd.DataFrame:
        """asset, listed_at, delisted_at (UTC, NaT where not stated), reason: as the data says, empty if it does not."""
        if ASSETS_PATH not in self._entries:
            return no_listings()
        return self._frame(ASSETS_PATH)

    def write(self, path: Path | str) -> None:
        """Writes the catalogue to the directory `path`: all of it appears at once, or nothing does.

        An older catalogue there is replaced. Raises DataError when `path` holds anything else.
        """
        target = Path(path)
        if target.exists() and not (target / MANIFEST).is_file() and (not target.is_dir() or any(target.iterdir())):
            raise DataError(located(target, "", "exists and is not a catalogue: name another directory"))
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        except OSError as error:
            raise DataError(located(target, "", f"cannot write here: {error.strerror}")) from error
        try:
            self._fill(fresh)
            fresh.chmod(0o755)
            if target.exists():
                retired = fresh.with_name(fresh.name + ".old")
                target.rename(retired)
                fresh.rename(target)
                shutil.rmtree(retired)
            else:
                fresh.rename(target)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def _fill(self, root: Path) -> None:
        datasets = []
        for path, content in [(path, entry.content) for path, entry in self._entries.items()]:
            frame = self._frame(path)
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            schema = schema_of(path)
            pq.write_table(pa.Table.from_pandas(frame, schema=schema, preserve_index=False), file, compression="zstd")
            sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
            datasets.append(described(path, frame, content, sha256))
        manifest = Manifest(format=FORMAT, title=self.title, kind=self.kind, seed=self.seed, datasets=datasets)
        with (root / MANIFEST).open("w", encoding="utf-8") as stream:
            yaml().dump(manifest.model_dump(), stream)
            stream.flush()
            os.fsync(stream.fileno())

    def _frame(self, path: str, missing: str = "", known: Callable[[], tuple[str, ...]] = tuple) -> pd.DataFrame:
        entry = self._entries.get(path)
        if entry is None:
            raise DataError(located(self.root or self.title, "", f"{missing}; there are: {some_of(known())}"))
        if entry.frame is not None:
            return entry.frame.copy(deep=False)
        assert entry.dataset is not None
        assert self.root is not None
        frame = read_file(self.root / path, entry.dataset)
        self._entries[path] = _Entry(entry.content, entry.dataset, frame)
        return frame.copy(deep=False)


def is_store(path: Path) -> bool:
    """Whether the folder is a point-in-time store (`bot/signals/store`), which shows itself as a catalogue."""
    return (path / LOG).is_file()


def is_catalogue(path: Path) -> bool:
    """Whether `Catalogue.open` takes the folder: a catalogue, or a store."""
    return (path / MANIFEST).is_file() or is_store(path)


def some_of(names: tuple[str, ...]) -> str:
    """The first twenty of `names`, for a line that says what there is."""
    return (", ".join(names[:20]) + (" …" if len(names) > 20 else "")) or "none"


def build_panel(
    catalogue: Catalogue,
    universe: Universe,
    bar: str,
    sources: tuple[str, ...],
    start: int | None = None,
    end: int | None = None,
) -> Panel:
    """Everything known about the universe's venues: a row per bar close, from the first of any to the last.

    Column 0 is idle: close 1, volume 0, signals NaN. A missing close is carried at most two bars, and never past the
    day on which `Catalogue.listings` says that the asset was delisted.
    `signal:<source>` is the growth index (see `growth_index`) of the topics that ``venue.topics[source]``
    names, exactly or as globs, letter case ignored. `start` and `end` (unix seconds, both included) cut rows
    and change none: row t is made of data published by t only. Raises DataError naming what is missing.
    """
    if bar not in BARS:
        raise DataError(located(catalogue.root or catalogue.title, "bar", f"not one of {', '.join(BARS)}", bar))
    if not universe.risky:
        raise DataError(located(catalogue.root or catalogue.title, "venues", "the universe has no venue but idle"))
    listed = listings_of(catalogue.listings())
    series = {
        venue.asset: _price_arrays(catalogue, venue.asset, bar, listed.get(venue.asset, Listing()))
        for venue in universe.risky
    }
    first = min(int(times[0]) for times, _, _ in series.values())
    last = max(int(times[-1]) for times, _, _ in series.values())
    grid = np.arange(first, last + 1, BARS[bar], dtype=np.int64)
    for asset, (times, _, _) in series.items():
        off = np.flatnonzero((times - first) % BARS[bar])
        if len(off):
            at = pd.Timestamp(int(times[off[0]]), unit="s", tz="UTC")
            raise DataError(
                located(price_path(asset, bar), "time", f"{asset} at {at} is not on the grid of {bar} bars")
            )

    shape = (len(grid), len(universe))
    fields: dict[str, Floats] = {"close": np.ones(shape), "volume": np.zeros(shape)}
    newest = np.full(len(grid), first, dtype=np.int64)
    for column, venue in enumerate(universe.venues[1:], start=1):
        fields["close"][:, column], fields["volume"][:, column] = close_and_volume(
            series[venue.asset][0], grid, *series[venue.asset][1:]
        )
        newest[(series[venue.asset][0] - first) // BARS[bar]] = series[venue.asset][0]
        if venue.asset in listed:  # nothing is carried past the day it was delisted
            gone = grid > listed[venue.asset].delisted_at
            fields["close"][gone, column] = fields["volume"][gone, column] = np.nan
    for source in sources:
        fields[f"signal:{source}"] = _signal_field(catalogue, universe, source, grid)
    low = 0 if start is None else int(np.searchsorted(grid, start, side="left"))
    high = len(grid) if end is None else int(np.searchsorted(grid, end, side="right"))
    if low >= high:
        span = " to ".join(str(pd.Timestamp(at, unit="s", tz="UTC")) for at in (first, last))
        raise DataError(
            located(catalogue.root or catalogue.title, "", f"no {bar} bars between start and end; data is {span}")
        )
    return Panel(grid, universe.ids, fields, np.maximum.accumulate(newest)).rows(low, high)


def _price_arrays(catalogue: Catalogue, asset: str, bar: str, listing: Listing) -> tuple[Times, Floats, Floats]:
    frame = catalogue.prices(asset, bar)
    times = seconds_of(frame["time"])
    if not len(times):
        raise DataError(located(price_path(asset, bar), "", f"{asset} has no rows"))
    wrong = np.flatnonzero(np.diff(times) <= 0)
    if len(wrong):
        raise DataError(
            located(price_path(asset, bar), "time", f"{asset} does not rise after {frame['time'].iloc[wrong[0]]}")
        )
    close, volume = (frame[name].to_numpy(dtype=np.float64) for name in ("close", "volume_quote"))
    within = listing.within(times)
    if within.all():
        return times, close, volume
    if not within.any():
        raise DataError(located(price_path(asset, bar), "", f"{asset} has no bar between its listing and delisting"))
    return times[within], close[within], volume[within]


def _signal_field(catalogue: Catalogue, universe: Universe, source: str, grid: Times) -> Floats:
    frame = catalogue.signals(source)
    codes, names = pd.factorize(frame["topic"], sort=True)
    value = frame["value"].to_numpy(dtype=np.float64)
    observed, published = micros_of(frame["observed_at"]), micros_of(frame["published_at"])
    bad = np.flatnonzero(~(value >= 0.0) | np.isinf(value))
    if len(bad):
        problem = f"topic {frame['topic'].iloc[bad[0]]} is not a level"
        raise DataError(located(signal_path(source), "value", problem, value[bad[0]]))
    field = np.full((len(grid), len(universe)), np.nan)
    lowered = [str(name).lower() for name in names]
    for column, venue in enumerate(universe.venues[1:], start=1):
        patterns = venue.topics.get(source, ())
        if not patterns:
            continue
        named = re.compile("|".join(translate(pattern.lower()) for pattern in patterns)).match
        wanted = np.array([named(name) is not None for name in lowered], dtype=bool)
        if wanted.any():
            rows = wanted[codes]
            field[:, column] = growth_index(
                codes[rows].astype(np.int64), value[rows], observed[rows], published[rows], grid
            )
    return field

"""The point-in-time store: what sources said, with both clocks, appended and never rewritten.

    store.jsonl                           a chained log: a line an append, which names its segments and their digests
    segments/00000001.<table>.parquet

An append is there when its line is: segments are written, synced and renamed before, and files that no line names were
never part of the store. Whatever else lies in the folder is none of its business.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from bot.chained_log import Line
from bot.core.observation import Bar, Observation, RefusedRow
from bot.core.strict_json import digest_of
from bot.errors import DataError, StorageError, located
from bot.signals.catalogue import Catalogue
from bot.signals.store import segments
from bot.signals.store.identity import Identities
from bot.signals.store.intake import Decided, Moment, Track, Version, decide
from bot.signals.store.judge import Said
from bot.signals.store.schema import FORMAT, LOG, TABLES
from bot.signals.store.served import listings_served, prices_served, utc
from bot.signals.store.tables import Tables, table_of

_SIGNAL = "key AS topic, value, observed_at, published_at"


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of an append's rows: kept (revisions among them), known already, kept as revisions, refused."""

    kept: int = 0
    duplicates: int = 0
    revised: int = 0
    refused: int = 0


class SignalStore:
    """A store on disk. One process writes at a time, any number read; each sees what was appended since it looked."""

    def __init__(self, root: Path) -> None:
        """Use `open`."""
        self.root = root
        self._log = segments.log_of(root)
        self._tables = Tables()
        self._lines, self._digest = 0, digest_of([])
        self._known: _Known | None = None  # made when something is appended

    @classmethod
    def open(cls, root: Path | str, create: bool = False) -> SignalStore:
        """The store at `root`; with `create` a new one where nothing is yet.

        Every line is checked, and every segment that opening needs (`verify` checks all). Raises DataError naming the
        file or line that is not as it was written, StorageError.
        """
        root = Path(root)
        if not (root / LOG).exists():
            if not create:
                raise DataError(located(root, "", f"not a store: there is no {LOG}"))
            if root.exists() and (not root.is_dir() or any(root.iterdir())):
                raise DataError(located(root, "", "exists and is not a store: name another folder"))
        if create:
            try:
                root.mkdir(parents=True, exist_ok=True)
                (root / LOG).touch(exist_ok=True)  # first: a stop here leaves a store without lines, not a riddle
                segments.sweep(root)
            except OSError as error:
                raise StorageError(f"{root}: {error.strerror}") from None
        store = cls(root)
        store.refresh()
        return store

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the log's last line, and so of every line and segment before; of no lines where empty."""
        self.refresh()
        return self._digest

    def refresh(self) -> None:
        """Takes in what other processes appended. Raises DataError."""
        self._take_in(self._log.read())

    def append(
        self,
        observations: Iterable[Observation] = (),
        bars: Iterable[Bar] = (),
        refused: Iterable[RefusedRow] = (),
        received_at: int | None = None,
        revisions_dated: bool = False,
    ) -> Appended:
        """Judges every row again and keeps what is sound: on disk when this returns, all of it or nothing.

        `received_at`: unix seconds, the clock's without it; a clock that fell behind the append before is not believed.
        `revisions_dated`: the source itself says since when a value that it changed was so; else that counts from
        `received_at`. Raises StorageError, LockHeld, DataError.
        """
        now = int(time.time()) if received_at is None else received_at
        made: list[tuple[Decided, dict[str, pa.Table]]] = []

        def line(lines: tuple[Line, ...]) -> Line | None:
            self._take_in(lines)
            if self._known is None:
                self._known = _Known(self._tables)
            at = max(
                [now, *(int(before["received_at"]) for before in lines[-1:])]
            )  # a clock that fell back is not believed
            decided = decide(self._known, observations, bars, refused, at, revisions_dated)
            tables = {
                "observations": table_of(decided.observations, TABLES["observations"]),
                "bars": table_of(decided.bars, TABLES["bars"]),
                "held": table_of(decided.held, TABLES["held"]),
                "refused": self._tables.new_refusals(decided.refused),
            }
            made.append((decided, tables))
            return self._line(lines, at, tables)

        try:
            lines = self._log.append(line)
        except BaseException:
            self._forget()  # what was decided did not come to be
            raise
        decided, tables = made[0]
        if len(lines) > self._lines:
            self._add(tables, lines)
            if segments.to_roll(lines):
                self._roll_up(now)
        return Appended(
            len(decided.observations) + len(decided.bars), decided.duplicates, decided.revised, len(decided.refused)
        )

    def append_listings(self, listings: pd.DataFrame, received_at: int | None = None) -> None:
        """Keeps when assets were listed and delisted, and why (`storage.ASSET_SCHEMA`); what is said later wins."""
        now = int(time.time()) if received_at is None else received_at
        seconds = {
            name: listings[name].dt.as_unit("s").astype("int64").where(listings[name].notna(), -1)
            for name in ("listed_at", "delisted_at")
        }
        table = pa.Table.from_pandas(
            listings.assign(**seconds)[TABLES["listings"].names], schema=TABLES["listings"], preserve_index=False
        )
        if not table.num_rows:
            return
        lines = self._log.append(lambda before: self._line(before, now, {"listings": table}))
        self._take_in(lines)

    def series(self) -> tuple[str, ...]:
        """Names of the series of signals, sorted."""
        return tuple(str(name) for (name,) in self.rows("SELECT DISTINCT series FROM observations ORDER BY 1"))

    def signals(self, series: str) -> pd.DataFrame:
        """topic, value, observed_at, published_at (UTC), every revision, as a catalogue holds them.

        A topic is known by the first name that its entity had. Raises DataError where there is no such series.
        """
        order = "topic, published_at, observed_at, revision"
        query = f"SELECT {_SIGNAL} FROM observations WHERE series = ? ORDER BY {order}"  # noqa: S608 names of ours
        found = self.frame(query, [series])
        if not len(found):
            raise DataError(located(self.root, "", f"no series {series}; there are: {', '.join(self.series())}"))
        return _timed(found)

    def as_of(self, series: str, at: int) -> pd.DataFrame:
        """topic, value, observed_at, published_at (UTC), revision: of each moment the newest value known at `at`."""
        found = self.frame(
            f"SELECT {_SIGNAL}, revision FROM observations WHERE series = ? AND published_at <= ? "  # noqa: S608
            "QUALIFY row_number() OVER (PARTITION BY key, observed_at ORDER BY published_at DESC, revision DESC) = 1 "
            "ORDER BY topic, observed_at",
            [series, at],
        )
        return _timed(found)

    def newest(self, series: str) -> int:
        """The newest `observed_at` of a series (unix seconds), 0 if it has none: where back-filling goes on."""
        ((newest,),) = self.rows("SELECT coalesce(max(observed_at), 0) FROM observations WHERE series = ?", [series])
        return int(str(newest))

    def refused(self) -> pd.DataFrame:
        """source, field, asset, reason, raw, seen_at (UTC) of every refused row, oldest first."""
        return _timed(self.frame("SELECT * FROM refused ORDER BY seen_at, rowid"), ("seen_at",))

    def catalogue(self) -> Catalogue:
        """The whole store as a catalogue of recorded data.

        A bar is what was first said of it, by the source that was first to say anything of its asset; other sources
        of the same bars are for comparison (`dating`).
        """
        signals = {name: self.signals(name) for name in self.series()}
        title = f"store {self.root.name}"
        return Catalogue.of(title, "recorded", prices_served(self), signals, assets=listings_served(self))

    def frame(self, query: str, values: Sequence[object] = ()) -> pd.DataFrame:
        """A query of this package on the store's tables (`schema`), brought up to date first."""
        self.refresh()
        return self._tables.frame(query, values)

    def rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """As `frame`, as tuples."""
        self.refresh()
        return self._tables.rows(query, values)

    def unnamed(self) -> tuple[str, ...]:
        """Segment files that the log does not name: left by a stopped append, or the log was cut at its end."""
        return segments.unnamed(self.root, self._log.read())

    def verify(self) -> None:
        """Checks every segment, those too that opening does not need. Raises DataError naming the one that changed."""
        segments.verify(self.root, self._log.read())

    def _line(self, lines: tuple[Line, ...], now: int, tables: Mapping[str, pa.Table]) -> Line | None:
        entries = segments.written(self.root, len(lines) + 1, tables)
        return {"format": FORMAT, "received_at": now, "segments": entries} if entries else None

    def _take_in(self, lines: tuple[Line, ...]) -> None:
        """The tables and what is known, brought up to the log's `lines`."""
        if len(lines) < self._lines or (self._lines and lines[self._lines - 1]["digest"] != self._digest):
            raise DataError(located(self.root / LOG, "", "it is not the log that was read before: open the store anew"))
        if len(lines) == self._lines:
            return
        fresh = segments.plain(lines[self._lines :]) if self._lines else segments.shortest(lines)
        for name, rows in segments.joined(self.root, fresh).items():
            self._tables.add(name, rows)
        self._lines, self._digest = len(lines), lines[-1]["digest"]
        self._known = None

    def _roll_up(self, now: int) -> None:
        def line(lines: tuple[Line, ...]) -> Line | None:
            self._take_in(lines)  # what others appended meanwhile
            span = segments.to_roll(lines)
            if span is None:
                return None
            rolled = segments.joined(self.root, segments.plain(lines[span[0] - 1 : span[1]]))
            return {**(self._line(lines, now, rolled) or {}), "rolled": list(span)}

        self._add({}, self._log.append(line))

    def _add(self, tables: Mapping[str, pa.Table], lines: tuple[Line, ...]) -> None:
        for name, rows in tables.items():
            self._tables.add(name, rows)
        self._lines, self._digest = len(lines), lines[-1]["digest"]

    def _forget(self) -> None:
        self._tables = Tables()
        self._lines, self._digest = 0, digest_of([])
        self._known = None


class _Known:
    """See `intake.Known`: what is asked at every append is remembered, the rest is looked up."""

    def __init__(self, tables: Tables) -> None:
        self.identities: Identities = tables.identities()
        self.tails: dict[Track, list[Said]] = tables.tails()
        self.held: dict[Track, list[Said]] = tables.held()
        self._tables = tables

    def versions(self, moments: Sequence[Moment]) -> Mapping[Moment, list[Version]]:
        return self._tables.versions(moments)

    def history(self, late: Mapping[Track, tuple[int, int]]) -> Mapping[Track, list[Said]]:
        return self._tables.history(late)


def _timed(frame: pd.DataFrame, columns: tuple[str, ...] = ("observed_at", "published_at")) -> pd.DataFrame:
    """`frame` with unix seconds as UTC times."""
    return frame.assign(**{name: utc(frame[name].to_numpy(dtype=np.int64)) for name in columns})

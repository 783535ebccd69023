"""A catalogue as a feed: at any time, the panel of what was published by then."""

from __future__ import annotations

import bisect
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from bot.core.panel import Panel, Times
from bot.core.universe import Universe
from bot.errors import DataError, located
from bot.signals.catalogue import Catalogue, build_panel, is_store
from bot.signals.quality import refuse_errors
from bot.signals.storage import BARS, MANIFEST, seconds_of
from bot.signals.store.schema import LOG

if TYPE_CHECKING:
    from bot.signals.store.signal_store import SignalStore

PanelOf = Callable[[Catalogue, Universe, str, tuple[str, ...]], Panel]


class CatalogueFeed:
    """Replays a catalogue. The panel is built once and sliced: a row holds what was published by its time.

    Raises DataError when the catalogue cannot serve the universe, as `build_panel` does.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        universe: Universe,
        bar: str,
        sources: tuple[str, ...],
        panel_of: PanelOf = build_panel,
    ) -> None:
        """`panel_of`: what makes the panel, where that is more than prices and signals."""
        self._panel = panel_of(catalogue, universe, bar, sources)
        self._name = catalogue.title
        self._catalogue, self._sources = catalogue, sources
        self.bar_seconds = BARS[bar]

    def times(self) -> Times:
        """(T,) unix seconds of every bar close, read-only."""
        return self._panel.times

    async def panel(self, at: int) -> Panel:
        """The rows published by `at` (unix seconds), as copies. Raises DataError when there are none yet."""
        if at < self._panel.times[0]:
            raise DataError(located(self._name, "", "no bar had closed by then", at))
        return self._panel.upto(at)

    def newest_signal(self, at: int) -> int:
        """When the newest signal published by `at` was published (unix seconds), 0 before the first."""
        found = bisect.bisect_right(self._published, at)
        return self._published[found - 1] if found else 0

    @cached_property
    def _published(self) -> list[int]:
        frames = (self._catalogue.signals(source) for source in self._sources)
        return sorted({second for frame in frames for second in seconds_of(frame["published_at"]).tolist()})


class RefreshingFeed:
    """A feed over a catalogue on disk that somebody else keeps up to date, for a wall clock.

    A catalogue is replaced as a whole and a store's log grows, so either file's change means new data: it is then read
    and checked again. Raises DataError when what is there now would be refused at a start.
    """

    def __init__(
        self,
        root: Path,
        universe: Universe,
        bar: str,
        sources: tuple[str, ...],
        panel_of: PanelOf = build_panel,
    ) -> None:
        self._root, self._universe, self._bar, self._sources = root, universe, bar, sources
        self._panel_of = panel_of
        self._read_at = (-1, -1)
        self._store: SignalStore | None = None
        self._feed = self._fresh()

    async def panel(self, at: int) -> Panel:
        """The rows published by `at` (unix seconds), of the catalogue as it is on disk now."""
        self._feed = self._fresh()
        return await self._feed.panel(at)

    def newest_signal(self, at: int) -> int:
        """When the newest signal published by `at` was published, in the catalogue as it is on disk now."""
        self._feed = self._fresh()
        return self._feed.newest_signal(at)

    def _fresh(self) -> CatalogueFeed:
        try:
            there = (self._root / (LOG if is_store(self._root) else MANIFEST)).stat()
        except OSError as error:
            raise DataError(located(self._root, "", f"the catalogue cannot be read: {error.strerror}")) from None
        written_at = (there.st_mtime_ns, there.st_size)
        if written_at == self._read_at:
            return self._feed
        catalogue = self._catalogue()
        refuse_errors(catalogue, self._universe, self._bar, self._sources)
        self._read_at = written_at
        return CatalogueFeed(catalogue, self._universe, self._bar, self._sources, self._panel_of)

    def _catalogue(self) -> Catalogue:
        """What is on disk now; of a store only what was appended since it was read last is read."""
        if not is_store(self._root):
            return Catalogue.open(self._root)
        from bot.signals.store.signal_store import SignalStore

        self._store = self._store or SignalStore.open(self._root)
        return self._store.catalogue()

"""A catalogue as a feed: at any time, the panel of what was published by then."""

from __future__ import annotations

from bot.core.panel import Panel, Times
from bot.core.universe import Universe
from bot.errors import DataError, located
from bot.signals.catalogue import Catalogue, build_panel
from bot.signals.storage import BARS


class CatalogueFeed:
    """Replays a catalogue. The panel is built once and sliced: a row holds what was published by its time.

    Raises DataError when the catalogue cannot serve the universe, as `build_panel` does.
    """

    def __init__(self, catalogue: Catalogue, universe: Universe, bar: str, sources: tuple[str, ...]) -> None:
        self._panel = build_panel(catalogue, universe, bar, sources)
        self._name = catalogue.title
        self.bar_seconds = BARS[bar]

    def times(self) -> Times:
        """(T,) unix seconds of every bar close, read-only."""
        return self._panel.times

    async def panel(self, at: int) -> Panel:
        """The rows published by `at` (unix seconds), as copies. Raises DataError when there are none yet."""
        if at < self._panel.times[0]:
            raise DataError(located(self._name, "", "no bar had closed by then", at))
        return self._panel.upto(at)

"""What media trends say about venues, as fields of their panel: topics are scored, and bear on assets by an ontology.

For each series the whole of it is scored, topic by topic, as it would have been at each midnight (UTC); who bears on a
venue is said by its own topics or by the ontology; `bot/topics/votes.py` makes fields of what they say. The same
function serves backtests and the daemon. Point in time: a row is made of what was published by its last midnight.
Beside them stand the fields that a strategy file makes of levels and flows themselves (`bot/signals/panel_fields.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bot.config import Config, TrendsConfig
from bot.core.dates import DAY
from bot.core.panel import Floats, Panel, Times
from bot.core.topic_panel import TopicPanel
from bot.core.universe import Universe, Venue
from bot.errors import ConfigError
from bot.topics.listening import Heard, Roster, heard, own_bearings, roster
from bot.topics.names import Lookalike
from bot.topics.ontology import Bearing, Ontology, load_ontology
from bot.topics.votes import FIELDS, Spoken, counted, rise_of, vote_of

if TYPE_CHECKING:
    from bot.scoring.trends.params import TopicParams
    from bot.signals.catalogue import Catalogue
    from bot.signals.feed import PanelOf


@dataclass(frozen=True, slots=True)
class Listening:
    """Of one series: its `topics` (K,), who of them speaks on each venue, and who was refused for a look-alike."""

    series: str
    topics: tuple[str, ...]
    venues: Mapping[str, tuple[Heard, ...]]
    refused: tuple[tuple[str, Lookalike], ...]

    def speaking(self, venue: str) -> tuple[str, ...]:
        """The topics that speak on a venue, those with a name of their own before those that a glob takes in."""
        ranked = sorted(self.venues[venue], key=lambda each: len(each.columns))
        return tuple(dict.fromkeys(self.topics[column] for each in ranked for column in each.columns))


class Trends:
    """The trends of one strategy file. Fits are kept between calls: a feed that is asked again does not fit again."""

    def __init__(self, config: TrendsConfig, ontology: Ontology) -> None:
        self._config, self._ontology = config, ontology
        self._fits: dict[str, MutableMapping[int, Any]] = {}  # by series, then by fit time
        self._spoken: dict[str, tuple[tuple[str, int, int], Spoken]] = {}  # by series: of which data, and what

    def fields(self, catalogue: Catalogue, universe: Universe, times: Times) -> dict[str, Floats]:
        """The fields at `times` (T,), each (T, N). Raises DataError when a series is missing."""
        votes = []
        for series in sorted(self._config.series):
            spoken = self._of(series, catalogue, times)
            row = np.searchsorted(spoken.times, times, side="right") - 1
            vote = np.full((len(FIELDS) - 1, len(times), len(universe)), np.nan)
            votes.append(vote)
            if not len(spoken.times):  # nothing was published by the last row
                continue
            for venue, found in self._listening(series, spoken.topics, universe)[1].items():
                vote[:, :, universe.index(venue)] = np.where(row >= 0, vote_of(spoken, found)[:, row], np.nan)
        return counted(votes)

    def bearings(self, venue: Venue) -> tuple[Bearing, ...]:
        """What bears on a venue: by its own topics where it names some for a series, else by the ontology."""
        known = self._ontology.bearings(venue.asset)
        found: list[Bearing] = []
        for series in self._config.series:
            own = venue.topics.get(series, ())
            found += own_bearings(series, own) if own else [each for each in known if each.series == series]
        return tuple(found)

    def listening(self, catalogue: Catalogue, universe: Universe) -> tuple[Listening, ...]:
        """Who speaks on which venue, series by series, of all topics that the catalogue ever named."""
        found = []
        for series in sorted(self._config.series):
            topics = tuple(sorted({str(each) for each in catalogue.signals(series)["topic"].unique()}))
            called, venues = self._listening(series, topics, universe)
            found.append(Listening(series, topics, venues, called.refused))
        return tuple(found)

    def _listening(
        self, series: str, topics: tuple[str, ...], universe: Universe
    ) -> tuple[Roster, dict[str, tuple[Heard, ...]]]:
        bearings = {venue.id: self.bearings(venue) for venue in universe.risky}
        called = roster(series, topics, (each for some in bearings.values() for each in some), self._ontology)
        return called, {venue: heard(some, called) for venue, some in bearings.items()}

    def params(self, series: str) -> TopicParams:
        """What the scorer of a series' topics is asked for. Raises ConfigError when no model could ever come of it."""
        from bot.scoring.trends.params import TopicParams

        of = self._config
        return TopicParams(
            series=series,
            horizon=of.horizon,
            train=of.train,
            refit=of.refit,
            embargo=of.embargo,
            least_level=of.least_level,
            model=of.model,
            seed=of.seed,
        )

    def _of(self, series: str, catalogue: Catalogue, times: Times) -> Spoken:
        key = (catalogue.digest, int(times[0]), int(times[-1]))
        kept = self._spoken.get(series)
        if kept is None or kept[0] != key:
            cache = self._fits.setdefault(series, {})
            kept = self._spoken[series] = (key, _speak(catalogue, self.params(series), times, cache))
        return kept[1]


def trends_of(config: Config) -> Trends | None:
    """The trends that a strategy file asks for, None where it asks for none. Raises ConfigError for its ontology."""
    if config.trends is None:
        return None
    path = config.trends.ontology
    return Trends(config.trends, load_ontology(Path(path) if path else None))


def panels(config: Config) -> PanelOf:
    """`build_panel`, with what `trends` and `fields` make where a strategy file has them: one function for every rung.

    It takes the series that are *read* (`Config.read`) and keeps what was fitted between calls.
    """
    from bot.signals.catalogue import build_panel
    from bot.signals.panel_fields import FieldSource, panel_fields

    trends = trends_of(config)
    wanted = {name: FieldSource(field.series, field.of, field.times) for name, field in config.fields.items()}
    if trends is None and not wanted:
        return build_panel

    def panel_of(catalogue: Catalogue, universe: Universe, bar: str, sources: tuple[str, ...]) -> Panel:
        signals = tuple(source for source in sources if source in config.signals)
        panel = build_panel(catalogue, universe, bar, signals)
        more = trends.fields(catalogue, universe, panel.times) if trends is not None else {}
        more |= panel_fields(catalogue, universe, panel.times, wanted)
        return Panel(panel.times, panel.venues, {**panel.fields, **more}, panel.observed)

    return panel_of


def check_bearings(config: Config, universe: Universe) -> None:
    """Raises ConfigError naming a series of `trends` of which no venue would ever hear anything."""
    trends = trends_of(config)
    if trends is None or config.trends is None:
        return
    heard = {bearing.series for venue in universe.risky for bearing in trends.bearings(venue)}
    for series in config.trends.series:
        trends.params(series)
        if series not in heard:
            raise ConfigError(
                f"trends.series: nothing in {series} bears on any venue: name topics under venues.<id>.topics, "
                "or give an ontology that knows the series"
            )


def _speak(catalogue: Catalogue, params: TopicParams, times: Times, cache: MutableMapping[int, Any]) -> Spoken:
    """What the topics of a series say at every midnight that a row of `times` could need."""
    from bot.scoring.trends.features import LOOKBACK_DAYS
    from bot.scoring.trends.walkforward import score_topics
    from bot.signals.storage import seconds_of
    from bot.signals.topic_levels import topic_panel

    first = int(times[0]) // DAY * DAY
    # The oldest row that a fit at or before the first one could learn from, and what its features look back on.
    start = first - (params.refit + params.train + LOOKBACK_DAYS * DAY) // DAY * DAY
    published = catalogue.signals(params.series)["published_at"]
    if len(published):  # no earlier than there is data: a fit counts its window from the first row
        start = max(start, -(-int(seconds_of(published).min()) // DAY) * DAY)
    grid = np.arange(start, int(times[-1]) + 1, DAY, dtype=np.int64)
    if not len(grid) or not len(published):
        nobody = np.empty((0, 0))
        return Spoken(grid[:0], (), nobody, nobody, nobody, nobody, params.top)
    panel = _alive(topic_panel(catalogue, params.panel_series, grid, None), params.series)
    scores = score_topics(panel, params, cache, first=int(np.searchsorted(grid, first)))
    widest = params.coverage[0]
    rise = rise_of(panel.levels[params.series])[np.searchsorted(grid, scores.times)]
    width = scores.high[widest] - scores.low[widest]
    return Spoken(scores.times, panel.topics, scores.probability, scores.expected, width, rise, params.top)


def _alive(panel: TopicPanel, series: str) -> TopicPanel:
    """The topics of the panel that are known in any of its rows: a ranking forgets more names than it holds."""
    kept = np.flatnonzero(np.isfinite(panel.levels[series]).any(axis=0))
    levels = {name: values[:, kept] for name, values in panel.levels.items()}
    return TopicPanel(panel.times, tuple(panel.topics[place] for place in kept), levels, panel.born[kept])

"""Two sources of one thing, beside each other: is one of them dated a day off?

A daily bar that an exchange names by its open and another by its close, taken alike, is a day into the future. Neither
source looks wrong by itself; their daily changes do, beside each other: they agree best with a day between them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Final

import numpy as np

from bot.core.panel import Floats, Times
from bot.signals.quality import Finding
from bot.signals.storage import micros_of

if TYPE_CHECKING:
    from bot.signals.catalogue import Catalogue
    from bot.signals.store.signal_store import SignalStore

DAY: Final = 86_400
FARTHEST: Final = 2  # days by which a source may be off and still be compared
LEAST_DAYS: Final = 30  # of changes that both know
LEAST_AGREEMENT: Final = 0.7  # correlation at the best lag: one thing told twice, not two that are related
CLEAR: Final = 0.3  # by which it must beat the correlation of the same days
_PRICES: Final = ("price", "price_usd", "last")  # metrics of signals that are what a bar's close is
_NAMED: Final = 3  # topics that a line has room for


@dataclass(frozen=True, slots=True)
class Track:
    """What `source` says of `what`, day by day: `days` (N,) days since 1970, rising; `values` (N,) at their ends."""

    source: str
    what: str
    days: Times
    values: Floats


@dataclass(frozen=True, slots=True)
class Misdated:
    """`late` says of `what` what `against` said `days` days before: `agreement` there, `same_day` on equal dates."""

    late: str
    against: str
    what: str
    days: int
    agreement: float
    same_day: float
    since: int


def track(source: str, what: str, seconds: Times, values: Floats) -> Track:
    """The last value up to each day's end; a value at midnight belongs to the day that it ends."""
    order = np.argsort(seconds, kind="stable")
    days = -(-seconds[order] // DAY)
    last = np.append(days[1:] != days[:-1], True) if len(days) else np.zeros(0, dtype=np.bool_)
    return Track(source, what, days[last], values[order][last])


def compared(one: Track, other: Track) -> Misdated | None:
    """Which of the two is dated late, None where neither clearly is, or they have too little in common to say."""
    x, y = _changes(one), _changes(other)
    agreement = {lag: _agreement(x, y, lag) for lag in range(-FARTHEST, FARTHEST + 1)}
    best = max(agreement, key=lambda lag: (agreement[lag], -abs(lag), lag))
    if best == 0 or agreement[best] < LEAST_AGREEMENT or agreement[best] - max(agreement[0], 0.0) < CLEAR:
        return None
    late, against = (one, other) if best > 0 else (other, one)
    since = int(max(one.days[0], other.days[0])) * DAY
    return Misdated(late.source, against.source, one.what, abs(best), agreement[best], agreement[0], since)


def misdated(tracks: Iterable[Track]) -> Iterator[Misdated]:
    """Every pair of sources of the same thing that disagree about its days."""
    by_thing: dict[str, list[Track]] = defaultdict(list)
    for each in tracks:
        by_thing[each.what].append(each)
    for _, told in sorted(by_thing.items()):
        for one, other in combinations(sorted(told, key=lambda each: each.source), 2):
            found = compared(one, other)
            if found is not None:
                yield found


def findings(tracks: Iterable[Track]) -> list[Finding]:
    """An error a pair of sources that are dated apart, with what shows it. Nobody can say which of the two is right."""
    pairs: dict[tuple[str, str, int], list[Misdated]] = defaultdict(list)
    for each in misdated(tracks):
        pairs[each.late, each.against, each.days].append(each)
    found = []
    for (late, against, days), told in sorted(pairs.items()):
        named = ", ".join(each.what for each in told[:_NAMED]) + (" …" if len(told) > _NAMED else "")
        shown = f"changes agree {told[0].agreement:.2f} so, {told[0].same_day:.2f} on equal dates"
        plural = "s" if days > 1 else ""
        problem = f"dated {days} day{plural} late against {against} (or that one early): {shown}"
        found.append(Finding("error", late, named, problem, len(told), min(each.since for each in told)))
    return found


def tracks_of(catalogue: Catalogue) -> Iterator[Track]:
    """What a catalogue says twice: bars of one asset in two lengths, signals of one topic and metric from two sources.

    A series is named ``source_metric``; prices among the signals are compared with the bars of the asset of that name.
    """
    for bar in catalogue.bars():
        for asset in catalogue.assets(bar):
            frame = catalogue.prices(asset, bar)
            seconds, close = micros_of(frame["time"]) // 1_000_000, frame["close"].to_numpy(dtype=np.float64)
            yield track(f"prices/{bar}", _price(asset), seconds, close)
    sources: dict[str, list[str]] = defaultdict(list)
    for source in catalogue.sources():
        sources[source.partition("_")[2]].append(source)
    for metric, told in sources.items():
        for source in told if len(told) > 1 or metric in _PRICES else ():
            yield from _signal_tracks(catalogue, source, metric)


def tracks_of_store(store: SignalStore) -> Iterator[Track]:
    """The bars of every source of a store, also of those that its catalogue does not show."""
    query = "SELECT source, bar, asset, time, close FROM bars WHERE revision = 0 ORDER BY ALL"
    for (source, bar, asset), rows in store.frame(query).groupby(["source", "bar", "asset"], sort=True):
        seconds, close = rows["time"].to_numpy(dtype=np.int64), rows["close"].to_numpy(dtype=np.float64)
        yield track(f"{source} ({bar})", _price(str(asset)), seconds, close)


def _signal_tracks(catalogue: Catalogue, source: str, metric: str) -> Iterator[Track]:
    frame = catalogue.signals(source).sort_values(["topic", "observed_at", "published_at"], kind="stable")
    for topic, rows in frame.groupby("topic", sort=True):
        seconds, values = micros_of(rows["observed_at"]) // 1_000_000, rows["value"].to_numpy(dtype=np.float64)
        what = _price(str(topic)) if metric in _PRICES else f"{metric} of {str(topic).lower()}"
        yield track(source, what, seconds, values)


def _price(asset: str) -> str:
    return f"price of {asset.upper()}"


def _changes(told: Track) -> tuple[Times, Floats]:
    """(days, log changes) of the days whose day before is known too."""
    with np.errstate(divide="ignore", invalid="ignore"):
        moved = np.diff(np.log(told.values))
    usable = (np.diff(told.days) == 1) & np.isfinite(moved)
    return told.days[1:][usable], moved[usable]


def _agreement(x: tuple[Times, Floats], y: tuple[Times, Floats], lag: int) -> float:
    """The correlation of x's changes with y's of `lag` days before; 0 where too few days tell, or nothing moves."""
    _, here, there = np.intersect1d(x[0] - lag, y[0], assume_unique=True, return_indices=True)
    one, other = x[1][here], y[1][there]
    if len(one) < LEAST_DAYS or one.std() == 0 or other.std() == 0:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])

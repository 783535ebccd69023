"""What is known of one topic, and since when: `patron data show`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from rich.console import Console
from rich.markup import escape

from bot.core.panel import Floats, Times
from bot.errors import DataError, located
from bot.signals.catalogue import Catalogue, is_store
from bot.signals.sparkline import sparkline
from bot.signals.storage import micros_of
from bot.signals.store.rhythm import Gap, gaps, rhythm
from bot.signals.store.signal_store import SignalStore

WIDTH: Final = 60  # signs of a curve
_SHOWN: Final = 5  # gaps, names, refused rows before the rest is only counted
_DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Told:
    """What one series says of a topic: every revision, in order of publication; times are unix seconds.

    `topic` is the name of its history; `names`: each name with when it was first published under it.
    """

    series: str
    topic: str
    names: tuple[tuple[str, int], ...]
    observed: Times
    published: Times
    values: Floats
    refused: tuple[tuple[int, str, str], ...] = ()  # (seen at, field, reason)

    def known(self, at: int) -> Told:
        """What of it was known at a time."""
        rows = self.published <= at
        arrays = (self.observed[rows], self.published[rows], self.values[rows])
        names = tuple(named for named in self.names if named[1] <= at)
        return Told(self.series, self.topic, names, *arrays, tuple(row for row in self.refused if row[0] <= at))

    def moments(self) -> tuple[Times, Floats]:
        """(observed, value) of each moment by time: the newest revision of each."""
        order = np.lexsort((np.arange(len(self.observed)), self.published, self.observed))
        last = np.append(np.diff(self.observed[order]) != 0, True)[: len(order)]
        return self.observed[order][last], self.values[order][last]


def show_topic(
    topic: str,
    data: Path | str,
    series: str | None = None,
    at: int | None = None,
    plot: Path | None = None,
    json_output: bool = False,
    console: Console | None = None,
) -> int:
    """0 after showing what `data`, a catalogue or store, says of a topic or asset, as known at `at` (unix seconds).

    Raises DataError naming what is like it where nothing is of that name, ConfigError for a plot that is no HTML.
    """
    console, data = console or Console(), Path(data)
    told = found(data, topic, series)
    known = [each for each in (told if at is None else (each.known(at) for each in told)) if len(each.values)]
    if not known:
        when = "" if at is None else f"; the first was published {_day(min(int(each.published[0]) for each in told))}"
        raise DataError(located(data, topic, f"nothing was known of it then{when}"))
    if plot is not None:
        from bot.signals.topic_plot import write_plot

        write_plot(plot, topic, known)
    following = f"patron data check {data}" if at is None else f"patron data show {topic!r} --data {data}"
    if json_output:
        document = {"topic": topic, "at": at, "series": [_facts(each) for each in known], "next": following}
        console.file.write(json.dumps(document, indent=2) + "\n")
        return 0
    for each in known:
        for line in _lines(each):
            console.print(line, highlight=False, soft_wrap=True)
    if plot is not None:
        console.print(f"Plot: {escape(str(plot))}", highlight=False, soft_wrap=True)
    console.print(f"Next: [bold]{escape(following)}[/]", highlight=False, soft_wrap=True)
    return 0


def found(data: Path, topic: str, series: str | None = None) -> list[Told]:
    """What each series says of a topic or asset, by any name that it had, letter case ignored. Raises DataError."""
    told, names = _in_store(data, topic) if is_store(data) else _in_catalogue(data, topic)
    if not told:
        near = get_close_matches(topic.lower(), {name.lower(): None for name in names}, n=3, cutoff=0.5)
        like = f"; like it: {', '.join(near)}" if near else ""
        raise DataError(located(data, topic, f"no topic or asset of that name{like}"))
    if series is not None and series not in {each.series for each in told}:
        there = ", ".join(sorted({each.series for each in told}))
        raise DataError(located(data, "--series", f"{series} says nothing of {topic}; these do: {there}"))
    return [each for each in told if series in (None, each.series)]


def _in_catalogue(data: Path, topic: str) -> tuple[list[Told], list[str]]:
    catalogue = Catalogue.open(data)
    told, names = [], []
    for source in catalogue.sources():
        frame = catalogue.signals(source)
        names += frame["topic"].unique().tolist()
        for name, rows in frame[frame["topic"].str.lower() == topic.lower()].groupby("topic", sort=True):
            ordered = rows.sort_values(["published_at", "observed_at"], kind="stable")
            observed, published = (micros_of(ordered[each]) // 1_000_000 for each in ("observed_at", "published_at"))
            values = ordered["value"].to_numpy(dtype=np.float64)
            told.append(Told(source, str(name), ((str(name), int(published[0])),), observed, published, values))
    for bar in catalogue.bars():
        names += catalogue.assets(bar)
        for asset in (each for each in catalogue.assets(bar) if each.lower() == topic.lower()):
            frame = catalogue.prices(asset, bar)
            times = micros_of(frame["time"]) // 1_000_000
            if len(times):
                close = frame["close"].to_numpy(dtype=np.float64)
                told.append(Told(f"prices/{bar}", asset, ((asset, int(times[0])),), times, times, close))
    return told, names


_SAID = """
SELECT series, key, topic, observed_at, published_at, value FROM observations
SEMI JOIN (SELECT DISTINCT series, key FROM observations WHERE lower(?) IN (lower(topic), lower(key)))
USING (series, key) ORDER BY series, key, published_at, observed_at, revision
"""
_PRICED = """
SELECT source || ' (' || bar || ')' AS series, asset AS key, asset AS topic, time AS observed_at, published_at,
       close AS value FROM bars WHERE lower(asset) = lower(?) ORDER BY series, key, published_at, time, revision
"""
_WRONG = "SELECT source, asset, seen_at, field, reason FROM refused ORDER BY seen_at, rowid"


def _in_store(data: Path, topic: str) -> tuple[list[Told], list[str]]:
    store = SignalStore.open(data)
    rows = pd.concat([store.frame(_SAID, [topic]), store.frame(_PRICED, [topic])], ignore_index=True)
    wrong, all_series = store.rows(_WRONG), set(store.series())
    told = []
    for (series, key), said in rows.groupby(["series", "key"], sort=True):
        since = said.groupby("topic")["published_at"].min()
        names = tuple(sorted(((str(name), int(at)) for name, at in since.items()), key=lambda named: named[::-1]))
        sources = {str(series), str(series).partition(" (")[0]}
        mine = {str(key), *(name for name, _ in names)}
        refused = tuple(
            (int(str(seen)), str(field), str(reason))
            for source, asset, seen, field, reason in wrong
            if (source in sources or source not in all_series) and asset in mine  # connectors name themselves
        )
        observed, published = (said[name].to_numpy(dtype=np.int64) for name in ("observed_at", "published_at"))
        values = said["value"].to_numpy(dtype=np.float64)
        told.append(Told(str(series), str(key), names, observed, published, values, refused))
    known = store.rows("SELECT DISTINCT topic FROM observations UNION SELECT DISTINCT asset FROM bars")
    return told, [str(row[0]) for row in known]


def _facts(told: Told) -> dict[str, object]:
    observed, values = told.moments()
    return {
        "series": told.series,
        "topic": told.topic,
        "names": [{"name": name, "first_published": at} for name, at in told.names],
        "value": float(values[-1]),
        "observed_at": int(observed[-1]),
        "published_at": int(told.published[told.observed == observed[-1]].max()),
        "first_observed": int(observed[0]),
        "first_published": int(told.published[0]),
        "rows": len(told.values),
        "revisions": len(told.values) - len(values),
        "gaps": [{"first": gap.first, "last": gap.last, "missing": gap.missing} for gap in gaps(observed)],
        "refused": [{"seen_at": at, "field": field, "reason": reason} for at, field, reason in told.refused],
        "curve": sparkline(_course(observed, values)),
    }


def _lines(told: Told) -> list[str]:
    observed, values = told.moments()
    holes = gaps(observed)
    published = int(told.published[told.observed == observed[-1]].max())
    lines = [
        f"[bold]{escape(told.series)}[/]  {escape(told.topic)}",
        f"  {sparkline(_course(observed, values))}  {values.min():g} to {values.max():g}",
        f"  newest {values[-1]:g}, observed {_day(int(observed[-1]))}, published {_day(published)}",
        f"  first published {_day(int(told.published[0]))}; {len(values):,} moments,"
        f" {len(told.values) - len(values):,} revisions, {len(told.refused):,} rows refused",
    ]
    lines += [f"  named {escape(name)} since {_day(at)}" for name, at in told.names[:_SHOWN] if len(told.names) > 1]
    lines += [f"  gap: {_gap(gap)}" for gap in holes[:_SHOWN]] + _more(holes, "gaps")
    refused = [f"  [red]refused[/] {_day(at)}: {field}: {escape(why)}" for at, field, why in told.refused[-_SHOWN:]]
    return lines + refused


def _gap(gap: Gap) -> str:
    return f"{_day(gap.first)[:10]} to {_day(gap.last)[:10]}, {gap.missing} missing"


def _more(items: Sequence[object], what: str) -> list[str]:
    return [f"  … and {len(items) - _SHOWN} more {what} (--json lists all)"] if len(items) > _SHOWN else []


def _course(observed: Times, values: Floats) -> Floats:
    """The last value within each of at most `WIDTH` equal stretches of time, NaN where a whole one is silent."""
    steps = min(WIDTH, int(observed[-1] - observed[0]) // (rhythm(observed) * _DAY) + 1)
    cell = np.minimum((observed - observed[0]) * steps // max(int(observed[-1] - observed[0]), 1), steps - 1)
    course = np.full(steps, np.nan)
    course[cell] = values  # by time: the last one of a stretch stays
    return course


def _day(at: int) -> str:
    return f"{pd.Timestamp(at, unit='s', tz='UTC'):%Y-%m-%d %H:%M}"
